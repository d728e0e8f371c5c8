package ravi_test

import (
	"context"
	"iter"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// world is a sandbox in memory and a client of its account.
type world struct {
	*sandboxtest.Instance
	client *ravi.Client
}

func newWorld(t testing.TB, cfg sandbox.Config) *world {
	t.Helper()
	i := sandboxtest.Memory(t, cfg)
	return &world{i, newClient(t, i, credentialsOf(i.Account))}
}

func newClient(t testing.TB, i *sandboxtest.Instance, creds config.Credentials) *ravi.Client {
	t.Helper()
	c, err := ravi.New(ravi.Config{Credentials: creds, BaseURL: i.URL, Transport: i.Client.Transport})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// credentialsOf turns what the sandbox hands out into what a file would hold.
func credentialsOf(a *sandbox.Account) config.Credentials {
	if a.ManagementKey != "" {
		return config.Credentials{Scheme: config.SchemeKey, ManagementKey: secret.New(a.ManagementKey)}
	}
	return config.Credentials{
		Scheme:      config.SchemeToken,
		AccessToken: secret.New(a.AccessToken), RefreshToken: secret.New(a.RefreshToken),
		PrivateKey: secret.New(a.PrivateKey), PublicKey: secret.New(a.PublicKey),
	}
}

// identity creates an identity and returns it with its scope.
func (w *world) identity(t testing.TB, name string) (*ravi.Identity, *ravi.Scope) {
	t.Helper()
	id, err := w.client.CreateIdentity(t.Context(), ravi.NewIdentity{Name: name, ProvisionPhone: true})
	require.NoError(t, err)
	return id, w.client.Scope(id.UUID)
}

// eras runs a story in both schemes.
func eras(t *testing.T, story func(t *testing.T, era sandbox.Era)) {
	for _, era := range []sandbox.Era{sandbox.EraTokens, sandbox.EraKeys} {
		t.Run(string(era), func(t *testing.T) {
			t.Parallel()
			story(t, era)
		})
	}
}

// collect reads a list to its end.
func collect[T any](t testing.TB, seq iter.Seq2[T, error]) []T {
	t.Helper()
	var out []T
	for v, err := range seq {
		require.NoError(t, err)
		out = append(out, v)
	}
	return out
}

var background = context.Background()

func contextWithTimeout(t testing.TB, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
