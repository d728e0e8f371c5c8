package cli_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

func post(t *testing.T, url, header, value, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set(header, value)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, 2, resp.StatusCode/100, resp.Status)
}

// postAsPrinted runs the command that a server has printed for delivering a message.
func postAsPrinted(t *testing.T, log string) {
	t.Helper()
	line := regexp.MustCompile(`curl -H '([^:]+): ([^']+)' -d '([^']+)' (\S+)`).FindStringSubmatch(log)
	require.NotNil(t, line, log)
	post(t, line[4], line[1], line[2], line[3])
}

// writeConfig makes a folder for RAVI_CONFIG_DIR.
func writeConfig(t *testing.T, files map[string]any) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		raw, err := json.Marshal(content)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), raw, 0o600))
	}
	return dir
}

// twoServers are two servers on one machine with one HOME, which do all that tools can do at the
// same time.
type twoServers struct {
	ravi       *sandboxtest.Instance
	identities [2]sandbox.IdentityInfo
	dirs       [2]string
	servers    [2]*harness.Stdio
	home       string
}

func (n *twoServers) start(t *testing.T, config func(sandbox.IdentityInfo) map[string]any) {
	t.Helper()
	n.home = t.TempDir()
	for i, name := range []string{"amber", "basalt"} {
		n.identities[i] = n.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: name, ProvisionPhone: true})
		n.dirs[i] = writeConfig(t, config(n.identities[i]))
		_, err := n.ravi.Server.DeliverSMS(sandbox.SMS{To: n.identities[i].Phone, From: "32665", Body: "Hello " + name})
		require.NoError(t, err)
	}
}

// work is what one of them does, and what it must see.
func (n *twoServers) work(i, round int) error {
	me, other := n.identities[i], n.identities[1-i]
	secret := fmt.Sprintf("SECRET_%s_%d", strings.ToUpper(me.Name), round)
	for _, step := range []struct {
		tool      string
		arguments any
		wants     []string
	}{
		{"get_identity", args{}, []string{me.UUID}},
		{"set_secret", args{"name": secret, "value": "of-" + me.Name}, []string{me.UUID}},
		{"save_credential", args{"domain": fmt.Sprintf("r%d.example", round), "username": me.Inbox}, []string{me.UUID}},
		{"watch_inbox", args{}, []string{me.UUID, me.Inbox}},
		{"list_secrets", args{}, []string{secret}},
		{"list_credentials", args{}, []string{me.Inbox}},
		{"list_messages", args{}, []string{"Hello " + me.Name}},
		{"get_secret", args{"name": secret}, []string{"of-" + me.Name}},
	} {
		r, err := n.servers[i].Tool(step.tool, step.arguments)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", me.Name, step.tool, err)
		}
		if r.IsError {
			return fmt.Errorf("%s: %s: %v", me.Name, step.tool, r.Content)
		}
		text := string(r.Result)
		for _, want := range step.wants {
			if !strings.Contains(text, want) {
				return fmt.Errorf("%s: %s: no %q in %s", me.Name, step.tool, want, text)
			}
		}
		for _, foreign := range []string{other.UUID, other.Inbox, other.Name, strings.ToUpper(other.Name)} {
			if strings.Contains(text, foreign) {
				return fmt.Errorf("%s: %s shows %q of the other: %s", me.Name, step.tool, foreign, text)
			}
		}
	}
	return nil
}

// Two agents on one machine, each with a RAVI_CONFIG_DIR of its own, cannot get into each other's
// way, and no file changes.
func TestTwoConfigurationsOnOneMachine(t *testing.T) {
	t.Parallel()
	for _, kind := range []struct {
		name   string
		era    sandbox.Era
		config func(*sandbox.Account) func(sandbox.IdentityInfo) map[string]any
	}{
		{"one account's token, two names in config.json", sandbox.EraTokens, func(a *sandbox.Account) func(sandbox.IdentityInfo) map[string]any {
			return func(i sandbox.IdentityInfo) map[string]any {
				return map[string]any{
					"auth.json":   args{"access_token": a.AccessToken, "refresh_token": a.RefreshToken, "expires_at": a.ExpiresAt},
					"config.json": args{"identity_uuid": i.UUID, "identity_name": i.Name},
				}
			}
		}},
		{"two identity keys", sandbox.EraKeys, func(*sandbox.Account) func(sandbox.IdentityInfo) map[string]any {
			return func(i sandbox.IdentityInfo) map[string]any {
				return map[string]any{"config.json": args{"identity_key": i.Key, "identity_uuid": i.UUID, "identity_name": i.Name}}
			}
		}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			n := &twoServers{ravi: sandboxtest.New(t, sandbox.Config{Era: kind.era})}
			n.start(t, kind.config(n.ravi.Account))
			before, err := takeSnapshot(n.home, n.dirs[0], n.dirs[1])
			require.NoError(t, err)

			for i, dir := range n.dirs {
				env := []string{"HOME=" + n.home, "XDG_STATE_HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "RAVI_CONFIG_DIR=" + dir, "RAVI_BASE_URL=" + n.ravi.URL}
				n.servers[i] = harness.StartStdio(t, env, "stdio")
			}
			var g errgroup.Group
			for i := range n.servers {
				for round := range 5 {
					g.Go(func() error { return n.work(i, round) })
				}
			}
			require.NoError(t, g.Wait())
			for _, server := range n.servers {
				code, err := server.Close()
				require.NoError(t, err)
				assert.Zero(t, code)
			}

			after, err := takeSnapshot(n.home, n.dirs[0], n.dirs[1])
			require.NoError(t, err)
			assert.Empty(t, before.diff(after), "files that were created or changed")
		})
	}
}
