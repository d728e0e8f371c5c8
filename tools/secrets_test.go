package tools_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
)

type stored struct {
	identified
	Secret   struct{ Name string }
	Value    string
	Notes    string
	Created  bool
	Revealed bool
}

type secretList struct{ Secrets []struct{ Name string } }

func (l secretList) names() []string {
	out := []string{}
	for _, s := range l.Secrets {
		out = append(out, s.Name)
	}
	return out
}

// An account without keys, one with keys, and one of the key era.
func TestASecretComesBackAsItWas(t *testing.T) {
	const key = "-----BEGIN KEY-----\n\tMIIE…\r\n-----END KEY-----\n"
	for name, h := range map[string]*system{
		"plaintext": newSystem(t, sandbox.Config{}),
		"sealed":    sealedSystem(t),
		"key era":   newSystem(t, sandbox.Config{Era: sandbox.EraKeys}),
		"vault":     newSystem(t, sandbox.Config{SecretsPath: "vault"}),
	} {
		t.Run(name, func(t *testing.T) {
			a := h.worker("keeper")
			first := ok[stored](t, a.call("set_secret", args{"name": "deploy_key", "value": key, "notes": "of the build"}))
			assert.True(t, first.Created)
			assert.Equal(t, "DEPLOY_KEY", first.Secret.Name)
			got := ok[stored](t, a.call("get_secret", args{"name": "Deploy_Key"}))
			assert.Equal(t, key, got.Value)
			assert.Equal(t, "of the build", got.Notes)
			assert.True(t, got.Revealed)

			again := ok[stored](t, a.call("set_secret", args{"name": "DEPLOY_KEY", "value": "other"}))
			assert.False(t, again.Created)
			assert.Equal(t, "other", ok[stored](t, a.call("get_secret", args{"name": "DEPLOY_KEY"})).Value)
			assert.Equal(t, []string{"DEPLOY_KEY"}, ok[secretList](t, a.call("list_secrets", nil)).names())

			ok[map[string]any](t, a.call("delete_secret", args{"name": "deploy_key"}))
			assert.Empty(t, ok[secretList](t, a.call("list_secrets", nil)).names())
			for _, tool := range []string{"get_secret", "delete_secret"} {
				body := refused(t, a.call(tool, args{"name": "deploy_key"}))
				assert.Equal(t, fault.NotFound, body.Code, tool)
				assert.Contains(t, body.Hint, "list_secrets", tool)
			}
			assert.Equal(t, fault.NotFound, refused(t, a.call("get_secret", args{"name": "deploy_key", "reveal": false})).Code)
		})
	}
}

// Two servers that know nothing of each other set one name many times at once: no call fails, and
// one of the values is there.
func TestASecretIsSetAlsoWhenCallersRace(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.worker("racer")
	b := h.another().connect(local())
	for round := range 5 {
		var answers []<-chan json.RawMessage
		for i := range 6 {
			agent := []*agent{a, b}[i%2]
			answer, _ := agent.beginCall("set_secret", args{"identity": "racer", "name": fmt.Sprintf("KEY_%d", round), "value": fmt.Sprintf("value %d", i)})
			answers = append(answers, answer)
		}
		made := 0
		for _, answer := range answers {
			if ok[stored](t, parse(t, <-answer)).Created {
				made++
			}
		}
		assert.Equal(t, 1, made, "one of them created it")
		assert.Regexp(t, `^value \d$`, ok[stored](t, a.call("get_secret", args{"name": fmt.Sprintf("KEY_%d", round)})).Value)
	}
	assert.Len(t, ok[secretList](t, a.call("list_secrets", nil)).names(), 5)
}

// Lists are projected: whatever Ravi adds to an entry vanishes.
func TestListsDropWhatRaviAdds(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.worker("lister")
	const extra = `"uuid":"00000000-0000-4000-8000-000000000001","key":"KEY","domain":"x.example","username":"u","value":"CANARY-1","password":"CANARY-1","notes":"CANARY-1",` +
		`"secret_token":"CANARY-1","history":[{"value":"CANARY-1"}],"created_dt":"2026-01-01T00:00:00Z"`
	for tool, endpoint := range map[string]string{"list_credentials": "/api/passwords/", "list_secrets": "/api/secrets/"} {
		h.ravi.Server.Faults().Add(sandbox.Fault{Method: "GET", Endpoint: endpoint, Status: 200, Body: "[{" + extra + "}]"})
		r := a.call(tool, nil)
		require.False(t, r.IsError)
		assert.Contains(t, string(r.raw), "2026-01-01", tool)
		assertNone(t, string(r.raw), tool, "CANARY-1")
	}
}

// Random writes, reads and deletions behave like a map whose names know no case.
func TestPropertySecretsAreAMapWithoutCase(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	clocked(h, -1)
	a := h.connect(local())
	rapid.Check(t, func(rt *rapid.T) {
		me := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "map"}).UUID
		model := map[string]string{}
		name := rapid.SampledFrom([]string{"a", "A", "b_1", "B_1", " c ", "TOKEN", "token"})
		value := rapid.StringMatching(`[ -~\n\t]{1,20}`).Filter(func(s string) bool { return !strings.HasPrefix(s, "e2e::") })
		upper := func(s string) string { return strings.ToUpper(strings.TrimSpace(s)) }
		steps(rt, map[string]func(*rapid.T){
			"set": func(rt *rapid.T) {
				n, v := name.Draw(rt, "name"), value.Draw(rt, "value")
				_, had := model[upper(n)]
				require.Equal(rt, !had, ok[stored](t, a.call("set_secret", args{"identity": me, "name": n, "value": v})).Created)
				model[upper(n)] = v
			},
			"delete": func(rt *rapid.T) {
				n := name.Draw(rt, "name")
				_, had := model[upper(n)]
				require.Equal(rt, !had, a.call("delete_secret", args{"identity": me, "name": n}).IsError)
				delete(model, upper(n))
			},
			"": func(rt *rapid.T) {
				names := ok[secretList](t, a.call("list_secrets", args{"identity": me})).names()
				require.Len(rt, names, len(model))
				if len(names) > 0 {
					n := names[rapid.IntRange(0, len(names)-1).Draw(rt, "read")]
					require.Equal(rt, model[n], ok[stored](t, a.call("get_secret", args{"identity": me, "name": strings.ToLower(n)})).Value)
				}
			},
		})
	})
}
