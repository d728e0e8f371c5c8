package tools_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
)

type changed struct {
	identified
	Credential struct{ ID, Domain, Username string }
	Changed    []string
	Generated  *shape
	TOTPMoved  bool `json:"totp_moved"`
	Password   string
}

func TestSitesAreFoundInAnySpelling(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	clocked(h, -1)
	a := h.worker("reader")
	for written, want := range map[string]struct {
		domain string
		also   []string
	}{
		"https://mail.google.com/inbox": {"google.com", []string{"google.com", "GOOGLE.com.", "accounts.google.com:8443", "//google.com/x?y#z"}},
		"shop.example.co.uk":            {"example.co.uk", []string{"https://user:pw@www.example.co.uk/", " example.co.uk "}},
		"https://München.de/":           {"xn--mnchen-3ya.de", []string{"münchen.de", "XN--MNCHEN-3YA.de"}},
		"http://localhost/login":        {"localhost", []string{"localhost", "https://localhost:443/", "http://localhost:80"}},
		"localhost:3000":                {"localhost:3000", []string{"http://localhost:03000/login"}},
		"app.localhost:3000":            {"app.localhost:3000", []string{"http://app.localhost:3000/login"}},
		"nas:5000":                      {"nas:5000", []string{"https://NAS:5000"}},
		"http://192.168.0.1:8080/admin": {"192.168.0.1:8080", []string{"192.168.0.1:8080"}},
		"http://192.168.0.1/admin":      {"192.168.0.1", []string{"192.168.0.1"}},
		"http://[::1]:8080/":            {"[::1]:8080", []string{"[::1]:8080"}},
		"http://[::1]/":                 {"::1", []string{"::1", "[::1]"}},
		"my_app.dev---x.example.org":    {"example.org", []string{"example.org"}},
	} {
		saved := ok[credential](t, a.call("save_credential", args{"domain": written, "username": "bob", "password": "pw-" + want.domain}))
		assert.Equal(t, want.domain, saved.Credential.Domain, written)
		for _, form := range append(want.also, written) {
			got := ok[credential](t, a.call("get_credential", args{"domain": form}))
			assert.Equal(t, saved.Credential.ID, got.Credential.ID, "%s as %s", written, form)
			assert.Equal(t, "pw-"+want.domain, got.Credential.Password)
		}
	}
	for _, bad := range []string{"exa mple.com", "https://", "a..b", "-:-", "https://exa\nmple.com", "<b>", strings.Repeat("a", 64) + ".com", "http://[::1", "localhost:70000"} {
		body := refused(t, a.call("get_credential", args{"domain": bad}))
		assert.Equal(t, fault.InvalidArgument, body.Code, "%q", bad)
		assert.Contains(t, body.Message, "`domain`")
	}
}

func TestEntriesStoredUnderASubdomainAreFound(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.worker("heir")
	saved := ok[credential](t, a.call("save_credential", args{"domain": "münchen.de", "username": "bob", "password": "pw"}))
	h.ravi.Server.Faults().Add(sandbox.Fault{Method: "GET", Endpoint: "/api/passwords/", Status: 200,
		Body: `[{"uuid":"` + saved.Credential.ID + `","domain":"www.München.de","username":"bob"}]`})
	assert.Equal(t, "pw", ok[credential](t, a.call("get_credential", args{"domain": "münchen.de"})).Credential.Password)
}

