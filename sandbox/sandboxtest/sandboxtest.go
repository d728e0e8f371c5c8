// Package sandboxtest starts an embedded Ravi for a test:
//
//	ravi := sandboxtest.New(t, sandbox.Config{})
//	client := &http.Client{Transport: ravi.Server.RoundTripper()}
//	req.Header.Set("Authorization", "Bearer "+ravi.Account.AccessToken)
//
// Everything ends with the test.
package sandboxtest

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"ravi-mcp/sandbox"
)

// Instance is a running sandbox with one account.
type Instance struct {
	// URL is where the server listens, without a final slash. After Memory it
	// is an address that only Client reaches.
	URL string
	// Server is the sandbox itself, to deliver messages and look at requests.
	Server *sandbox.Server
	// Account holds credentials of the account owner@example.com.
	Account *sandbox.Account
	// Client reaches URL.
	Client *http.Client
}

// New starts a sandbox on a loopback port; the test's end closes it.
func New(t testing.TB, cfg sandbox.Config) *Instance {
	t.Helper()
	i := Memory(t, cfg)
	web := httptest.NewServer(i.Server)
	t.Cleanup(func() {
		_ = i.Server.Close() // ends the streams that web.Close would wait for
		web.Close()
	})
	i.URL, i.Client = web.URL, web.Client()
	return i
}

// Memory makes a sandbox that is reached without a socket, through Client or
// Server.RoundTripper. Called inside a testing/synctest bubble, it lives by
// the bubble's clock.
func Memory(t testing.TB, cfg sandbox.Config) *Instance {
	t.Helper()
	s, err := sandbox.New(cfg)
	if err != nil {
		t.Fatalf("sandboxtest: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	acct, err := s.Account(sandbox.AccountConfig{})
	if err != nil {
		t.Fatalf("sandboxtest: %v", err)
	}
	return &Instance{URL: "http://ravi.test", Server: s, Account: acct, Client: &http.Client{Transport: s.RoundTripper()}}
}

// CreateIdentity makes an identity of the account, or fails the test.
func (i *Instance) CreateIdentity(t testing.TB, n sandbox.NewIdentity) sandbox.IdentityInfo {
	t.Helper()
	info, err := i.Server.CreateIdentity(i.Account.Email, n)
	if err != nil {
		t.Fatalf("sandboxtest: %v", err)
	}
	return info
}
