package tools_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/server"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

type auditLine struct {
	Time, Event, Caller, Session, Identity, Tool, Target, Decision, Code, Reason string
	RequestID                                                                    string `json:"request_id"`
}

// audited is a system whose servers keep an audit, and its file.
func audited(t *testing.T, path string) (*system, *server.Audit) {
	t.Helper()
	h := newSystem(t, sandbox.Config{})
	audit, err := server.OpenAudit(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = audit.Close() })
	h.configure = func(c *server.Config) { c.Audit = audit }
	return h, audit
}

func lines(t *testing.T, path string) []auditLine {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	var all []auditLine
	for line := range strings.Lines(string(text)) {
		var l auditLine
		require.NoError(t, json.Unmarshal([]byte(line), &l), "%q", line)
		all = append(all, l)
	}
	return all
}

func TestTheAuditSaysWhoDidWhatToWhom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit")
	h, _ := audited(t, path)
	other := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "other"}).UUID
	a := h.connect(&session.Caller{Name: "alice"})
	me := ok[created](t, a.call("create_identity", args{"name": "mine"})).Identity.UUID
	ok[map[string]any](t, a.call("set_secret", args{"name": "API_KEY", "value": "v"}))
	refused(t, a.call("delete_identity", args{"identity": "other"}))
	refused(t, a.call("get_secret", args{"name": "MISSING"}))
	refused(t, a.call("set_secret", args{"name": "API_KEY"}))
	ok[map[string]any](t, a.call("delete_identity", args{"identity": "mine"}))

	type seen struct{ event, tool, identity, target, decision, code, reason string }
	var got []seen
	for _, l := range lines(t, path) {
		assert.Equal(t, "alice", l.Caller)
		assert.Len(t, l.Session, 16)
		assert.Len(t, l.RequestID, 32)
		assert.NotEmpty(t, l.Time)
		if name, hash, hashed := strings.Cut(l.Target, "#"); hashed {
			assert.Len(t, hash, 12)
			l.Target = name + "#"
		}
		got = append(got, seen{l.Event, l.Tool, l.Identity, l.Target, l.Decision, l.Code, l.Reason})
	}
	assert.Equal(t, []seen{
		{"call", "create_identity", "", "name#", "allowed", "", ""},
		{"result", "create_identity", me, "mine", "allowed", "ok", ""},
		{"call", "set_secret", me, "name#", "allowed", "", ""},
		{"result", "set_secret", me, "API_KEY", "allowed", "ok", ""},
		{"result", "delete_identity", other, "", "denied", "denied", "impossible"},
		{"call", "get_secret", me, "name#", "allowed", "", ""},
		{"result", "get_secret", me, "name#", "allowed", "not_found", ""},
		{"result", "set_secret", "", "", "allowed", "invalid_argument", ""},
		{"call", "delete_identity", me, "", "allowed", "", ""},
		{"result", "delete_identity", me, "", "allowed", "ok", ""},
	}, got)
	assert.NotContains(t, h.log.String(), `"level":"error"`)
}

func TestTheAuditSaysWhatAPersonDecided(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit")
	h, _ := audited(t, path)
	for _, c := range []struct{ era, answer string }{{"legacy", no}, {"modern", closed}, {"modern", yes}} {
		h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "x"})
		h.account.Forget()
		canAsk[c.era](h, local(), c.answer).put("delete_identity", args{"identity": "x"})
		for _, i := range h.ravi.Server.Identities() {
			h.gone(i.UUID)
		}
	}
	var got []string
	for _, l := range lines(t, path) {
		got = append(got, strings.Join([]string{l.Event, l.Decision, l.Code, l.Reason}, " "))
	}
	assert.Equal(t, []string{
		"result denied denied declined",
		"result asked input_required ", "result denied denied cancelled",
		"result asked input_required ", "call approved  ", "result approved ok ",
	}, got)
}

func TestTheAuditHoldsNoValue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit")
	h, _ := audited(t, path)
	h.everything()
	a := h.connect(local())
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "canary"})
	for _, d := range definitions(t, a) { // values in the wrong arguments
		for _, wrong := range []string{canaryPassword, canarySecret, canaryBody} {
			a.call(d.Name, args{"identity": wrong})
			a.call(d.Name, args{"name": wrong, "domain": wrong, "id": wrong, "message_id": wrong, "username": wrong})
			a.call(d.Name, args{"identity": "canary", "name": wrong, "value": wrong})
			a.call(d.Name, args{"identity": "canary", "domain": wrong, "password": wrong})
			a.call(d.Name, args{"identity": "canary", "domain": "https://u:" + wrong + "@x.example/?k=" + wrong})
		}
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(text), `"tool":"get_secret"`)
	assertNone(t, string(text), "the audit", canaryPassword, canaryNotes, canarySecret, canaryRemark, canaryBody, canaryCode,
		canarySeed, canaryBackup, h.ravi.Account.AccessToken)
}

