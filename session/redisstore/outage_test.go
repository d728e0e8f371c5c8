package redisstore_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/test/redistest"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/session"
	"ravi-mcp/session/lease"
	"ravi-mcp/session/redisstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// everything is each operation of a store and a table, and its error.
func everything(ctx context.Context, s *redisstore.Store, t *redisstore.Sessions) map[string]error {
	key := session.Key{Caller: "alice", Session: "1"}
	errs := map[string]error{
		"forget": s.ForgetIdentity(ctx, "y"), "end": s.EndSession(ctx, key),
		"record": s.RecordCreated(ctx, "alice", "x"), "ping": s.Ping(ctx),
	}
	_, errs["known"] = s.Known(ctx, key)
	_, errs["known identities"] = s.KnownIdentities(ctx, key)
	_, errs["learn"] = s.Learn(ctx, key, "x", "")
	_, errs["learn default"] = s.LearnDefault(ctx, key, "x")
	_, errs["cursor"] = s.Cursor(ctx, key, "x")
	_, errs["swap"] = s.SwapCursor(ctx, key, "x", "", "c")
	_, errs["created by"] = s.CreatedBy(ctx, "alice", "x")
	_, errs["once"] = s.UseOnce(ctx, "k", time.Minute)
	_, errs["leases named"] = s.Named(ctx, "k", "n")
	_, errs["leased"] = s.Leased(ctx, "x")
	_, errs["take"] = s.Take(ctx, []string{"k"}, time.Minute, 1)
	_, errs["holds"] = s.Holds(ctx, "1", 0)
	_, errs["update"] = s.Update(ctx, lease.Entry{ID: "1"}, time.Minute)
	errs["add"] = s.Add(ctx, lease.Entry{ID: "1"}, time.Minute)
	errs["renew"] = s.Renew(ctx, "alice", "x", 0, 0)
	errs["drop"], errs["drop identity"] = s.Drop(ctx, "1", 0), s.DropIdentity(ctx, "x")
	unlock, err := s.Lock(ctx, "l", time.Minute)
	if errs["lock"] = err; err == nil {
		unlock()
	}
	id, err := t.Open(ctx, "alice")
	errs["open"] = err
	if err == nil {
		errs["enter"] = t.Enter(ctx, "alice", id)
		errs["close"] = t.End(ctx, "alice", id)
	}
	errs["sweep"] = t.Sweep(ctx)
	return errs
}

// A Redis that hangs, and one that is gone: every operation says so in time, none makes anything
// up, and all of them work again without a restart.
func TestOutageIsReportedAndPasses(t *testing.T) {
	t.Parallel()
	for name, outage := range map[string]struct{ begin, end func(*redistest.Server) }{
		"hangs": {(*redistest.Server).Pause, (*redistest.Server).Resume},
		"gone":  {(*redistest.Server).Stop, (*redistest.Server).Restart},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := redistest.Start(t)
			var log bytes.Buffer
			s := open(t, redis, func(c *redisstore.Config) {
				c.Timeout, c.Log = 300*time.Millisecond, zerolog.New(&log)
			})
			var id string
			table := &redisstore.Sessions{Store: s, OnEnd: func(k session.Key) { assert.NotEqual(t, id, k.Session, "ended by an outage") }}
			id, err := table.Open(t.Context(), "alice")
			require.NoError(t, err)
			require.NoError(t, table.Enter(t.Context(), "alice", id))

			outage.begin(redis)
			began := time.Now()
			for op, err := range everything(t.Context(), s, table) {
				assert.True(t, fault.Has(err, fault.Unavailable), "%s: %v", op, err)
			}
			require.True(t, fault.Has(table.Enter(t.Context(), "alice", id), fault.Unavailable))
			assert.Less(t, time.Since(began), 20*time.Second)
			outage.end(redis)

			require.Eventually(t, func() bool { return s.Ping(t.Context()) == nil }, 30*time.Second, 10*time.Millisecond)
			if name == "hangs" { // what was kept is still there
				require.NoError(t, table.Enter(t.Context(), "alice", id))
				for op, err := range everything(t.Context(), s, table) {
					assert.NoError(t, err, op)
				}
			}
			assert.Contains(t, log.String(), "does not answer")
			assert.Contains(t, log.String(), "answers again")
		})
	}
}

// A cancelled call fails as such, and is no outage.
func TestCancelledCallIsNoOutage(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	var log bytes.Buffer
	s := open(t, redis, func(c *redisstore.Config) { c.Log = zerolog.New(&log) })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.EndSession(ctx, session.Key{}), context.Canceled)
	unlock, err := s.Lock(t.Context(), "one", time.Minute)
	require.NoError(t, err)
	waiting, end := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer end()
	_, err = s.Lock(waiting, "one", time.Minute)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	unlock()
	unlock, err = s.Lock(t.Context(), "one", time.Minute)
	require.NoError(t, err)
	unlock()
	assert.Empty(t, log.String())
}