func TestSeveralAccountsAreListedAndNoneIsGuessed(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.worker("two")
	bob := ok[credential](t, a.call("save_credential", args{"domain": "shop.example", "username": "bob", "password": "b"}))
	ok[credential](t, a.call("save_credential", args{"domain": "shop.example", "username": "eve", "password": "e"}))

	r := a.call("get_credential", args{"domain": "shop.example"})
	both := ok[credential](t, r)
	assert.Equal(t, "ambiguous", both.Status)
	assert.Len(t, both.Candidates, 2)
	assert.NotContains(t, string(r.StructuredContent), "password\"")
	assert.Equal(t, "e", ok[credential](t, a.call("get_credential", args{"domain": "shop.example", "username": "EVE"})).Credential.Password)
	assert.Equal(t, "b", ok[credential](t, a.call("get_credential", args{"id": bob.Credential.ID})).Credential.Password)

	for tool, more := range map[string]args{"update_credential": {"new_password": "x"}, "delete_credential": {}} {
		more["domain"] = "shop.example"
		body := refused(t, a.call(tool, more))
		assert.Equal(t, fault.Conflict, body.Code, tool)
		assert.Contains(t, body.Message, bob.Credential.ID, tool)
	}
	for _, unclear := range []args{{}, {"domain": "shop.example", "id": bob.Credential.ID}} {
		assert.Equal(t, fault.InvalidArgument, refused(t, a.call("get_credential", unclear)).Code)
	}
	assert.Equal(t, fault.NotFound, refused(t, a.call("get_credential", args{"domain": "shop.example", "username": "nobody"})).Code)
	assert.Equal(t, fault.NotFound, refused(t, a.call("get_credential", args{"id": "00000000-0000-4000-8000-000000000000"})).Code)
}

func TestWithoutRevealNoValueIsReadAtAll(t *testing.T) {
	h := sealedSystem(t)
	a := h.worker("discreet")
	saved := ok[credential](t, a.call("save_credential", args{"domain": "shop.example", "username": "bob", "password": "hunter2", "notes": "pet: Rex"}))
	ok[map[string]any](t, a.call("set_secret", args{"name": "KEY", "value": "hunter2", "notes": "pet: Rex"}))
	h.ravi.Server.ClearRequests()
	for _, c := range []struct {
		tool string
		args args
	}{
		{"get_credential", args{"domain": "shop.example", "reveal": false}},
		{"get_credential", args{"id": saved.Credential.ID, "reveal": "false"}},
		{"get_secret", args{"name": "key", "reveal": false}},
	} {
		r := a.call(c.tool, c.args)
		got := ok[map[string]any](t, r)
		assert.Equal(t, false, got["revealed"])
		assertNone(t, string(r.raw), c.tool, "hunter2", "pet: Rex")
	}
	assert.Zero(t, h.ravi.Server.CountRequests("GET", "/api/passwords/{uuid}/"), "what is not shown is not fetched either")

	h.loseKeys() // and it works where nothing can be opened
	b := h.connect(local())
	ok[map[string]any](t, b.call("get_secret", args{"identity": "discreet", "name": "KEY", "reveal": false}))
	got := ok[struct {
		Credential struct {
			Locked   bool
			Username string
		}
	}](t, b.call("get_credential", args{"identity": "discreet", "domain": "shop.example", "reveal": false}))
	assert.True(t, got.Credential.Locked)
	assert.Empty(t, got.Credential.Username)
	for _, byName := range []string{"get_credential", "delete_credential"} {
		assert.Equal(t, fault.Locked, refused(t, b.call(byName, args{"identity": "discreet", "domain": "shop.example", "username": "bob"})).Code, byName)
	}
}

