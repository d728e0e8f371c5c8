package lease

import (
	"context"
	"slices"
	"time"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/session"
)

// find returns the identity that an intent became, or "" where there is none,
// or where it is not certain which one. Unless over, it may still
// come about.
func (m *Manager) find(ctx context.Context, account *session.Account, client *ravi.Client, r record, over bool) (string, error) {
	all, err := client.Identities(ctx)
	if err != nil {
		account.Observe(err)
		return "", err
	}
	if r.Address != "" {
		for _, i := range all {
			if i.HasAddress(r.Address) {
				return i.UUID, nil
			}
		}
	}
	onlyByAddress := m.addresses.onlyByAddress(r) ||
		r.Address != "" && client.Scheme() == config.SchemeKey && m.addresses.of(r.Credential) != addressesIgnored
	if onlyByAddress || !over {
		return "", nil
	}
	return m.findByName(ctx, client, all, r)
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
		leased, err := m.leased(ctx, i.UUID, r.ID)
		if err != nil {
			return "", err
		}
		if leased {
			continue
		}
		if i.Created.IsZero() || !known {
			m.Log.Warn().Str("name", r.Name).Msg("an identity whose creation was not answered may be left over: Ravi does not tell its age")
			return "", nil
		}
		if i.Created.Before(start.Add(-createSlack)) || i.Created.After(start.Add(createWindow)) {
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

// leased reports whether an identity belongs to a lease other than except.
func (m *Manager) leased(ctx context.Context, uuid, except string) (bool, error) {
	for _, b := range m.backends() {
		if leased, err := b.leased(ctx, uuid, except); leased || err != nil {
			return leased, err
		}
	}
	return false, nil
}
