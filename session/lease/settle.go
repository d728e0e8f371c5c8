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
	if keep, err := m.owned(ctx, r); keep || err != nil {
		return "", keep, err
	}
	if err := in.client.DeleteIdentity(ctx, r.UUID); err != nil && !errors.Is(err, ravi.ErrNotFound) {
		in.account.Observe(err)
		return "", false, err
	}
	what := "an ephemeral identity is gone"
	if r.Owned {
		what = "an identity is gone again, as its owner was not recorded"
	}
	m.Log.Info().Str("identity", r.UUID).Msg(what)
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
	if r.Owned && over {
		m.warnOfLeftOver(all, r)
	}
	if r.Owned {
		return "", nil
	}
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
	others, err := m.journals.except(r.ID)
	if err != nil {
		return "", err
	}
	var found []string
	for _, i := range all {
		if i.Name != r.Name || slices.Contains(r.Known, i.UUID) {
			continue
		}
		if slices.ContainsFunc(others, func(other record) bool { return other.UUID == i.UUID }) {
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
		if answered, err := m.answered(ctx, r, others, i.UUID); err != nil {
			return "", err
		} else if answered {
			continue
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

// answered reports whether an identity has an owner, so that it did not come of r. While another
// creation of that name is not answered, whose owner will be recorded, it fails with
// ErrNameInFlight.
func (m *Manager) answered(ctx context.Context, r record, others []record, uuid string) (bool, error) {
	if slices.ContainsFunc(others, func(other record) bool { return other.inFlight(r.Credential, r.Name, m.now()) }) {
		return false, ErrNameInFlight
	}
	if m.Registry != nil {
		named, err := m.Registry.Named(ctx, r.Credential, r.Name)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(named, func(e Entry) bool { return e.ID != r.ID && e.UUID == "" && e.Age < claimWindow }) {
			return false, ErrNameInFlight
		}
	}
	owner, err := m.ownerOf(ctx, r.Caller, uuid)
	return owner != session.OwnerUnknown, err
}

// owned reports whether an identity is not to be deleted, because of the owner that is recorded.
func (m *Manager) owned(ctx context.Context, r record) (bool, error) {
	owner, err := m.ownerOf(ctx, r.Caller, r.UUID)
	return owner == session.OwnerOther || owner == session.OwnerSelf && r.Owned, err
}

func (m *Manager) ownerOf(ctx context.Context, caller, uuid string) (session.Owner, error) {
	if m.Store == nil {
		return session.OwnerUnknown, nil
	}
	owners, err := m.Store.Owners(ctx, caller, []string{uuid})
	if err != nil {
		return session.OwnerUnknown, err
	}
	return owners[0], nil
}

// warnOfLeftOver says that an identity may exist for no caller with rights to what it created only.
func (m *Manager) warnOfLeftOver(all []ravi.Identity, r record) {
	if slices.ContainsFunc(all, func(i ravi.Identity) bool { return i.Name == r.Name && !slices.Contains(r.Known, i.UUID) }) {
		m.Log.Warn().Str("name", r.Name).Str("caller", r.Caller).Msg("an identity whose creation was not answered may be left over: its owner is not known")
	}
}
