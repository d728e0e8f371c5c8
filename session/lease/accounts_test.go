package lease_test

import (
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
	"ravi-mcp/session"
	"ravi-mcp/session/lease"
)

// accountFolders are Ravis by the folder of the account; "" is the server's own.
type accountFolders struct {
	by     map[string]*sandboxtest.Instance
	broken atomic.Value // the folder that is broken
}

func (r *accountFolders) connect(folder string) (*ravi.Client, error) {
	at := r.by[folder]
	if at == nil || r.broken.Load() == folder {
		return nil, errors.New("the folder is broken")
	}
	return ravi.New(ravi.Config{
		Credentials: config.Credentials{Scheme: config.SchemeToken, AccessToken: secret.New(at.Account.AccessToken)},
		BaseURL:     "https://ravi" + strings.ReplaceAll(folder, "/", ".") + ".test", Transport: at.Server.RoundTripper(), RetryTime: time.Second,
	})
}

// server is the leases of one process with these accounts, and what gives the client of one.
func (r *accountFolders) server(dir string) (*lease.Manager, func(folder string) *ravi.Client) {
	own := &session.Account{Connect: func() (*ravi.Client, error) { return r.connect("") }}
	accounts := &session.Accounts{Connect: r.connect}
	client := func(folder string) *ravi.Client {
		c, _ := accounts.Of(&session.Caller{Name: "x", RaviConfigDir: folder}, own).Client()
		return c
	}
	return &lease.Manager{Dir: dir, Persistent: true, Account: own, Accounts: accounts}, client
}

// Ephemeral identities are deleted at the account that they belong to, also by the next process,
// and an account that is not there yet is waited for.
func TestLeaseIsSettledByItsAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		year := sandbox.Config{TokenLife: 1000 * 24 * time.Hour}
		north, south, own := sandboxtest.Memory(t, year), sandboxtest.Memory(t, year), sandboxtest.Memory(t, year)
		all := &accountFolders{by: map[string]*sandboxtest.Instance{"": own, "/north": north, "/south": south}}
		dir := filepath.Join(t.TempDir(), "leases")
		create := func(l *lease.Manager, client *ravi.Client, caller string) {
			_, err := creation{caller: caller, name: "task", ttl: time.Hour}.run(t.Context(), l, client)
			require.NoError(t, err)
		}
		first, client := all.server(dir)
		first.Start()
		for folder := range all.by {
			create(first, client(folder), "caller "+folder)
		}
		wait(61 * time.Minute)
		for folder, at := range all.by {
			assert.Empty(t, names(at), folder)
		}

		for folder, at := range all.by {
			create(first, client(folder), "caller "+folder)
			at.CreateIdentity(t, sandbox.NewIdentity{Name: "kept"})
		}
		first.End(t.Context())
		time.Sleep(2 * time.Hour)
		all.broken.Store("/south")
		second, client := all.server(dir)
		client("/north")
		client("/south")
		second.Start()
		wait(2 * time.Minute)
		assert.Equal(t, []string{"kept"}, names(north))
		assert.Equal(t, []string{"kept"}, names(own))
		assert.ElementsMatch(t, []string{"kept", "task"}, names(south), "its account is not there yet")
		all.broken.Store("none") // the folder is repaired
		wait(2 * time.Minute)
		assert.Equal(t, []string{"kept"}, names(south))
		second.End(t.Context())
		assert.Empty(t, files(t, dir))
	})
}

// A creation that was not answered at one account does not stand in the way of the same name at
// another, nor is it forgotten because of that.
func TestNameInFlightBelongsToItsAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		year := sandbox.Config{TokenLife: 1000 * 24 * time.Hour}
		north, own := sandboxtest.Memory(t, year), sandboxtest.Memory(t, year)
		all := &accountFolders{by: map[string]*sandboxtest.Instance{"": own, "/north": north}}
		dir := filepath.Join(t.TempDir(), "leases")
		first, client := all.server(dir)
		first.Start()
		defer first.End(t.Context())
		intent, err := first.Begin(client("/north"), "alice", "task", time.Hour, nil)
		require.NoError(t, err)
		north.CreateIdentity(t, sandbox.NewIdentity{Name: "task"})
		intent.Failed(errors.New("no answer"))

		other, clientOfOther := all.server(dir)
		require.NoError(t, first.Claim(client(""), "task"), "in the same process")
		require.NoError(t, other.Claim(clientOfOther(""), "task"), "and in another one")
		require.ErrorIs(t, other.Claim(clientOfOther("/north"), "task"), lease.ErrNameInFlight)
		other.End(t.Context())

		wait(3 * time.Hour)
		assert.Empty(t, names(north), "it was found by its name, and deleted when it was not used")
	})
}

// Of two accounts with the same credential the server's own counts, and the other one is not even
// made.
func TestOwnAccountSettlesASharedCredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		year := sandbox.Config{TokenLife: 1000 * 24 * time.Hour}
		twin, own := sandboxtest.Memory(t, year), sandboxtest.Memory(t, year)
		all := &accountFolders{by: map[string]*sandboxtest.Instance{"": own, "/twin": twin}}
		l, client := all.server("")
		l.Persistent, l.Credential = false, func(*ravi.Client) string { return "k" }
		var made atomic.Int32
		l.Accounts.Connect = func(folder string) (*ravi.Client, error) { made.Add(1); return all.connect(folder) }
		l.Start()
		defer l.End(t.Context())
		_, err := creation{caller: "alice", name: "task", ttl: time.Hour}.run(t.Context(), l, client(""))
		require.NoError(t, err)
		l.Accounts.Of(&session.Caller{Name: "x", RaviConfigDir: "/twin"}, l.Account)
		wait(61 * time.Minute)
		assert.Empty(t, names(own))
		assert.Zero(t, made.Load())
	})
}