// Whatever is kept, neither a session's id nor a caller's name stands in Redis, and nothing stays
// for ever.
func TestRedisHoldsNoNamesAndNothingForever(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, server, nil)
	table := &redisstore.Sessions{Store: s}
	ctx := t.Context()
	const caller = "alice-CANARY"
	id, err := table.Open(ctx, caller)
	require.NoError(t, err)
	require.NoError(t, table.Enter(ctx, caller, id))
	key := session.Key{Caller: caller, Session: id}
	learn(t, s, key, "uuid")
	_, err = s.SwapCursor(ctx, key, "uuid", "", "sealed")
	require.NoError(t, err)
	require.NoError(t, s.RecordCreated(ctx, caller, "uuid"))
	_, err = s.UseOnce(ctx, "confirm CANARY", time.Hour)
	require.NoError(t, err)
	_, err = s.Lock(ctx, "identity CANARY", time.Hour)
	require.NoError(t, err)

	require.NoError(t, s.Add(ctx, lease.Entry{
		ID: "1", Name: "name-CANARY", UUID: "uuid", Caller: caller, Credential: "credential-CANARY", TTL: time.Hour, Data: "sealed",
	}, time.Hour))
	require.NoError(t, s.Renew(ctx, caller, "uuid", 0, time.Hour))

	all := redistest.Dump(t, server)
	require.GreaterOrEqual(t, len(all), 13)
	for name, value := range all {
		text := name + " " + value.Text
		assert.Positive(t, value.TTL, name)
		assert.LessOrEqual(t, value.TTL, 31*24*time.Hour, name)
		assert.NotContains(t, text, id)
		assert.NotContains(t, strings.ToUpper(text), "CANARY")
		assert.NotContains(t, text, "alice")
	}
}

// A state whose session has a time to live goes with it.
func TestAbandonedSessionTakesItsStateAlong(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	s := open(t, server, nil)
	table := &redisstore.Sessions{Store: s, Idle: 300 * time.Millisecond}
	id, err := table.Open(t.Context(), "alice")
	require.NoError(t, err)
	key := session.Key{Caller: "alice", Session: id}
	learn(t, s, key, "uuid")
	_, err = s.SwapCursor(t.Context(), key, "uuid", "", "sealed")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		for name := range redistest.Dump(t, server) {
			if strings.Contains(name, ":session:") || strings.Contains(name, ":state:") || strings.Contains(name, ":order:") {
				return false
			}
		}
		return true
	}, 20*time.Second, 10*time.Millisecond)
}

func TestURLIsCheckedAndNeverShown(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"", "canary", "http://canary", "redis://", "redis://:canary@", "redis://h/canary", "redis://:canary@h?skip_verify=true",
		"rediss://h?skip_verify=true", "redis://h#canary", "unix:///canary", "redis:h", "redis://h:canary", "redis://%zz:canary@h",
	} {
		_, err := redisstore.Open(redisstore.Config{URL: secret.New(url)})
		require.ErrorIs(t, err, redisstore.ErrURL, url)
		assert.NotContains(t, err.Error(), "canary")
	}
	for url, exposed := range map[string]bool{
		"redis://:p@10.0.0.1": true, "redis://u:p@redis.example:6380/2": true, "rediss://:p@redis.example": false,
		"redis://redis.example": false, "redis://:p@localhost": false, "redis://:p@127.0.0.1:1": false, "redis://:p@[::1]:1": false,
	} {
		s, err := redisstore.Open(redisstore.Config{URL: secret.New(url)})
		require.NoError(t, err, url)
		require.NoError(t, s.Close())
		assert.Equal(t, exposed, redisstore.Exposed(secret.New(url)), url)
	}
}

func TestPasswordIsUsedAndNeverShown(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, "--requirepass", "canary-password")
	right := open(t, server, func(c *redisstore.Config) { c.URL = secret.New("redis://:canary-password@" + server.Addr) })
	require.NoError(t, right.Ping(t.Context()))
	for _, url := range []string{server.URL(), "redis://:canary-other@" + server.Addr} {
		wrong := open(t, server, func(c *redisstore.Config) { c.URL = secret.New(url) })
		err := wrong.Ping(t.Context())
		require.True(t, fault.Has(err, fault.Unavailable))
		assert.NotContains(t, fault.From(err).Cause.Error(), "canary")
	}
}

// A certificate of an unknown issuer is refused.
func TestTLSIsVerified(t *testing.T) {
	t.Parallel()
	cert, key := selfSigned(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	_, tlsPort, _ := net.SplitHostPort(addr)
	server := redistest.Start(t, "--tls-port", tlsPort, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no")
	s := open(t, server, func(c *redisstore.Config) { c.URL, c.Timeout = secret.New("rediss://"+addr), patience })
	err = s.Ping(t.Context())
	require.True(t, fault.Has(err, fault.Unavailable))
	assert.ErrorContains(t, fault.From(err).Cause, "certificate")
}

func selfSigned(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "redis"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	dir := t.TempDir()
	write := func(name, kind string, bytes []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600))
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", raw)
}
