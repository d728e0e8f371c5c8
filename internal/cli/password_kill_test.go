package cli_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// A process is killed before each of the requests that a change of a password consists of, and
// after the last one. Whichever password the site has then, the vault has it too, and one call
// brings the one back that worked.
func TestKilledProcessLosesNoPassword(t *testing.T) {
	t.Parallel()
	type login struct {
		Credential struct {
			Password string
			Previous []string `json:"previous_passwords"`
		}
	}
	shop := func(more args) args {
		more["domain"] = "shop.example"
		return more
	}
	for name, c := range map[string]struct {
		change args
		may    []string // passwords that are there before
	}{
		"generate": {args{"generate_password": true}, []string{"works"}},
		"again":    {args{"generate_password": true}, []string{"works", "refused"}},
		"restore":  {args{"restore_previous": true}, []string{"works", "refused"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for after, done := 0, false; !done; after++ {
				ravi := sandboxtest.New(t, sandbox.Config{})
				amber := ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "amber"})
				env, _ := harness.Environment(t, "RAVI_BASE_URL="+ravi.URL, "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken)
				w := harness.StartStdio(t, env, "stdio", "--identity", "amber")
				harness.Must[args](t, w, "save_credential", shop(args{"password": c.may[0]}))
				for _, next := range c.may[1:] {
					harness.Must[args](t, w, "update_credential", shop(args{"new_password": next}))
				}

				plan := ravi.Server.Faults()
				plan.Add(sandbox.Fault{Identity: amber.UUID, After: after, Delay: time.Hour})
				answered, err := w.SendTool("update_credential", shop(c.change))
				require.NoError(t, err)
				harness.Eventually(t, func() bool { return len(plan.List()) == 0 || len(answered) > 0 })
				if done = len(answered) > 0; done { // it has no more requests
					_, err := w.ReceiveTool(answered)
					require.NoError(t, err)
				}
				w.Kill(t)
				plan.Clear()

				w = harness.StartStdio(t, env, "stdio", "--identity", "amber")
				now := harness.Must[login](t, w, "get_credential", shop(args{"previous": true})).Credential
				for _, password := range c.may {
					assert.Contains(t, append(slices.Clone(now.Previous), now.Password), password, "killed after %d requests", after)
				}
				if now.Password != "works" {
					harness.Must[args](t, w, "update_credential", shop(args{"restore_previous": true}))
					now = harness.Must[login](t, w, "get_credential", shop(args{})).Credential
				}
				assert.Equal(t, "works", now.Password, "killed after %d requests", after)
				w.Kill(t)
				require.Less(t, after, 20)
			}
		})
	}
}
