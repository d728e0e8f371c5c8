package tools_test

import (
	"encoding/json"
	"maps"
	"regexp"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/server"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// Whatever toolsets an operator has chosen, an error says what can be done with those: it names no
// tool that the caller does not have. Without the toolset identity, or that of a sign-up, there are
// no identities to work with, so the others are tried beside it.
func TestErrorsNameOnlyToolsThatExist(t *testing.T) {
	chosen := [][]tool.Toolset{tool.DefaultToolsets(), {tool.SetSignUp}}
	for _, set := range tool.Toolsets() {
		chosen = append(chosen, []tool.Toolset{tool.SetIdentity, set})
	}
	for _, sets := range chosen {
		synctest.Test(t, func(t *testing.T) { checkNamedTools(t, sets) })
	}
}

var nameOfTool = regexp.MustCompile(`\b[a-z]+(_[a-z]+)+\b`)

// checkNamedTools provokes errors of every tool of the toolsets.
func checkNamedTools(t *testing.T, sets []tool.Toolset) {
	h := newSystem(t, sandbox.Config{}).everything()
	fill := h.connect(local())
	me := ok[created](t, fill.call("create_identity", args{"name": "twin"})).Identity.UUID
	for _, username := range []string{"ann", "bob"} {
		ok[credential](t, fill.call("save_credential", args{"domain": "two.example", "username": username}))
	}
	before := h.configure
	h.configure = func(c *server.Config) { before(c); c.Toolsets = sets }
	a, known := h.connect(local()), h.known()
	listed := definitions(t, a)
	has, properties := map[string]bool{}, map[string]map[string]any{}
	for _, d := range listed {
		var schema struct{ Properties map[string]any }
		require.NoError(t, json.Unmarshal(d.InputSchema, &schema))
		has[d.Name], properties[d.Name] = true, schema.Properties
		if _, is := schema.Properties["generate_password"]; is { // an argument here
			has["generate_password"] = true
		}
	}
	failed := 0
	for _, d := range listed {
		for _, more := range []args{
			{}, {"identity": "nobody"}, {"identity": me}, {"identity": me, "domain": "two.example"}, {"identity": me, "domain": "none.example"},
			{"identity": me, "id": "none"}, {"identity": me, "domain": "two.example", "username": "ann", "new_username": "bob"},
			{"identity": me, "message_id": "none"}, {"identity": me, "message_id": "email:99"}, {"identity": me, "cursor": "none"},
			{"identity": me, "domain": "two.example", "username": "ann"}, {"identity": me, "domain": "two.example", "restore_previous": true},
			{"identity": me, "name": "TOTP_X"}, {"name": "twin"}, {"name": "x", "ephemeral": true, "if_exists": "reuse"},
		} {
			if known[d.Name].Kind == session.KindDelete || d.Name == "use_identity" && more["identity"] == me {
				continue
			}
			arguments := minimal(d)
			maps.Copy(arguments, more)
			maps.DeleteFunc(arguments, func(name string, _ any) bool { _, takes := properties[d.Name][name]; return !takes })
			if _, given := more["id"]; given {
				delete(arguments, "domain")
			}
			r := a.call(d.Name, arguments)
			if !r.IsError {
				continue
			}
			failed++
			body := refused(t, r)
			for _, named := range nameOfTool.FindAllString(body.Message+" "+body.Hint, -1) {
				_, is := known[named]
				assert.True(t, !is || has[named], "%v: %s is named by %s %v: %s %s", sets, named, d.Name, arguments, body.Message, body.Hint)
			}
		}
	}
	assert.Greater(t, failed, 3, "%v", sets)
}

// An error that lets one choose tells the choices apart.
func TestSeveralCredentialsAreDistinguished(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.worker("ada")
	for _, username := range []string{"ann", "bob"} {
		ok[credential](t, a.call("save_credential", args{"domain": "two.example", "username": username}))
	}
	body := refused(t, a.call("update_credential", args{"domain": "two.example", "new_notes": "n"}))
	assert.Regexp(t, `\(“ann”\).*\(“bob”\)|\(“bob”\).*\(“ann”\)`, body.Message)
}