// What cannot be stored is refused before anything is written, in words that name the field and the
// rule and never the value.
func TestBadInputIsNamedAndNothingIsWritten(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.worker("careful")
	saved := ok[credential](t, a.call("save_credential", args{"domain": "shop.example", "username": "bob", "password": "pw"}))
	before := h.writes()
	const marker = "HUNTER2-marker"
	for _, c := range []struct {
		tool        string
		args        args
		field, rule string
	}{
		{"save_credential", args{"domain": marker + " x"}, "domain", "not a domain"},
		{"save_credential", args{"domain": "a.example", "password": ""}, "password", "empty"},
		{"save_credential", args{"domain": "a.example", "password": marker + "\n"}, "password", "control characters"},
		{"save_credential", args{"domain": "a.example", "password": "e2e::" + marker}, "password", "e2e::"},
		{"save_credential", args{"domain": "a.example", "password": strings.Repeat(marker, 100)}, "password", "at most 1024"},
		{"save_credential", args{"domain": "a.example", "username": marker + "\x1b[2J"}, "username", "control characters"},
		{"save_credential", args{"domain": "a.example", "notes": strings.Repeat("n", 100_000)}, "notes", "at most 4000"},
		{"save_credential", args{"domain": "a.example", "notes": marker + "\x00"}, "notes", "control characters"},
		{"save_credential", args{"domain": "a.example", "password": marker, "no_digits": true}, "password", "no effect"},
		{"save_credential", args{"domain": "a.example", "generate_length": 7}, "generate_length", "at least 8"},
		{"save_credential", args{"domain": "a.example", "no_lowercase": true, "no_uppercase": true, "no_digits": true}, "no_digits", "fewer than 10"},
		{"update_credential", args{"id": saved.Credential.ID, "new_password": ""}, "new_password", "empty"},
		{"update_credential", args{"id": saved.Credential.ID, "new_password": marker, "generate_password": true}, "new_password", "either"},
		{"update_credential", args{"id": saved.Credential.ID, "new_username": marker + "\u0085"}, "new_username", "control characters"},
		{"update_credential", args{"id": saved.Credential.ID, "new_domain": "/" + marker}, "new_domain", "not a domain"},
		{"update_credential", args{"id": saved.Credential.ID, "new_notes": "e2e::" + marker}, "new_notes", "e2e::"},
		{"update_credential", args{"id": saved.Credential.ID}, "", "nothing to change"},
		{"generate_password", args{"exclude_characters": "abcdefghijklmnopqrstuvwxyz0123456789-_.!@*+=", "no_uppercase": true}, "exclude_characters", "fewer than 10"},
		{"set_secret", args{"name": marker + " X", "value": "v"}, "name", "begin with a letter"},
		{"set_secret", args{"name": "1" + marker, "value": "v"}, "name", "begin with a letter"},
		{"set_secret", args{"name": "ſecret", "value": "v"}, "name", "from A to Z"},
		{"set_secret", args{"name": "totp_github", "value": "v"}, "name", "TOTP_"},
		{"set_secret", args{"name": "KEY", "value": ""}, "value", "empty"},
		{"set_secret", args{"name": "KEY", "value": strings.Repeat("v", 100_000)}, "value", "at most 65536"},
		{"set_secret", args{"name": "KEY", "value": marker + "\x07"}, "value", "control characters"},
		{"set_secret", args{"name": "KEY", "value": "e2e::" + marker}, "value", "e2e::"},
		{"get_secret", args{"name": "TOTPBACKUP_X"}, "name", "TOTPBACKUP_"},
		{"delete_secret", args{"name": "TOTP_X"}, "name", "TOTP_"},
	} {
		r := a.call(c.tool, c.args)
		body := refused(t, r)
		assert.Equal(t, fault.InvalidArgument, body.Code, "%s %v", c.tool, c.field)
		assert.False(t, body.Retryable)
		assert.Contains(t, body.Message, c.field)
		assert.Contains(t, body.Message, c.rule, c.tool)
		assertNone(t, string(r.raw), c.tool, marker)
	}
	assert.Equal(t, before, h.writes(), "nothing was half-written")
	assertNone(t, h.log.String(), "the log", marker)
}

func TestAnUpdateWritesOnlyTheFieldsThatChange(t *testing.T) {
	h := newSystem(t, sandbox.Config{RecordBodies: true})
	a := h.worker("editor")
	saved := ok[credential](t, a.call("save_credential", args{"domain": "shop.example", "username": "bob", "password": "old", "notes": "n"}))
	id := saved.Credential.ID
	patch := func(change args) (changed, map[string]string) {
		change["id"] = id
		got := ok[changed](t, a.call("update_credential", change))
		sent := h.sent("PATCH", "/api/passwords/{uuid}/")
		return got, sent[len(sent)-1]
	}
	got, sent := patch(args{"new_password": "new"})
	assert.Equal(t, []string{"password"}, got.Changed)
	assert.Equal(t, map[string]string{"password": "new"}, sent)

	got, sent = patch(args{"new_username": "", "new_notes": "", "new_domain": "https://www.store.example/x"})
	assert.Equal(t, []string{"domain", "username", "notes"}, got.Changed)
	assert.Equal(t, map[string]string{"domain": "store.example", "username": "", "notes": ""}, sent)
	assert.Equal(t, "store.example", got.Credential.Domain)

	got, sent = patch(args{"generate_password": true, "generate_length": 40, "no_special": true, "show": true})
	require.NotNil(t, got.Generated)
	assert.Regexp(t, `^[A-Za-z0-9]{40}$`, got.Password)
	assert.Equal(t, map[string]string{"password": got.Password}, sent)
	got, _ = patch(args{"generate_password": true})
	assert.Empty(t, got.Password, "no call asked to see it")
}

