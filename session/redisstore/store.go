package redisstore

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"ravi-mcp/session"
)

// stateLife is how long the state of a session is kept that is in no table of sessions: longer than
// any session lives.
const stateLife = 25 * time.Hour

var _ session.Store = (*Store)(nil)

// statePrelude is what the scripts of states share: with keep the state of h lives as long as its
// session, and is found by ForgetIdentity.
const statePrelude = `
local function keep(h, identity, life)
  local ttl = redis.call('PTTL', prefix .. 'session:' .. h)
  if ttl <= 0 then ttl = life end
  redis.call('PEXPIRE', prefix .. 'state:' .. h, ttl)
  redis.call('PEXPIRE', prefix .. 'order:' .. h, ttl)
  local about = prefix .. 'about:' .. identity
  redis.call('ZREMRANGEBYSCORE', about, '-inf', int(now))
  redis.call('ZADD', about, int(now + life), h)
  redis.call('PEXPIRE', about, life)
end
`

var bindScript = newScript(statePrelude + `
local h, identity, life, unbound = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
if unbound == '1' and redis.call('HEXISTS', KEYS[1], 'identity') == 1 then return 0 end
redis.call('HSET', KEYS[1], 'identity', identity)
keep(h, identity, life)
return 1
`)

var swapScript = newScript(statePrelude + `
local h, identity, life, old, next, most = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7], tonumber(ARGV[8])
local field = 'c:' .. identity
if (redis.call('HGET', KEYS[1], field) or '') ~= old then return 0 end
redis.call('HSET', KEYS[1], field, next)
redis.call('ZADD', KEYS[2], redis.call('HINCRBY', KEYS[1], 'sets', 1), identity)
if redis.call('ZCARD', KEYS[2]) > most then
  redis.call('HDEL', KEYS[1], 'c:' .. redis.call('ZPOPMIN', KEYS[2])[1])
end
keep(h, identity, life)
return 1
`)

var forgetScript = newScript(`
local identity = ARGV[3]
for _, h in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local state = prefix .. 'state:' .. h
  if redis.call('HGET', state, 'identity') == identity then redis.call('HDEL', state, 'identity') end
  redis.call('HDEL', state, 'c:' .. identity)
  redis.call('ZREM', prefix .. 'order:' .. h, identity)
end
redis.call('DEL', KEYS[1], KEYS[2])
return 1
`)

// Binding implements session.Store.
func (s *Store) Binding(ctx context.Context, key session.Key) (string, error) {
	return s.field(ctx, key, "identity")
}

// Cursor implements session.Store.
func (s *Store) Cursor(ctx context.Context, key session.Key, identity string) (string, error) {
	return s.field(ctx, key, "c:"+identity)
}

func (s *Store) field(ctx context.Context, key session.Key, name string) (string, error) {
	var command *redis.StringCmd
	err := s.do(ctx, func(ctx context.Context) error {
		command = s.client.HGet(ctx, s.key("state", sessionHash(key)), name)
		return command.Err()
	})
	if err != nil {
		return "", err
	}
	return command.Val(), nil
}

// Bind implements session.Store.
func (s *Store) Bind(ctx context.Context, key session.Key, identity string) error {
	_, err := s.bind(ctx, key, identity, 0)
	return err
}

// BindIfUnbound implements session.Store.
func (s *Store) BindIfUnbound(ctx context.Context, key session.Key, identity string) (bool, error) {
	return s.bind(ctx, key, identity, 1)
}

func (s *Store) bind(ctx context.Context, key session.Key, identity string, unbound int) (bool, error) {
	h := sessionHash(key)
	return s.runBool(ctx, bindScript, []string{s.key("state", h)}, h, identity, stateLife.Milliseconds(), unbound)
}

// SwapCursor implements session.Store.
func (s *Store) SwapCursor(ctx context.Context, key session.Key, identity, old, next string) (bool, error) {
	h := sessionHash(key)
	return s.runBool(ctx, swapScript, []string{s.key("state", h), s.key("order", h)},
		h, identity, stateLife.Milliseconds(), old, next, session.MaxCursors)
}

// ForgetIdentity implements session.Store.
func (s *Store) ForgetIdentity(ctx context.Context, identity string) error {
	_, err := s.run(ctx, forgetScript, []string{s.key("about", identity), s.key("made", identity)}, identity)
	return err
}

// EndSession implements session.Store.
func (s *Store) EndSession(ctx context.Context, key session.Key) error {
	h := sessionHash(key)
	return s.do(ctx, func(ctx context.Context) error {
		return s.client.Del(ctx, s.key("state", h), s.key("order", h)).Err()
	})
}
