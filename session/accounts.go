package session

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
)

// Accounts are the Ravi accounts of callers that have one of their own: one Account for each folder
// that a Caller names as RaviConfigDir, with a client and a cache of its own. Callers with the same
// folder share one.
//
// An account is made at the first call for it, works like the server's own, and stays until Close,
// because leases may need it when its caller is gone. A nil *Accounts knows none: such callers then
// get invalid_config, and never the server's own account. All methods may be called by any number
// of goroutines.
type Accounts struct {
	// Connect makes a client of the credential in a folder, as Account.Connect does. Required.
	Connect func(folder string) (*ravi.Client, error)
	// Now is the clock; nil means time.Now.
	Now func() time.Time

	mu       sync.Mutex
	byFolder map[string]*Account
}

// errNoAccounts is for a caller with a folder on a server with one account.
var errNoAccounts = fault.New(fault.InvalidConfig, "This caller has a Ravi account of its own, and this server works with one account only.",
	"The operator has to take ravi_config_dir out of the callers file, or start the server in another way.")

// Of returns the account of a caller: that of its folder, or own for one without.
func (a *Accounts) Of(caller *Caller, own *Account) *Account {
	switch {
	case caller == nil || caller.RaviConfigDir == "":
		return own
	case a == nil:
		return &Account{Connect: func() (*ravi.Client, error) { return nil, errNoAccounts }}
	}
	folder := caller.RaviConfigDir
	a.mu.Lock()
	defer a.mu.Unlock()
	account := a.byFolder[folder]
	if account == nil {
		account = &Account{Connect: func() (*ravi.Client, error) { return a.Connect(folder) }, Now: a.Now}
		if a.byFolder == nil {
			a.byFolder = make(map[string]*Account)
		}
		a.byFolder[folder] = account
	}
	return account
}

// All returns all accounts there are, own first unless it is nil.
func (a *Accounts) All(own *Account) []*Account {
	var all []*Account
	if own != nil {
		all = append(all, own)
	}
	if a == nil {
		return all
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.AppendSeq(all, maps.Values(a.byFolder))
}

// Close ends the work of all clients and waits for it.
func (a *Accounts) Close() error {
	var errs []error
	for _, account := range a.All(nil) {
		errs = append(errs, account.Close())
	}
	return errors.Join(errs...)
}