// A value that looks like a name, typed where a name belongs, is not recorded: only what has been
// seen to be the name of something is.
func TestAValueInANamesPlaceIsNotRecorded(t *testing.T) {
	const typed = "hunter2Canary"
	path := filepath.Join(t.TempDir(), "audit")
	h, _ := audited(t, path)
	a := h.connect(local())
	ok[created](t, a.call("create_identity", args{"name": "mine"}))
	for tool, arguments := range map[string]args{
		"get_secret": {"name": typed}, "delete_secret": {"name": typed}, "get_credential": {"domain": typed + ".dev"},
		"delete_credential": {"id": typed}, "read_message": {"message_id": "sms:" + typed}, "use_backup_code": {"domain": typed + ".dev"},
		"get_totp": {"domain": typed + ".dev"}, "update_identity": {"identity": typed, "name": typed},
	} {
		refused(t, a.call(tool, arguments))
	}
	h.ravi.Server.Faults().Add(sandbox.Fault{Method: "POST", Status: 503, Count: -1})
	refused(t, a.call("set_secret", args{"name": typed, "value": "v"}))
	refused(t, a.call("create_identity", args{"name": typed}))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.NotContains(t, strings.ToLower(string(text)), strings.ToLower(typed))
	hashes := map[string]bool{}
	for _, l := range lines(t, path) {
		if strings.HasPrefix(l.Target, "name#") && l.Tool != "create_identity" {
			hashes[l.Target] = true
		}
	}
	assert.Len(t, hashes, 1, "the same name is the same hash, so that calls can be told apart")
}

// A full disk, and a file that was closed: what writes is refused before it has an effect, what
// reads goes on.
func TestWithoutAnAuditNothingIsChanged(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) (*system, *server.Audit){
		"full disk": func(t *testing.T) (*system, *server.Audit) {
			if _, err := os.Stat("/dev/full"); err != nil {
				t.Skip("this system has no /dev/full")
			}
			return audited(t, "/dev/full")
		},
		"closed": func(t *testing.T) (*system, *server.Audit) {
			h, audit := audited(t, filepath.Join(t.TempDir(), "audit"))
			require.NoError(t, audit.Close())
			return h, audit
		},
		"folder gone": func(t *testing.T) (*system, *server.Audit) {
			dir := filepath.Join(t.TempDir(), "dir")
			require.NoError(t, os.Mkdir(dir, 0o700))
			h, audit := audited(t, filepath.Join(dir, "audit"))
			require.NoError(t, os.RemoveAll(dir))
			return h, audit
		},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := open(t)
			h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "x"})
			a := h.connect(local())
			h.ravi.Server.ClearRequests()
			for _, d := range definitions(t, a) {
				if d.Annotations["readOnlyHint"] == true {
					continue
				}
				arguments := minimal(d)
				if _, has := arguments["identity"]; has {
					arguments["identity"] = "x"
				}
				r := a.call(d.Name, arguments)
				require.True(t, r.IsError, d.Name)
			}
			body := refused(t, a.call("create_identity", args{"name": "y"}))
			assert.Equal(t, fault.Unavailable, body.Code)
			assert.Contains(t, body.Message, "audit")
			for _, r := range h.ravi.Server.Requests() {
				assert.Equal(t, "GET", r.Method, r.Path)
			}
			ok[map[string]any](t, a.call("list_identities", nil))
			assert.Contains(t, h.log.String(), `"level":"warn"`, "the operator is told")
		})
	}
}

func TestARotatedAuditGoesOnInANewFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "audit")
	h, audit := audited(t, path)
	a := h.connect(local())
	ok[map[string]any](t, a.call("list_identities", nil))
	require.NoError(t, os.Rename(path, path+".1"))
	ok[map[string]any](t, a.call("list_identities", nil))
	assert.Len(t, lines(t, path+".1"), 2)
	assert.Len(t, lines(t, path), 2)
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	require.NoError(t, os.Remove(path))
	require.NoError(t, audit.Reopen())
	assert.Empty(t, lines(t, path))

	// Many calls at the same time: every line is whole.
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { a.call("list_identities", nil) })
	}
	for i := range 5 {
		_ = os.Rename(path, path+".r"+string(rune('a'+i)))
	}
	wg.Wait()
	total := 0
	files, err := filepath.Glob(path + ".r?")
	require.NoError(t, err)
	if _, err := os.Stat(path); err == nil {
		files = append(files, path)
	}
	for _, file := range files {
		total += len(lines(t, file))
	}
	assert.Equal(t, 40, total)
}

func TestAnAuditThatOthersCouldReadIsNotOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit")
	require.NoError(t, os.WriteFile(path, nil, 0o644))
	_, err := server.OpenAudit(path)
	require.ErrorContains(t, err, "chmod 600 "+path)
	_, err = server.OpenAudit(t.TempDir())
	require.Error(t, err)
	require.NoError(t, os.Chmod(path, 0o600))
	audit, err := server.OpenAudit(path)
	require.NoError(t, err)
	require.NoError(t, audit.Close())
	require.NoError(t, audit.Close())
	require.ErrorIs(t, audit.Reopen(), os.ErrClosed)
}