func TestARenameNeverMakesTwoOfOneAccount(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.worker("editor")
	bob := ok[credential](t, a.call("save_credential", args{"domain": "shop.example", "username": "bob", "password": "b"}))
	eve := ok[credential](t, a.call("save_credential", args{"domain": "shop.example", "username": "eve", "password": "e"}))
	body := refused(t, a.call("update_credential", args{"id": eve.Credential.ID, "new_username": "Bob", "new_password": "x"}))
	assert.Equal(t, fault.Conflict, body.Code)
	assert.Contains(t, body.Message, bob.Credential.ID)
	assert.Equal(t, "e", ok[credential](t, a.call("get_credential", args{"id": eve.Credential.ID})).Credential.Password, "nothing was changed")
	ok[changed](t, a.call("update_credential", args{"id": bob.Credential.ID, "new_username": "Bob"}))
}

func TestSaveReplacesOnlyWhenAskedTo(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.worker("saver")
	first := ok[credential](t, a.call("save_credential", args{"domain": "shop.example", "username": "bob", "password": "1", "notes": "keep"}))
	body := refused(t, a.call("save_credential", args{"domain": "www.shop.example", "username": "BOB", "password": "2"}))
	assert.Equal(t, fault.Conflict, body.Code)
	assert.Contains(t, body.Message, first.Credential.ID)
	again := ok[credential](t, a.call("save_credential", args{"domain": "shop.example", "username": "bob", "password": "2", "if_exists": "replace"}))
	assert.True(t, again.Replaced)
	got := ok[credential](t, a.call("get_credential", args{"domain": "shop.example"}))
	assert.Equal(t, "2", got.Credential.Password)
	assert.Equal(t, "keep", got.Credential.Notes)

	shown := ok[credential](t, a.call("save_credential", args{"domain": "other.example", "generate_length": 12, "no_special": true, "no_uppercase": true, "exclude_characters": "l1o0", "show": true}))
	assert.Regexp(t, `^[a-kmnp-z2-9]{12}$`, shown.Password)
	assert.Equal(t, shown.Password, ok[credential](t, a.call("get_credential", args{"domain": "other.example"})).Credential.Password)
}

func TestManySavesOfOneAccountAtOnceMakeOneEntry(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.worker("crowd")
	var answers []<-chan json.RawMessage
	for range 8 {
		answer, _ := a.beginCall("save_credential", args{"domain": "shop.example", "username": "bob"})
		answers = append(answers, answer)
	}
	stored := 0
	for _, answer := range answers {
		if r := parse(t, <-answer); !r.IsError {
			stored++
		} else {
			assert.Equal(t, fault.Conflict, refused(t, r).Code)
		}
	}
	assert.Equal(t, 1, stored)
}

