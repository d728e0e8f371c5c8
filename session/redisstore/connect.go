package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/rs/zerolog"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi/secret"
)

const (
	// DefaultPrefix begins the names of all keys.
	DefaultPrefix = "ravi-mcp:"
	// DefaultTimeout bounds an operation, retries included.
	DefaultTimeout = 2 * time.Second
	// poolSize is how many connections a replica has at most.
	poolSize = 32
	// warnEvery is how often an outage is logged.
	warnEvery = 10 * time.Second
)

// ErrURL says that a URL is not one of a Redis. It never repeats the URL, which may hold a
// password.
var ErrURL = errors.New("want redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], or rediss:// for TLS, and nothing after it")

// Config says which Redis, and how to use it.
type Config struct {
	// URL is redis://, or rediss:// for TLS, which is verified against the system's certificates.
	// Required.
	URL secret.Secret
	// Prefix begins the names of all keys; "" means DefaultPrefix. Endpoints that are no replicas
	// of each other need prefixes, or databases, of their own.
	Prefix string
	// Timeout bounds one operation; 0 means DefaultTimeout.
	Timeout time.Duration
	// Now is the clock; nil means that of Redis, which is the same for all replicas. Times to live
	// are real in any case.
	Now func() time.Time
	// Log gets what an operator should know. The zero value is silent.
	Log zerolog.Logger
}

// Store is a session.Store in Redis. All methods may be called by any number of goroutines, and by
// any number of replicas.
type Store struct {
	cfg    Config
	client *redis.Client

	mu             sync.Mutex
	warned         time.Time // when an outage was last logged
	down           bool
	warnedEviction bool
}

// Open returns a Store. It does not connect: a Redis that comes up later is found then. It fails
// with ErrURL. Close it at the end.
func Open(cfg Config) (*Store, error) {
	options, err := parse(cfg.URL.Reveal())
	if err != nil {
		return nil, err
	}
	if cfg.Prefix == "" {
		cfg.Prefix = DefaultPrefix
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	options.DialTimeout = cfg.Timeout / 2
	options.ReadTimeout, options.WriteTimeout = cfg.Timeout/2, cfg.Timeout/2
	options.PoolSize, options.PoolTimeout = poolSize, cfg.Timeout
	options.MinIdleConns, options.ConnMaxIdleTime = 1, 5*time.Minute
	options.ContextTimeoutEnabled = true
	options.DialerRetries, options.MaxRetries = 1, 2
	options.MinRetryBackoff, options.MaxRetryBackoff = 5*time.Millisecond, 100*time.Millisecond
	options.ClientName = "ravi-mcp"
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	quiet()
	return &Store{cfg: cfg, client: redis.NewClient(options)}, nil
}

// parse reads a URL and accepts no options in it: one of them would turn the check of certificates
// off.
func parse(text string) (*redis.Options, error) {
	text = strings.TrimSpace(text)
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" {
		return nil, ErrURL
	}
	options, err := redis.ParseURL(text)
	if err != nil {
		return nil, ErrURL
	}
	if u.Scheme == "rediss" {
		options.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname()}
	}
	return options, nil
}

// Exposed reports whether the URL sends a password in the clear to another machine.
func Exposed(u secret.Secret) bool {
	options, err := parse(u.Reveal())
	if err != nil || options.Password == "" || options.TLSConfig != nil {
		return false
	}
	host, _, _ := net.SplitHostPort(options.Addr)
	ip := net.ParseIP(host)
	return host != "localhost" && (ip == nil || !ip.IsLoopback())
}

// Addr is where the Redis is, HOST:PORT.
func (s *Store) Addr() string { return s.client.Options().Addr }

// Ping asks Redis for an answer. It warns, once, of a Redis that may evict keys.
func (s *Store) Ping(ctx context.Context) error {
	return s.do(ctx, func(ctx context.Context) error {
		info, err := s.client.Info(ctx, "memory").Result()
		if err != nil {
			return err
		}
		if strings.Contains(info, "maxmemory_policy:") && !strings.Contains(info, "maxmemory_policy:noeviction") {
			s.warnPolicy()
		}
		return nil
	})
}

func (s *Store) warnPolicy() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.warnedEviction {
		s.warnedEviction = true
		s.cfg.Log.Warn().Msg("the session store may evict keys before their time; set its maxmemory-policy to noeviction")
	}
}

// Close ends the connections.
func (s *Store) Close() error { return s.client.Close() }

// do runs an operation, bounded in time. Its error is the end of ctx, or fault.Unavailable with the
// reason as its cause.
func (s *Store) do(ctx context.Context, op func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	err := op(bounded)
	switch {
	case err == nil || errors.Is(err, redis.Nil):
		s.note(nil)
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	s.note(err)
	e := fault.New(fault.Unavailable, "The state that this server shares with its replicas cannot be reached.",
		"Call again in a few seconds; if it goes on, the operator has to look at the session store.").WithCause(err)
	e.RetryAfter = s.cfg.Timeout
	return e
}

// note logs when an outage begins, goes on and ends.
func (s *Store) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil && s.down:
		s.down = false
		s.cfg.Log.Info().Msg("the session store answers again")
	case err != nil && (!s.down || time.Since(s.warned) > warnEvery):
		s.down, s.warned = true, time.Now()
		s.cfg.Log.Error().Err(err).Msg("the session store does not answer")
	}
}

// script is a Lua script with the prelude. ARGV[1] is the prefix of keys and ARGV[2] the time in
// ms, 0 for Redis's own.
type script struct{ *redis.Script }

const prelude = `
local prefix, now = ARGV[1], tonumber(ARGV[2])
if now == 0 then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local function int(n) return string.format('%d', n) end
`

func newScript(body string) script { return script{redis.NewScript(prelude + body)} }

// run runs a script. Its error is one of do.
func (s *Store) run(ctx context.Context, sc script, keys []string, args ...any) (any, error) {
	var result any
	now := int64(0)
	if s.cfg.Now != nil {
		now = s.cfg.Now().UnixMilli()
	}
	err := s.do(ctx, func(ctx context.Context) error {
		var err error
		result, err = sc.Run(ctx, s.client, keys, append([]any{s.cfg.Prefix, now}, args...)...).Result()
		return err
	})
	return result, err
}

// runBool runs a script that answers 1 or 0.
func (s *Store) runBool(ctx context.Context, sc script, keys []string, args ...any) (bool, error) {
	result, err := s.run(ctx, sc, keys, args...)
	return err == nil && result == int64(1), err
}

// quiet keeps the client library from writing to stderr; what matters comes back as errors.
var quiet = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}
