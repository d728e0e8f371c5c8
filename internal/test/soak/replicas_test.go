package soak_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/internal/test/redistest"
	"ravi-mcp/internal/test/soak"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
	"ravi-mcp/session"
)

var outage = flag.Duration("soak.outage", 2*time.Second, "how long Redis is away; 10s in the full soak")

// spread is a load balancer that gives each request to the next replica that can be reached.
type spread struct {
	mu       sync.Mutex
	replicas []string
	next     int
	served   map[string]int
}

// balance starts one and returns its URL.
func balance(t *testing.T, s *spread) string {
	t.Helper()
	proxy := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(*httputil.ProxyRequest) {}, Transport: s, FlushInterval: -1,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	})
	t.Cleanup(proxy.Close)
	return proxy.URL
}

// set says which replicas there are.
func (s *spread) set(replicas []*harness.HTTP) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replicas = nil
	for _, replica := range replicas {
		s.replicas = append(s.replicas, strings.TrimPrefix(replica.URL, "http://"))
	}
}

func (s *spread) turn() (string, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	replica := s.replicas[s.next%len(s.replicas)]
	if s.served == nil {
		s.served = map[string]int{}
	}
	s.served[replica]++
	return replica, len(s.replicas)
}

// RoundTrip implements http.RoundTripper. What did not reach a replica goes to the next one.
func (s *spread) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	for tried := 1; ; tried++ {
		replica, all := s.turn()
		out := r.Clone(r.Context())
		out.URL.Scheme, out.URL.Host, out.Host = "http", replica, replica
		out.Body = io.NopCloser(bytes.NewReader(body))
		response, err := http.DefaultTransport.RoundTrip(out)
		var failed *net.OpError
		if err == nil || tried > all || !errors.As(err, &failed) || failed.Op != "dial" {
			return response, err
		}
	}
}

// cluster is two replicas behind a load balancer, with a Redis of their own.
type cluster struct {
	*world
	redis   *redistest.Server
	spread  *spread
	callers string
	alive   []*harness.HTTP
	cfg     soak.Config
}

func newCluster(t *testing.T, callers int) *cluster {
	t.Helper()
	ravi := sandboxtest.New(t, sandbox.Config{RecordBodies: true, TokenLife: 24 * time.Hour, KeptRequests: 100_000})
	c := &cluster{
		world:  &world{t: t, ravi: ravi},
		redis:  redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always"), // so that it can be stopped
		spread: &spread{},
	}
	for n := range callers {
		caller := soak.Caller{Name: fmt.Sprintf("team%d", n), Token: fmt.Sprintf("rmcp_team%d-0123456789-0123456789-0123456789", n)}
		c.callers += fmt.Sprintf("[[caller]]\nname = %q\ntoken_sha256 = %q\nidentities = [%q]\ndelete = \"ask\"\n", caller.Name, session.HashToken(caller.Token), caller.Name+"-*")
		c.cfg.Callers = append(c.cfg.Callers, caller)
	}
	c.start()
	c.start()
	c.cfg.Ravi, c.cfg.Account, c.cfg.Log = ravi.Server, ravi.Account, t.Logf
	c.cfg.URL, c.cfg.NoSSE, c.cfg.Replicas = balance(t, c.spread), true, true
	return c
}

// start adds a replica.
func (c *cluster) start() {
	c.alive = append(c.alive, c.http(c.callers, "RAVI_MCP_SESSION_STORE="+c.redis.URL(), "RAVI_MCP_SEAL_KEY="+strings.Repeat("5e", 32)))
	c.spread.set(c.alive)
}

// kill ends the oldest replica as kill -9 does.
func (c *cluster) kill() {
	c.alive[0].Kill(c.t)
	c.alive, c.processes = c.alive[1:], c.processes[1:]
	c.spread.set(c.alive)
}

// Every request goes to one replica or the other, which no client can tell.
func TestSoakOfTwoReplicas(t *testing.T) {
	c := newCluster(t, 5)
	c.cfg.Seed, c.cfg.Clients, c.cfg.Calls = *seed, *clients/2, *calls/3
	report, err := soak.Run(t.Context(), c.cfg)
	require.NoError(t, err, "%s", c.races())
	t.Logf("%s", report)
	c.end()
	require.Empty(t, report.Failures)
	require.Len(t, c.spread.served, 2)
	for url, n := range c.spread.served {
		assert.Greater(t, n, c.cfg.Calls/4, url)
	}
	c.nothingSecret()
}

// Replicas are killed and replaced, and Redis hangs, and is stopped and started again: calls fail
// meanwhile, and no session is lost, no newer cursor returns a code again, and no client gets
// anything of another.
func TestSoakOfReplicasThatAreKilled(t *testing.T) {
	c := newCluster(t, 3)
	c.cfg.Seed, c.cfg.Clients, c.cfg.Calls, c.cfg.Faults = *seed, *clients/2, *calls/3, true
	ctx, cancel := context.WithCancel(t.Context())
	rounds, round, done := 0, make(chan struct{}), make(chan struct{})
	endRound := sync.OnceFunc(func() { close(round) })
	c.cfg.Until = round
	after := func(d time.Duration) bool {
		select {
		case <-time.After(d):
			return true
		case <-ctx.Done():
			return false
		}
	}
	go func() {
		defer close(done)
		defer endRound()
		for after(*outage) {
			c.start()
			if after(*outage); ctx.Err() != nil {
				return
			}
			c.kill()
			after(*outage)
			c.redis.Pause()
			after(*outage)
			c.redis.Resume()
			after(*outage)
			c.redis.Stop()
			after(*outage)
			c.redis.Restart()
			rounds++
			endRound()
		}
	}()
	c.cfg.Rest = func() {
		cancel()
		<-done
	}
	report, err := soak.Run(t.Context(), c.cfg)
	require.NoError(t, err, "%s", c.races())
	t.Logf("%d rounds of faults; %s", rounds, report)
	c.end()
	require.Empty(t, report.Failures)
	assert.Positive(t, rounds)
	assert.Positive(t, report.Lost)
}

// nothingSecret looks for what must not be in Redis.
func (c *cluster) nothingSecret() {
	all := redistest.Dump(c.t, c.redis)
	assert.NotEmpty(c.t, all)
	for name, value := range all {
		assert.Positive(c.t, value.TTL, name)
		for _, caller := range c.cfg.Callers {
			assert.NotContains(c.t, name+value.Text, caller.Token)
			assert.NotContains(c.t, name+value.Text, caller.Name)
		}
		assert.NotContains(c.t, name+value.Text, c.ravi.Account.AccessToken)
	}
}
