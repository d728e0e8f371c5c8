// Package sandboxtest starts an embedded Ravi for a test; it ends with the test.
//
//	func TestSignUp(t *testing.T) {
//		ravi := sandboxtest.New(t, sandbox.Config{})
//		id := ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "shop-agent"})
//		// Give ravi.URL, ravi.Account.AccessToken and id.UUID to the program under test.
//		ravi.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "+15559876543", Body: "Your code is 481516"})
//		// Check what it did with the code, and what it asked: ravi.Server.Requests().
//	}
//
// [New] listens on a loopback port. [Memory] opens no socket and works inside a testing/synctest
// bubble, where hours pass in no time. Package sandbox documents eras, faults and what else a test
// can set.
package sandboxtest

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"ravi-mcp/sandbox"
)

// Instance is a running sandbox with one account.
type Instance struct {
	// URL is where the server listens, without a final slash. After Memory it is an address that
	// only Client reaches.
	URL string
	// Server is the sandbox itself, to deliver messages and look at requests.
	Server *sandbox.Server
	// Account holds credentials of the account owner@example.com.
	Account *sandbox.Account
	// Client reaches URL.
	Client *http.Client
}

// New starts a sandbox on a loopback port.
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

// Memory makes a sandbox that is reached without a socket, through Client or Server.RoundTripper.
// Inside a testing/synctest bubble it uses the bubble's clock.
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
