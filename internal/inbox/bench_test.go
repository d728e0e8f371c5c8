package inbox_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// The aims are in internal/test/bench/README.md: 1,000 open waits on 1,000 identities, 50 messages
// a second in total, from the message's acceptance by Ravi to the result of the wait; by event
// stream, by polling, and by the reference, a loop per identity that lists its messages every two
// seconds. All three use the same client and the same embedded Ravi in memory.
const (
	benchIdentities = 1000
	benchRate       = 50
	benchRun        = 12 * time.Second
)

// BenchmarkLatency prints the three side by side. One iteration takes 12 s:
//
//	go test -run xxx -bench Latency -benchtime 1x ./inbox
func BenchmarkLatency(b *testing.B) {
	var table []string
	for _, way := range []struct {
		name   string
		stream bool
		follow func(*bench, int)
	}{{"stream", true, (*bench).wait}, {"polling", false, (*bench).wait}, {"reference", false, (*bench).loop}} {
		b.Run(way.name, func(b *testing.B) {
			for b.Loop() {
				s := newBench(b, way.stream)
				s.run(way.follow)
				row := s.report(b)
				table = append(table, fmt.Sprintf("%-10s %s", way.name, row))
				s.close()
			}
		})
	}
	_, _ = fmt.Fprintf(os.Stdout, "%-10s %9s %9s %9s %9s %22s\n%s\n", "", "messages", "p50 ms", "p99 ms", "mean ms", "requests/(wait second)",
		strings.Join(table, "\n"))
}

type bench struct {
	b        *testing.B
	ravi     *sandboxtest.Instance
	client   *ravi.Client
	hub      *inbox.Hub
	ids      []sandbox.IdentityInfo
	ctx      context.Context
	cancel   context.CancelFunc
	requests atomic.Int64
	waiting  atomic.Int64
	group    sync.WaitGroup

	mu        sync.Mutex
	sent      map[string]time.Time // by code
	latencies []time.Duration
}

func newBench(b *testing.B, stream bool) *bench {
	s := &bench{b: b, sent: make(map[string]time.Time)}
	s.ravi = sandboxtest.Memory(b, sandbox.Config{NoStream: !stream, KeptRequests: -1})
	var err error
	s.client, err = ravi.New(ravi.Config{
		Credentials: config.Credentials{Scheme: config.SchemeToken, AccessToken: secret.New(s.ravi.Account.AccessToken)},
		BaseURL:     "https://ravi.test", Transport: s.ravi.Server.RoundTripper(),
		Observe: func(_ context.Context, r ravi.Request) { s.requests.Add(1) },
	})
	require.NoError(b, err)
	s.hub = inbox.New(inbox.Config{})
	for i := range benchIdentities {
		s.ids = append(s.ids, s.ravi.CreateIdentity(b, sandbox.NewIdentity{Name: fmt.Sprintf("Agent %d", i)}))
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

func (s *bench) close() {
	s.cancel()
	s.group.Wait()
	s.hub.Close()
	_ = s.client.Close()
	_ = s.ravi.Server.Close()
}

// run starts a follower per identity, lets them settle, and measures.
func (s *bench) run(follow func(*bench, int)) {
	for i := range s.ids {
		s.group.Go(func() { follow(s, i) })
	}
	for s.waiting.Load() < benchIdentities {
		time.Sleep(10 * time.Millisecond)
	}
	// One message of each kind, so that both are known to be announced.
	s.deliver(0)
	_, err := s.ravi.Server.DeliverEmail(sandbox.Email{To: s.ids[0].Inbox, From: "a@b.test", Subject: "Hello", Text: "Hello"})
	require.NoError(s.b, err)
	time.Sleep(3 * time.Second)
	s.mu.Lock()
	s.latencies = nil
	s.mu.Unlock()
	s.requests.Store(0)
	tick := time.NewTicker(time.Second / benchRate)
	defer tick.Stop()
	for end := time.Now().Add(benchRun); time.Now().Before(end); <-tick.C {
		s.deliver(rand.IntN(len(s.ids)))
	}
	requests := s.requests.Load()
	time.Sleep(2500 * time.Millisecond) // the last ones
	s.requests.Store(requests)
}

func (s *bench) deliver(i int) {
	code := fmt.Sprintf("%06d", 100_000+rand.IntN(900_000))
	s.mu.Lock()
	s.sent[code] = time.Now()
	s.mu.Unlock()
	_, err := s.ravi.Server.DeliverSMS(sandbox.SMS{To: s.ids[i].Phone, From: "+15550001111", Body: "Your Acme verification code is " + code})
	require.NoError(s.b, err)
}

func (s *bench) got(code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.sent[code]; ok {
		s.latencies = append(s.latencies, time.Since(at))
	}
}

// wait is a client of the hub: arm, then wait from cursor to cursor.
func (s *bench) wait(i int) {
	target := inbox.Target{
		Caller: fmt.Sprint(i), Credential: "c", Identity: s.ids[i].UUID, Source: inbox.FromScope(s.client.Scope(s.ids[i].UUID)),
	}
	cursor, err := s.hub.Arm(s.ctx, target)
	s.waiting.Add(1)
	for err == nil {
		var res inbox.Result
		if res, err = s.hub.Wait(s.ctx, target, inbox.Request{Cursor: cursor, Timeout: 50 * time.Second}); err != nil {
			break
		}
		cursor = res.Cursor
		if res.Status == inbox.Found {
			s.got(res.Code.Reveal())
		}
	}
	if s.ctx.Err() == nil {
		s.b.Error(err)
	}
}

// loop is the reference of the Ravi documents: list, look, sleep two seconds.
func (s *bench) loop(i int) {
	scope := s.client.Scope(s.ids[i].UUID)
	var last int64
	time.Sleep(rand.N(2 * time.Second))
	s.waiting.Add(1)
	for s.ctx.Err() == nil {
		for m, err := range scope.SMSMessages(s.ctx, ravi.MessageFilter{Unread: true}) {
			if err == nil && m.ID > last {
				last = m.ID
				s.got(m.Body[len(m.Body)-6:])
			}
		}
		select {
		case <-time.After(2 * time.Second):
		case <-s.ctx.Done():
		}
	}
}

func (s *bench) report(b *testing.B) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.latencies)
	n := len(s.latencies)
	require.NotZero(b, n)
	var sum time.Duration
	for _, l := range s.latencies {
		sum += l
	}
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	p50, p99, mean := ms(s.latencies[n/2]), ms(s.latencies[n*99/100]), ms(sum/time.Duration(n))
	rate := float64(s.requests.Load()) / benchIdentities / benchRun.Seconds()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(p50, "p50-ms")
	b.ReportMetric(p99, "p99-ms")
	b.ReportMetric(mean, "mean-ms")
	b.ReportMetric(rate, "requests/wait-s")
	return fmt.Sprintf("%9d %9.2f %9.2f %9.2f %22.3f", n, p50, p99, mean, rate)
}
