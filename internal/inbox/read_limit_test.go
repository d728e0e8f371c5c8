package inbox_test

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/ravi"
	"ravi-mcp/sandbox"
)

// countedSource takes its time for a list, and counts how many are read at once.
type countedSource struct {
	inbox.Source
	takes time.Duration
	reads *readCount
}

type readCount struct {
	sync.Mutex
	open, most int
}

func (c *readCount) add(n int) {
	c.Lock()
	defer c.Unlock()
	c.open += n
	c.most = max(c.most, c.open)
}

func (c *readCount) peak() int {
	c.Lock()
	defer c.Unlock()
	return c.most
}

func (s countedSource) EmailMessages(ctx context.Context, f ravi.MessageFilter) iter.Seq2[ravi.EmailMessage, error] {
	return func(yield func(ravi.EmailMessage, error) bool) {
		s.reads.add(1)
		defer s.reads.add(-1)
		select {
		case <-time.After(s.takes):
		case <-ctx.Done():
		}
		s.Source.EmailMessages(ctx, f)(yield)
	}
}

// However many waits there are, only so many inboxes are read at a time, and a Ravi that hangs does
// not delay other credentials.
func TestReadsAreLimitedPerCredential(t *testing.T) {
	scenario{hub: inbox.Config{MaxReads: 4, MaxStreams: -1}}.run(t, func(w *fixture) {
		quick, hung := &readCount{}, &readCount{}
		var waits sync.WaitGroup
		open := func(n int, credential string, takes time.Duration, count *readCount, want inbox.Status) {
			id := w.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: fmt.Sprint(credential, n)})
			target := inbox.Target{
				Caller: "local", Credential: credential, Identity: id.UUID, Address: id.Inbox,
				Source: countedSource{inbox.FromScope(w.client.Scope(id.UUID)), takes, count},
			}
			waits.Go(func() {
				r, err := w.hub.Wait(w.Context(), target, inbox.Request{Channel: inbox.Email, Timeout: 20 * time.Second})
				if want == "" {
					assert.Error(t, err)
					return
				}
				require.NoError(t, err)
				assert.Equal(t, want, r.Status)
			})
			if want == inbox.Found {
				time.AfterFunc(5*time.Second, func() {
					_, err := w.ravi.Server.DeliverEmail(sandbox.Email{To: id.Inbox, From: "a@shop.example", Subject: "Your code is 482913"})
					assert.NoError(t, err)
				})
			}
		}
		for n := range 10 {
			open(n, "hung", time.Hour, hung, "")
		}
		for n := range 40 {
			open(n, "quick", 50*time.Millisecond, quick, inbox.Found)
		}
		waits.Wait()
		assert.Equal(t, 4, hung.peak())
		assert.Equal(t, 4, quick.peak())
	})
}
