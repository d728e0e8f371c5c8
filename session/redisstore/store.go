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
  redis.call('PEXPIRE', prefix .. 'named:' .. h, ttl)
  local about = prefix .. 'about:' .. identity
  redis.call('ZREMRANGEBYSCORE', about, '-inf', int(now))
  redis.call('ZADD', about, int(now + life), h)
  redis.call('PEXPIRE', about, life)
end
`

// A state has the identity that a session knows as long as it is the only one.
var learnScript = newScript(statePrelude + `
local h, life, most = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if redis.call('HDEL', KEYS[1], 'deleted') == 1 then redis.call('HDEL', KEYS[1], 'identity') end
local only = redis.call('HGET', KEYS[1], 'identity')
local several = redis.call('HEXISTS', KEYS[1], 'several') == 1
local function name(identity)
  if not redis.call('ZSCORE', KEYS[2], identity) then
    redis.call('ZADD', KEYS[2], redis.call('HINCRBY', KEYS[1], 'sets', 1), identity)
  end
end
local identities = {ARGV[6]}
if not only and not several then
  identities = {redis.call('HGET', KEYS[1], 'default') or '', ARGV[7], ARGV[6]}
end
for _, identity in ipairs(identities) do
  if identity == '' then
    -- none
  elseif only and only ~= identity then
    redis.call('HDEL', KEYS[1], 'identity')
    redis.call('HSET', KEYS[1], 'several', 1)
    only, several = nil, true
  elseif not only and not several then
    redis.call('HSET', KEYS[1], 'identity', identity)
    only = identity
  end
  if identity ~= '' then
    name(identity)
    keep(h, identity, life)
  end
end
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -most - 1)
return {only or '', several and '1' or '', redis.call('HGET', KEYS[1], 'default') or ''}
`)

var learnDefaultScript = newScript(statePrelude + `
local h, life, identity = ARGV[3], tonumber(ARGV[4]), ARGV[5]
local state = redis.call('HMGET', KEYS[1], 'identity', 'several', 'default', 'deleted')
if not state[1] and not state[2] then
  redis.call('HSET', KEYS[1], 'default', identity)
  keep(h, identity, life)
  state[3] = identity
end
return state
`)

var unlearnScript = newScript(`
local identity = ARGV[3]
local state = redis.call('HMGET', KEYS[1], 'identity', 'default')
if state[1] == identity then redis.call('HSET', KEYS[1], 'deleted', 1) end
if state[2] == identity then redis.call('HDEL', KEYS[1], 'default') end
redis.call('ZREM', KEYS[2], identity)
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
  redis.call('ZREM', prefix .. 'named:' .. h, identity)
  redis.call('HDEL', state, 'c:' .. identity)
  redis.call('ZREM', prefix .. 'order:' .. h, identity)
end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HDEL', KEYS[3], identity)
return 1
`)

// Known implements session.Store.
func (s *Store) Known(ctx context.Context, key session.Key) (session.Known, error) {
	var command *redis.SliceCmd
	err := s.do(ctx, func(ctx context.Context) error {
		command = s.client.HMGet(ctx, s.key("state", sessionHash(key)), "identity", "several", "default", "deleted")
		return command.Err()
	})
	if err != nil {
		return session.Known{}, err
	}
	return known(command.Val()...), nil
}

// known reads the fields identity, several, default and deleted.
func known(fields ...any) (k session.Known) {
	several, deleted := "", ""
	for i, to := range []*string{&k.Identity, &several, &k.Default, &deleted}[:len(fields)] {
		*to, _ = fields[i].(string)
	}
	k.Several, k.Deleted = several != "", deleted != ""
	return k
}

// Learn implements session.Store.
func (s *Store) Learn(ctx context.Context, key session.Key, identity, configured string) (session.Known, error) {
	h := sessionHash(key)
	result, err := s.run(ctx, learnScript, []string{s.key("state", h), s.key("named", h)}, h, stateLife.Milliseconds(), session.MaxNamed, identity, configured)
	if err != nil {
		return session.Known{}, err
	}
	fields, _ := result.([]any)
	return known(fields...), nil
}

// Unlearn implements session.Store.
func (s *Store) Unlearn(ctx context.Context, key session.Key, identity string) error {
	h := sessionHash(key)
	_, err := s.run(ctx, unlearnScript, []string{s.key("state", h), s.key("named", h)}, identity)
	return err
}

// LearnDefault implements session.Store.
func (s *Store) LearnDefault(ctx context.Context, key session.Key, identity string) (session.Known, error) {
	h := sessionHash(key)
	result, err := s.run(ctx, learnDefaultScript, []string{s.key("state", h)}, h, stateLife.Milliseconds(), identity)
	if err != nil {
		return session.Known{}, err
	}
	fields, _ := result.([]any)
	return known(fields...), nil
}

// KnownIdentities implements session.Store.
func (s *Store) KnownIdentities(ctx context.Context, key session.Key) (named []string, err error) {
	err = s.do(ctx, func(ctx context.Context) error {
		named, err = s.client.ZRange(ctx, s.key("named", sessionHash(key)), 0, -1).Result()
		return err
	})
	return named, err
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

// SwapCursor implements session.Store.
func (s *Store) SwapCursor(ctx context.Context, key session.Key, identity, old, next string) (bool, error) {
	h := sessionHash(key)
	return s.runBool(ctx, swapScript, []string{s.key("state", h), s.key("order", h)},
		h, identity, stateLife.Milliseconds(), old, next, session.MaxCursors)
}

// ForgetIdentity implements session.Store.
func (s *Store) ForgetIdentity(ctx context.Context, identity string) error {
	_, err := s.run(ctx, forgetScript, []string{s.key("about", identity), s.key("made", identity), s.owners()}, identity)
	return err
}

// EndSession implements session.Store.
func (s *Store) EndSession(ctx context.Context, key session.Key) error {
	h := sessionHash(key)
	return s.do(ctx, func(ctx context.Context) error {
		return s.client.Del(ctx, s.key("state", h), s.key("order", h), s.key("named", h)).Err()
	})
}
