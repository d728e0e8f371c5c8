package cli

import (
	"context"
	"errors"
	"sync"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/session"
)

// knownCredentials are those that Ravi was last called with, or will be: the server's own and those
// of folders. The zero value is ready for use.
type knownCredentials struct {
	mu       sync.Mutex
	byFolder map[string]*config.Credentials // "": the server's own
}

func (k *knownCredentials) keep(folder string, c *config.Credentials) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.byFolder == nil {
		k.byFolder = make(map[string]*config.Credentials)
	}
	k.byFolder[folder] = c
}

// hold reports whether a token is one of them.
func (k *knownCredentials) hold(token string) bool {
	given := secret.New(token)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range k.byFolder {
		for _, own := range []secret.Secret{c.AccessToken, c.RefreshToken, c.BoundAccessToken, c.BoundRefreshToken, c.ManagementKey, c.IdentityKey} {
			if !own.Empty() && own.Equal(given) {
				return true
			}
		}
	}
	return false
}

// folderCredentials reads the credential of a caller's folder. The error of a folder without one
// points to that folder, and not to the server's own credential.
func folderCredentials(sources config.Sources, folder string) (*config.Credentials, error) {
	c, err := sources.Folder(folder)
	if errors.Is(err, config.ErrNoCredentials) {
		return nil, fault.New(fault.NotAuthenticated, "The folder of this caller's Ravi account, "+folder+", holds no credential.",
			"Whoever runs the server has to run `RAVI_CONFIG_DIR="+folder+" ravi-mcp login` as its user, or put config.json or auth.json there; then call again.").WithCause(err)
	}
	return c, err
}

// connectAccounts connects the accounts of the callers, so that what earlier processes leased with
// them is deleted in time. Calls say what is wrong with one.
func (a *app) connectAccounts(callers *session.Callers) {
	_, _ = a.account.Client()
	if callers == nil || a.accounts == nil {
		return
	}
	own, _ := callers.Accounts()
	for _, caller := range own {
		_, _ = a.accounts.Of(caller, a.account).Client()
	}
}

// checkAccounts refuses callers with accounts of their own where there is only the embedded Ravi's.
func (f *httpFlags) checkAccounts(callers *session.Callers) error {
	if callers != nil && f.sandbox {
		if own, _ := callers.Accounts(); len(own) > 0 {
			return wrongUsage("%s has callers with a ravi_config_dir, and --sandbox has one account only", f.callers)
		}
	}
	return nil
}

// raviReady says whether Ravi can be worked with: with the server's own account where a caller uses
// it, else with that of any caller, as a broken folder affects its own callers only.
func (a *app) raviReady(ctx context.Context, callers *session.Callers) error {
	var own []*session.Caller
	server := true
	if callers != nil {
		own, server = callers.Accounts()
	}
	if server {
		_, err := a.account.Identities(ctx)
		return err
	}
	var failed error
	for _, caller := range own {
		if _, failed = a.accounts.Of(caller, a.account).Identities(ctx); failed == nil {
			return nil
		}
	}
	return failed
}
