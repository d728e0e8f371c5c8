package harness

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox/sandboxtest"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// Credentials returns those of an instance's account, with its keys if it is encrypted.
func Credentials(i *sandboxtest.Instance) config.Credentials {
	c := config.Credentials{Scheme: config.SchemeToken, AccessToken: secret.New(i.Account.AccessToken)}
	if i.Account.ManagementKey != "" {
		c = config.Credentials{Scheme: config.SchemeKey, ManagementKey: secret.New(i.Account.ManagementKey)}
	}
	if i.Account.PrivateKey != "" {
		c.PrivateKey, c.PublicKey = secret.New(i.Account.PrivateKey), secret.New(i.Account.PublicKey)
	}
	return c
}

// RaviClient returns a client of an instance, which it calls without a network. What cfg leaves out
// is filled in.
func RaviClient(i *sandboxtest.Instance, cfg ravi.Config) (*ravi.Client, error) {
	if cfg.Credentials.Scheme == "" {
		cfg.Credentials = Credentials(i)
	}
	if cfg.Transport == nil {
		cfg.Transport = i.Server.RoundTripper()
	}
	cfg.BaseURL = "https://ravi.test"
	return ravi.New(cfg)
}

// SystemConfig says what a System is made of.
type SystemConfig struct {
	// Connect returns the client of the server's own account.
	Connect func() (*ravi.Client, error)
	// ConnectFolder returns that of a caller with an account of its own; nil: there are none.
	ConnectFolder func(folder string) (*ravi.Client, error)
	Store         session.Store // nil: in memory
	Inbox         inbox.Config
}

// System is what stands behind a server, in the process of the test.
type System struct {
	Account  *session.Account
	Accounts *session.Accounts
	Store    session.Store
	Inbox    *inbox.Hub
	Deps     *tool.Deps
	// Close ends it, which otherwise the end of the test does.
	Close func()
}

// NewSystem puts a system together.
func NewSystem(t testing.TB, cfg SystemConfig) *System {
	t.Helper()
	s := &System{Account: &session.Account{Connect: cfg.Connect}, Store: cfg.Store, Inbox: inbox.New(cfg.Inbox)}
	if cfg.ConnectFolder != nil {
		s.Accounts = &session.Accounts{Connect: cfg.ConnectFolder}
	}
	if s.Store == nil {
		s.Store = &session.Memory{}
	}
	s.Deps = &tool.Deps{
		Account: s.Account, Accounts: s.Accounts, Store: s.Store, Inbox: s.Inbox,
		Resolver: &session.Resolver{Account: s.Account, Accounts: s.Accounts, Store: s.Store},
	}
	s.Close = sync.OnceFunc(func() {
		s.Inbox.Close()
		assert.NoError(t, s.Account.Close())
		assert.NoError(t, s.Accounts.Close())
	})
	t.Cleanup(s.Close)
	return s
}
