package lease

import (
	"context"
	"errors"
	"slices"
	"time"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/session"
)

var errOtherCredential = errors.New("lease: the identity belongs to another credential")

// settle does what is due about a lease: it looks for the identity that an intent became, or
// deletes the identity. over says that the creation cannot come about any more. It returns the uuid
// that it found, and whether nothing is left of the lease.
func (m *Manager) settle(ctx context.Context, r record, over bool) (found string, gone bool, err error) {
	in, err := m.accountOf(r.Credential)
	if err != nil {
		return "", false, err
	}
	if r.UUID == "" {
		found, err = m.find(ctx, in, r, over)
		return found, found == "" && over && err == nil, err
	}
	if err := in.client.DeleteIdentity(ctx, r.UUID); err != nil && !errors.Is(err, ravi.ErrNotFound) {
		in.account.Observe(err)
		return "", false, err
	}
	m.Log.Info().Str("identity", r.UUID).Msg("an ephemeral identity is gone")
	in.account.Forget()
	if m.Store != nil {
		if err := m.Store.ForgetIdentity(ctx, r.UUID); err != nil {
			m.Log.Error().Err(err).Msg("what was kept about a deleted identity could not be dropped")
		}
	}
	return "", true, nil
}

// accountClient is the client of an account.
type accountClient struct {
	account *session.Account
	client  *ravi.Client
}

// accountOf returns the first account with a credential, the server's own before others, and makes
// no client of those after it.
func (m *Manager) accountOf(credential string) (accountClient, error) {
	failed := errOtherCredential
	for _, account := range m.Accounts.All(m.Account) {
		client, err := account.Client()
		switch {
		case err != nil:
			failed = err
		case m.credential(client) == credential:
			return accountClient{account, client}, nil
		}
	}
	return accountClient{}, failed
}

// credentials returns the names of all credentials there are, and why one is missing.
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

// find returns the identity that an intent became, or "" where there is none, or where it is not
// certain which one. Unless over, it may still come about.
func (m *Manager) find(ctx context.Context, in accountClient, r record, over bool) (string, error) {
	all, err := in.client.Identities(ctx)
	if err != nil {
		in.account.Observe(err)
		return "", err
	}
	if r.Address != "" {
		for _, i := range all {
			if i.HasAddress(r.Address) {
				return i.UUID, nil
			}
		}
	}
	supported, known := m.addresses.of(r.Credential)
	mustHave := r.Address != "" && in.client.Scheme() == config.SchemeKey && (supported || !known)
	if mustHave || m.addresses.onlyByAddress(r) || !over {
		return "", nil
	}
	return m.findByName(ctx, in.client, all, r)
}

// findByName is find for a Ravi that may not take addresses.
func (m *Manager) findByName(ctx context.Context, client *ravi.Client, all []ravi.Identity, r record) (string, error) {
	ahead, known := r.Ahead, r.Clock
	if !known {
		var ravis time.Time
		ravis, known = client.Scope("").ServerTime()
		ahead = time.Until(ravis)
	}
	start := r.Intended.Add(ahead)
	var found []string
	for _, i := range all {
		if i.Name != r.Name || slices.Contains(r.Known, i.UUID) {
			continue
		}
		if leased, err := m.journals.leased(i.UUID, r.ID); err != nil {
			return "", err
		} else if leased {
			continue
		}
		if i.Created.IsZero() || !known {
			m.Log.Warn().Str("name", r.Name).Msg("an identity whose creation was not answered may be left over: Ravi does not tell its age")
			return "", nil
		}
		if i.Created.Before(start.Add(-createSlack)) || i.Created.After(start.Add(createWindow)) {
			continue
		}
		if m.Registry != nil {
			if leased, err := m.Registry.Leased(ctx, i.UUID); err != nil {
				return "", err
			} else if leased {
				continue
			}
		}
		found = append(found, i.UUID)
	}
	if len(found) > 1 {
		m.Log.Warn().Str("name", r.Name).Msg("an identity whose creation was not answered may be left over: several bear its name")
	}
	if len(found) != 1 {
		return "", nil
	}
	return found[0], nil
}
