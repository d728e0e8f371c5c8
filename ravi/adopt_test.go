package ravi_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/sandbox"
)

// An identity of the name is taken for one whose creation was not answered only if it certainly is;
// else the caller is told, and nothing is created twice.
func TestUnansweredCreationAdoptsNoOther(t *testing.T) {
	const route = "/api/identities/"
	unsent := sandbox.Fault{Method: "POST", Endpoint: route, Cut: true, Count: -1}
	done := sandbox.Fault{Method: "POST", Endpoint: route, Perform: true, Cut: true}
	for name, c := range map[string]struct {
		fault  sandbox.Fault
		known  []string // "older": what was listed before the call
		email  string
		others func(t *testing.T, w *world) // before the call is answered
		adopts bool
		sent   int
	}{
		"it is the only new one":            {fault: done, known: []string{"older"}, adopts: true, sent: 1},
		"none listed before":                {fault: done, sent: 1},
		"an older one was not listed":       {fault: unsent, known: nil, sent: 1},
		"another was made meanwhile":        {fault: done, known: []string{"older"}, others: twin, sent: 1},
		"its address tells":                 {fault: done, known: []string{"older"}, email: "chosen-1", others: twin, adopts: true, sent: 1},
		"another address is another's":      {fault: unsent, known: []string{"older"}, email: "chosen-1", others: twin, sent: 1},
		"by its address it is not repeated": {fault: done, email: "chosen-1", adopts: true, sent: 1},
		"nothing was created":               {fault: unsent, known: []string{"older"}, sent: 2},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, sandbox.Config{Era: sandbox.EraKeys}, func(t *testing.T, w *world, _ *ravi.Identity, _ *ravi.Scope) {
				older := w.CreateIdentity(t, sandbox.NewIdentity{Name: "same"})
				time.Sleep(time.Second)
				n := ravi.NewIdentity{Name: "same", Email: c.email}
				if c.known != nil {
					n.Known = []string{older.UUID}
				}
				_, err := w.client.Identities(t.Context()) // as who calls has done; it tells Ravi's time too
				require.NoError(t, err)
				before := w.Server.CountRequests("POST", route)
				w.Server.Faults().Add(c.fault)
				if c.others != nil {
					time.AfterFunc(50*time.Millisecond, func() { c.others(t, w) })
				}
				made, err := w.client.CreateIdentity(t.Context(), n)
				assert.Equal(t, c.sent, w.Server.CountRequests("POST", route)-before)
				if c.adopts {
					require.NoError(t, err)
					assert.NotEqual(t, older.UUID, made.UUID)
					if c.email != "" {
						assert.True(t, made.HasAddress(c.email))
					}
					return
				}
				require.ErrorIs(t, err, ravi.ErrUnavailable)
				var failed *ravi.Error
				require.True(t, errors.As(err, &failed))
				assert.True(t, failed.Unanswered())
				assert.Contains(t, err.Error(), "may have happened")
			})
		})
	}
}

func twin(t *testing.T, w *world) { w.CreateIdentity(t, sandbox.NewIdentity{Name: "same"}) }

// The clocks may be apart: what counts is Ravi's.
func TestCreationTimesUseRavisClock(t *testing.T) {
	for _, ahead := range []time.Duration{-time.Hour, time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			bubble(t, sandbox.Config{Era: sandbox.EraKeys, Now: func() time.Time { return time.Now().Add(ahead) }}, func(t *testing.T, w *world, _ *ravi.Identity, _ *ravi.Scope) {
				w.CreateIdentity(t, sandbox.NewIdentity{Name: "same"})
				time.Sleep(time.Minute)
				_, err := w.client.Identities(t.Context())
				require.NoError(t, err)
				w.Server.Faults().Add(sandbox.Fault{Method: "POST", Endpoint: "/api/identities/", Perform: true, Status: 502})
				made, err := w.client.CreateIdentity(t.Context(), ravi.NewIdentity{Name: "same", Known: []string{}})
				require.NoError(t, err)
				assert.WithinDuration(t, time.Now().Add(ahead), made.Created, 2*time.Second)
			})
		})
	}
}