// With the public key alone a server can write and not read.
func TestCredentialsAreStoredWithoutThePrivateKey(t *testing.T) {
	h := sealedSystem(t)
	reader := h.worker("blind")
	h.loseKeys()
	a := h.connect(local())
	saved := ok[credential](t, a.call("save_credential", args{"identity": "blind", "domain": "shop.example", "username": "bob", "password": "hunter2"}))
	assert.Equal(t, "bob", saved.Credential.Username)
	body := refused(t, a.call("get_credential", args{"identity": "blind", "id": saved.Credential.ID}))
	assert.Equal(t, fault.Locked, body.Code)
	assert.False(t, body.Retryable)
	assert.Contains(t, body.Hint, "PIN")
	done := ok[changed](t, a.call("update_credential", args{"identity": "blind", "id": saved.Credential.ID, "new_password": "hunter3"}))
	assert.Equal(t, []string{"password"}, done.Changed)
	body = refused(t, a.call("save_credential", args{"identity": "blind", "domain": "shop.example", "username": "bob", "password": "x", "if_exists": "replace"}))
	assert.Equal(t, fault.Locked, body.Code, "which entry to replace cannot be told")
	assert.Equal(t, "hunter3", ok[credential](t, reader.call("get_credential", args{"domain": "shop.example"})).Credential.Password)
}

// Random saves, renames, changes and deletions behave like a map from account to password.
func TestPropertyCredentialsAreAMapOfAccounts(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	clocked(h, -1)
	a := h.connect(local())
	type key struct{ domain, username string }
	domains, names := []string{"a.example", "www.b.example", "c.co.uk"}, []string{"", "bob", "eve"}
	clean := map[string]string{"a.example": "a.example", "www.b.example": "b.example", "c.co.uk": "c.co.uk"}
	rapid.Check(t, func(rt *rapid.T) {
		me := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "map"}).UUID
		model, ids := map[key]string{}, map[key]string{}
		site := rapid.SampledFrom(domains)
		user := rapid.SampledFrom(names)
		password := rapid.StringMatching(`[ -~]{1,12}`).Filter(func(s string) bool { return !strings.HasPrefix(s, "e2e::") })
		account := func(rt *rapid.T) (key, string) {
			written, name := site.Draw(rt, "domain"), user.Draw(rt, "username")
			return key{clean[written], name}, written
		}
		steps(rt, map[string]func(*rapid.T){
			"save": func(rt *rapid.T) {
				k, written := account(rt)
				pw := password.Draw(rt, "password")
				replace := rapid.Bool().Draw(rt, "replace")
				r := a.call("save_credential", args{"identity": me, "domain": written, "username": k.username, "password": pw, "if_exists": map[bool]string{true: "replace", false: "error"}[replace]})
				_, had := model[k]
				require.Equal(rt, had && !replace, r.IsError)
				if !r.IsError {
					got := ok[credential](t, r)
					require.Equal(rt, had, got.Replaced)
					model[k], ids[k] = pw, got.Credential.ID
				}
			},
			"rename": func(rt *rapid.T) {
				from, _ := account(rt)
				to, written := account(rt)
				if _, has := model[from]; !has {
					return
				}
				_, taken := model[to]
				r := a.call("update_credential", args{"identity": me, "id": ids[from], "new_domain": written, "new_username": to.username})
				require.Equal(rt, taken && to != from, r.IsError)
				if !r.IsError && to != from {
					model[to], ids[to] = model[from], ids[from]
					delete(model, from)
					delete(ids, from)
				}
			},
			"delete": func(rt *rapid.T) {
				k, _ := account(rt)
				if id, has := ids[k]; has {
					ok[map[string]any](t, a.call("delete_credential", args{"identity": me, "id": id}))
					require.Equal(rt, fault.NotFound, refused(t, a.call("delete_credential", args{"identity": me, "id": id})).Code)
					delete(model, k)
					delete(ids, k)
				}
			},
			"": func(rt *rapid.T) {
				list := ok[struct {
					Credentials []struct{ ID, Domain, Username string }
				}](t, a.call("list_credentials", args{"identity": me}))
				require.Len(rt, list.Credentials, len(model))
				for _, c := range list.Credentials {
					require.Equal(rt, ids[key{c.Domain, c.Username}], c.ID)
				}
				if n := len(list.Credentials); n > 0 {
					c := list.Credentials[rapid.IntRange(0, n-1).Draw(rt, "read")]
					got := ok[credential](t, a.call("get_credential", args{"identity": me, "id": c.ID}))
					require.Equal(rt, model[key{c.Domain, c.Username}], got.Credential.Password)
				}
			},
		})
	})
}
