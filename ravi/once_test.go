package ravi_test

import (
	"context"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
)

// The ways in which the answer to a creation gets lost: after Ravi carried it out, and before.
var losses = map[string]sandbox.Fault{
	"done, cut":       {Perform: true, Cut: true},
	"done, 502":       {Perform: true, Status: 502},
	"done, truncated": {Perform: true, Truncate: true},
	"done, too late":  {Perform: true, Status: 504},
	"not done, cut":   {Cut: true},
	"not done, 503":   {Status: 503},
}

func TestCreationIsNeverDoneTwice(t *testing.T) {
	bubble(t, sandbox.Config{Era: sandbox.EraKeys}, func(t *testing.T, w *world, _ *ravi.Identity, scope *ravi.Scope) {
		sites := []string{"https://login." + "example.com/x", "localhost:3000", "[::1]:8080"}
		// Older ones of the same name are not taken for the new one.
		old, err := w.client.CreateIdentity(t.Context(), ravi.NewIdentity{Name: "same"})
		require.NoError(t, err)
		time.Sleep(time.Minute)
		seen := map[string]bool{old.UUID: true}
		for name, loss := range losses {
			loss.Method = "POST"
			loss.Endpoint = "/api/identities/"
			w.Server.Faults().Add(loss)
			made, err := w.client.CreateIdentity(t.Context(), ravi.NewIdentity{Name: "same", Known: keysOf(seen)})
			require.NoError(t, err, name)
			assert.False(t, seen[made.UUID], name)
			seen[made.UUID] = true
			all, err := w.client.Identities(t.Context())
			require.NoError(t, err)
			assert.Len(t, all, len(seen)+1, name)
			_, err = w.client.Scope(made.UUID).Passwords(t.Context())
			require.NoError(t, err, "its key was lost, and another way is found")

			loss.Endpoint = "/api/passwords/"
			for _, site := range sites {
				w.Server.Faults().Add(loss)
				entry, err := scope.CreatePassword(t.Context(), ravi.NewPassword{Domain: site, Username: name, Password: secret.New("p")})
				require.NoError(t, err, name)
				assert.Equal(t, "p", entry.Password.Reveal(), name)
			}

			loss.Endpoint = "/api/contacts/"
			w.Server.Faults().Add(loss)
			email := itoa(int64(len(seen))) + "@example.com"
			contact, err := scope.CreateContact(t.Context(), ravi.ContactFields{Email: &email})
			require.NoError(t, err, name)
			assert.Equal(t, email, contact.Email)
		}
		passwords, err := scope.Passwords(t.Context())
		require.NoError(t, err)
		assert.Len(t, passwords, len(losses)*len(sites))
		contacts, err := scope.Contacts(t.Context())
		require.NoError(t, err)
		assert.Len(t, contacts, len(losses))
	})
}

func keysOf(m map[string]bool) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	return out
}

func TestCreationWithoutLookupIsNotRepeated(t *testing.T) {
	bubble(t, sandbox.Config{Era: sandbox.EraKeys}, func(t *testing.T, w *world, _ *ravi.Identity, _ *ravi.Scope) {
		w.Server.Faults().Add(sandbox.Fault{Method: "POST", Endpoint: "/api/identities/", Perform: true, Cut: true})
		_, err := w.client.CreateIdentity(t.Context(), ravi.NewIdentity{})
		require.ErrorIs(t, err, ravi.ErrUnavailable)
		assert.Contains(t, err.Error(), "may have happened")
		assert.Equal(t, 1, w.Server.CountRequests("POST", "/api/identities/"))
	})
}

func TestFailingCreationIsGivenUp(t *testing.T) {
	bubble(t, sandbox.Config{Era: sandbox.EraKeys}, func(t *testing.T, w *world, _ *ravi.Identity, _ *ravi.Scope) {
		w.Server.Faults().Add(sandbox.Fault{Method: "POST", Endpoint: "/api/identities/", Status: 503, Count: -1})
		_, err := w.client.CreateIdentity(t.Context(), ravi.NewIdentity{Name: "n"})
		require.ErrorIs(t, err, ravi.ErrUnavailable)
		assert.Equal(t, 2, w.Server.CountRequests("POST", "/api/identities/"))
		w.Server.Faults().Clear()
		w.Server.Faults().Add(sandbox.Fault{Method: "POST", Endpoint: "/api/identities/", Cut: true},
			sandbox.Fault{Method: "GET", Endpoint: "/api/identities/", Status: 500})
		_, err = w.client.CreateIdentity(t.Context(), ravi.NewIdentity{Name: "n"})
		require.ErrorIs(t, err, ravi.ErrUnavailable, "without a look it is not repeated")
	})
}

// late carries the first creation to Ravi long after its sender has given up, as a busy Ravi does.
type late struct {
	http.RoundTripper
	after time.Duration
	sent  atomic.Int64
}

func (l *late) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPost || l.sent.Add(1) > 1 {
		return l.RoundTripper.RoundTrip(r)
	}
	go func() {
		time.Sleep(l.after)
		if resp, err := l.RoundTripper.RoundTrip(r.WithContext(context.WithoutCancel(r.Context()))); err == nil {
			_ = resp.Body.Close()
		}
	}()
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestLateCreationIsNotSentAgain(t *testing.T) {
	for after, found := range map[time.Duration]bool{20 * time.Second: true, 40 * time.Second: false} {
		t.Run(after.String(), func(t *testing.T) {
			bubble(t, sandbox.Config{Era: sandbox.EraKeys}, func(t *testing.T, w *world, _ *ravi.Identity, _ *ravi.Scope) {
				slow := &late{RoundTripper: w.Client.Transport, after: after}
				client, err := ravi.New(ravi.Config{Credentials: credentialsOf(w.Account), BaseURL: w.URL, Transport: slow})
				require.NoError(t, err)
				defer client.Close()
				_, err = client.Identities(t.Context()) // from here on Ravi's clock is known
				require.NoError(t, err)
				made, err := client.CreateIdentity(t.Context(), ravi.NewIdentity{Name: "late", Known: []string{}})
				if found {
					require.NoError(t, err)
					assert.Equal(t, "late", made.Name)
				} else {
					var failed *ravi.Error
					require.ErrorAs(t, err, &failed)
					assert.True(t, failed.Unanswered())
				}
				time.Sleep(time.Minute)
				assert.EqualValues(t, 1, slow.sent.Load())
				all, err := client.Identities(t.Context())
				require.NoError(t, err)
				named := slices.DeleteFunc(all, func(id ravi.Identity) bool { return id.Name != "late" })
				assert.Len(t, named, 1)
			})
		})
	}
}
