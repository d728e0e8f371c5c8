package lease

import (
	"context"
	"errors"

	"ravi-mcp/ravi"
	"ravi-mcp/session"
)

var errOtherCredential = errors.New("lease: the identity belongs to another credential")

// settle does what is due about a lease: it looks for the identity that an intent
// became, or deletes the identity. over says that the creation cannot come about
// any more. It returns the uuid that it found, and whether nothing is left of the
// lease.
func (m *Manager) settle(ctx context.Context, r record, over bool) (found string, gone bool, err error) {
	account, client, err := m.accountOf(r.Credential)
	if err != nil {
		return "", false, err
	}
	if r.UUID == "" {
		found, err = m.find(ctx, account, client, r, over)
		return found, found == "" && over && err == nil, err
	}
	if err := client.DeleteIdentity(ctx, r.UUID); err != nil && !errors.Is(err, ravi.ErrNotFound) {
		account.Observe(err)
		return "", false, err
	}
	m.Log.Info().Str("identity", r.UUID).Msg("an ephemeral identity is gone")
	account.Forget()
	if m.Store != nil {
		if err := m.Store.ForgetIdentity(ctx, r.UUID); err != nil {
			m.Log.Error().Err(err).Msg("what was kept about a deleted identity could not be dropped")
		}
	}
	return "", true, nil
}

// accountOf returns the account of a credential.
func (m *Manager) accountOf(credential string) (*session.Account, *ravi.Client, error) {
	failed := errOtherCredential
	for _, account := range m.Accounts.All(m.Account) {
		client, err := account.Client()
		switch {
		case err != nil:
			failed = err
		case m.credential(client) == credential:
			return account, client, nil
		}
	}
	return nil, nil, failed
}

// credentials returns the names of all credentials there are, and why one is
// missing.
func (m *Manager) credentials() (names map[string]bool, missing error) {
	names = make(map[string]bool)
	for _, account := range m.Accounts.All(m.Account) {
		client, err := account.Client()
		if err != nil {
			missing = err
			continue
		}
		names[m.credential(client)] = true
	}
	return names, missing
}
