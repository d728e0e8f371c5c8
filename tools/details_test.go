package tools_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
)

// detailed is what results say of a login beside its name.
type detailed struct {
	Domain    string
	HasTOTP   bool      `json:"has_totp"`
	Backups   int       `json:"backup_codes_left"`
	HasNotes  *bool     `json:"has_notes"`
	ChangedAt time.Time `json:"password_changed_at"`
}

// everyView returns a login as each of the calls shows it that can.
func everyView(t *testing.T, a *agent, domain string) map[string]detailed {
	t.Helper()
	type one struct{ Credential detailed }
	views := map[string]detailed{
		"shown":  ok[one](t, a.call("get_credential", args{"domain": domain})).Credential,
		"hidden": ok[one](t, a.call("get_credential", args{"domain": domain, "reveal": false})).Credential,
	}
	for _, c := range ok[struct{ Credentials []detailed }](t, a.call("list_credentials", nil)).Credentials {
		if c.Domain == domain {
			views["listed"] = c
		}
	}
	require.Len(t, views, 3)
	return views
}

func TestWhatExistsIsVisible(t *testing.T) {
	for name, h := range map[string]*system{"plain": newSystem(t, sandbox.Config{}), "sealed": sealedSystem(t)} {
		t.Run(name, func(t *testing.T) {
			a := h.worker("viewer")
			ok[credential](t, a.call("save_credential", args{"domain": "full.example", "username": "Bob", "password": "pw", "notes": "n"}))
			ok[totpSet](t, a.call("set_totp", args{"domain": "full.example", "username": "bob", "seed": "JBSWY3DPEHPK3PXP", "backup_codes": codes(3)}))
			ok[credential](t, a.call("save_credential", args{"domain": "codes.example", "username": "bob", "password": "pw"}))
			ok[totpSet](t, a.call("set_totp", args{"domain": "codes.example", "backup_codes": codes(2)}))
			ok[credential](t, a.call("save_credential", args{"domain": "bare.example", "username": "bob", "password": "pw"}))

			for range 2 { // looking uses nothing up
				for view, d := range everyView(t, a, "full.example") {
					assert.True(t, d.HasTOTP, view)
					assert.Equal(t, 3, d.Backups, view)
					assert.True(t, *d.HasNotes, view)
				}
			}
			ok[map[string]any](t, a.call("use_backup_code", args{"domain": "full.example"}))
			for view, d := range everyView(t, a, "full.example") {
				assert.Equal(t, 2, d.Backups, view)
			}
			for view, d := range everyView(t, a, "codes.example") {
				assert.False(t, d.HasTOTP, view)
				assert.Equal(t, 2, d.Backups, view)
				assert.False(t, *d.HasNotes, view)
			}
			for view, d := range everyView(t, a, "bare.example") {
				assert.False(t, d.HasTOTP, view)
				assert.Zero(t, d.Backups, view)
			}
		})
	}
}

// Candidates say it too, so that the right one can be told.
func TestCandidatesSayWhatExists(t *testing.T) {
	a := newSystem(t, sandbox.Config{}).worker("two")
	for _, user := range []string{"bob", "eve"} {
		ok[credential](t, a.call("save_credential", args{"domain": "shop.example", "username": user, "password": "pw"}))
	}
	ok[totpSet](t, a.call("set_totp", args{"domain": "shop.example", "username": "eve", "seed": "JBSWY3DPEHPK3PXP"}))
	got := ok[struct {
		Candidates []struct {
			Username string
			HasTOTP  bool `json:"has_totp"`
		}
	}](t, a.call("get_credential", args{"domain": "shop.example"}))
	require.Len(t, got.Candidates, 2)
	for _, c := range got.Candidates {
		assert.Equal(t, c.Username == "eve", c.HasTOTP)
	}
}

// A Ravi may leave notes out of lists: nothing is claimed about them then.
func TestUnlistedNotesAreNotDenied(t *testing.T) {
	a := newSystem(t, sandbox.Config{HidePasswords: true}).worker("viewer")
	ok[credential](t, a.call("save_credential", args{"domain": "shop.example", "password": "pw", "notes": "n"}))
	views := everyView(t, a, "shop.example")
	assert.Nil(t, views["listed"].HasNotes)
	assert.Nil(t, views["hidden"].HasNotes)
	assert.True(t, *views["shown"].HasNotes)
}

func TestPasswordChangeHasItsTime(t *testing.T) {
	start := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	now := start
	h := newSystem(t, sandbox.Config{Now: func() time.Time { return now }})
	h.deps.Now = func() time.Time { return now }
	a := h.worker("viewer")
	saved := ok[credential](t, a.call("save_credential", args{"domain": "shop.example", "password": "1"}))
	changedAt := func() time.Time {
		views := everyView(t, a, "shop.example")
		assert.Equal(t, views["listed"].ChangedAt, views["shown"].ChangedAt)
		assert.Equal(t, views["listed"].ChangedAt, views["hidden"].ChangedAt)
		return views["listed"].ChangedAt.UTC().Truncate(time.Second)
	}
	update := func(change args) {
		now = now.Add(3 * time.Minute)
		change["domain"] = "shop.example"
		ok[changed](t, a.call("update_credential", change))
	}
	assert.Equal(t, start, changedAt())
	update(args{"new_notes": "n"})
	assert.Equal(t, start, changedAt(), "notes are no password")
	update(args{"generate_password": true})
	generated := now
	assert.Equal(t, generated, changedAt())
	update(args{"confirm": true})
	assert.Equal(t, generated, changedAt())
	update(args{"new_username": "eve"})
	assert.Equal(t, generated, changedAt())

	now = now.Add(3 * time.Minute)
	client, err := h.connectRavi(h.credentials())
	require.NoError(t, err)
	password := secret.New("2")
	me := ok[identified](t, a.call("get_identity", nil)).Identity.UUID
	_, err = client.Scope(me).UpdatePassword(t.Context(), saved.Credential.ID, ravi.PasswordUpdate{Password: &password})
	require.NoError(t, err)
	assert.Equal(t, now, changedAt(), "another client may have changed anything")
}

// reveal leaves out the same everywhere, and every text about it says so.
func TestRevealIsSaidTheSameWay(t *testing.T) {
	h := newSystem(t, sandbox.Config{}).everything()
	said := map[string][]string{}
	for _, d := range definitions(t, h.connect(local())) {
		type property struct{ Description string }
		var in, out struct{ Properties map[string]property }
		require.NoError(t, json.Unmarshal(d.InputSchema, &in))
		require.NoError(t, json.Unmarshal(d.OutputSchema, &out))
		reveal, has := in.Properties["reveal"]
		if !has {
			continue
		}
		said[reveal.Description] = append(said[reveal.Description], d.Name)
		assert.NotContains(t, d.Description, "reveal", "%s: its argument says it", d.Name)
		for _, text := range []string{reveal.Description, out.Properties["revealed"].Description} {
			assert.Contains(t, text, "value and notes", d.Name)
		}
	}
	require.Len(t, said, 1)
	for _, tools := range said {
		assert.ElementsMatch(t, []string{"get_credential", "get_secret"}, tools, strings.Join(tools, " "))
	}
}
