package lease

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/session"
)

// newAddress makes an address for an identity of that name: at most 30 lower
// case letters, digits and hyphens, as Ravi wants them (API.md section 2.2),
// whose end nobody else can have.
func newAddress(name string) string {
	const most = 20
	var b strings.Builder
	for _, c := range strings.ToLower(name) {
		switch {
		case b.Len() == most:
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	head := strings.TrimSuffix(b.String(), "-")
	if head == "" {
		head = "task"
	}
	return head + "-" + strings.ToLower(rand.Text()[:9])
}

// find returns the identity that an intent became, or "" where there is none,
// or where it cannot be told for certain which one. Unless over, it may still
// come about.
func (m *Manager) find(ctx context.Context, account *session.Account, client *ravi.Client, e *lease, over bool) (string, error) {
	all, err := client.Identities(ctx)
	if err != nil {
		account.Observe(err)
		return "", err
	}
	if e.Address != "" {
		for _, i := range all {
			if i.HasAddress(e.Address) {
				return i.UUID, nil
			}
		}
	}
	m.mu.Lock()
	byAddress := m.knownByAddress(e) || e.Address != "" && client.Scheme() == config.SchemeKey && m.heeds[e.Credential] != ignoresAddress
	m.mu.Unlock()
	if byAddress || !over {
		return "", nil
	}
	return m.findByName(ctx, client, all, e)
}

// knownByAddress reports whether the identity of an intent certainly has the
// address that was asked for, if it exists. The caller holds mu.
func (m *Manager) knownByAddress(e *lease) bool {
	heeds := m.heeds[e.Credential]
	return e.Address != "" && heeds != ignoresAddress && (e.Heeded || heeds == heedsAddress)
}

// findByName is find for a Ravi that may not take addresses.
func (m *Manager) findByName(ctx context.Context, client *ravi.Client, all []ravi.Identity, e *lease) (string, error) {
	taken, err := m.taken(e.ID)
	if err != nil {
		return "", err
	}
	ahead, known := e.Ahead, e.Clock
	if !known {
		var ravis time.Time
		ravis, known = client.Scope("").ServerTime()
		ahead = time.Until(ravis)
	}
	start := e.Intended.Add(ahead)
	var found []string
	for _, i := range all {
		if i.Name != e.Name || slices.Contains(e.Known, i.UUID) || slices.Contains(taken, i.UUID) {
			continue
		}
		if i.Created.IsZero() || !known {
			m.Log.Warn().Str("name", e.Name).Msg("an identity whose creation was not answered may be left over: Ravi does not tell its age")
			return "", nil
		}
		if i.Created.Before(start.Add(-createSlack)) || i.Created.After(start.Add(createWindow)) {
			continue
		}
		if m.Book != nil {
			if leased, err := m.Book.Leased(ctx, i.UUID); leased || err != nil {
				if err != nil {
					return "", err
				}
				continue
			}
		}
		found = append(found, i.UUID)
	}
	if len(found) > 1 {
		m.Log.Warn().Str("name", e.Name).Msg("an identity whose creation was not answered may be left over: several bear its name")
	}
	if len(found) != 1 {
		return "", nil
	}
	return found[0], nil
}

// taken returns the identities of all other leases, of any process.
func (m *Manager) taken(except string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var uuids []string
	for _, e := range m.all {
		if e.UUID != "" && e.ID != except {
			uuids = append(uuids, e.UUID)
		}
	}
	others, err := m.others()
	for _, r := range others {
		if r.UUID != "" && r.ID != except {
			uuids = append(uuids, r.UUID)
		}
	}
	return uuids, err
}

// others returns what stands in the journals of other processes, and what is
// left to them. The caller holds mu.
func (m *Manager) others() ([]record, error) {
	if m.Dir == "" {
		return nil, nil
	}
	paths, err := journals(m.Dir)
	if err != nil {
		return nil, err
	}
	var all []record
	for _, path := range paths {
		if j := m.held[path]; j != nil {
			all = append(all, j.left...)
			continue
		}
		data, err := readJournal(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		records, _ := parseJournal(data)
		all = append(all, records...)
	}
	return all, nil
}
