package redisstore

import (
	"cmp"
	"context"
	"sync"
	"time"

	"ravi-mcp/session"
)

// Sessions are the protocol sessions of an endpoint of several replicas. It is to them what
// session.Sessions is to one: an id is 256 random bits and means nothing without its caller; a
// session ends by End, by EndCaller, after Idle without a request, or Absolute after it was opened;
// a caller at the limit loses the one left alone for longest.
//
// While a request runs on a replica, that replica announces the session again and again (Run,
// docs/decisions.md#replicas-announce-sessions-in-use), so that it does not end by Idle; when the
// replica is killed, the time simply begins to count. The end of a session reaches requests of it
// on other replicas at once while Run is connected, and after at most 20 s.
//
// All methods may be called by any number of goroutines. Replicas have to be given the same limits.
type Sessions struct {
	// Store is where they are kept. Required.
	Store *Store
	// Idle and Absolute bound the life of a session; PerCaller and Total their number. 0 means the
	// default of session.Sessions.
	Idle, Absolute   time.Duration
	PerCaller, Total int
	// OnEnd is called after a session that this replica knows has ended, however it did, with no
	// lock held. Its state in the Store is gone by then.
	OnEnd func(session.Key)

	mu    sync.Mutex
	known map[string]*localSession // by hash
	toEnd []string                 // callers whose sessions could not be ended yet
}

// sessionPrelude is what the scripts of sessions share. h is a session, c a caller, both hashed.
const sessionPrelude = `
local idle, absolute = tonumber(ARGV[3]), tonumber(ARGV[4])
local function remove(h, c)
  redis.call('DEL', prefix .. 'session:' .. h, prefix .. 'state:' .. h, prefix .. 'order:' .. h, prefix .. 'named:' .. h)
  redis.call('ZREM', prefix .. 'sessions', h)
  redis.call('ZREM', prefix .. 'sessions:' .. c, h)
  redis.call('PUBLISH', prefix .. 'ended', h)
end
local function list(key, h, over)
  redis.call('ZREMRANGEBYSCORE', key, '-inf', int(now))
  redis.call('ZADD', key, int(over), h)
  redis.call('PEXPIRE', key, int(absolute))
end
local function touch(h, c, opened, used)
  local over = math.min(used + idle, opened + absolute)
  redis.call('HSET', prefix .. 'session:' .. h, 'used', int(used))
  for _, kind in ipairs({'session:', 'state:', 'order:', 'named:'}) do
    redis.call('PEXPIRE', prefix .. kind .. h, int(over - now))
  end
  list(prefix .. 'sessions', h, over)
  list(prefix .. 'sessions:' .. c, h, over)
end
-- alive returns when a session was opened and last used, or nil when it is over.
local function alive(h, c)
  local t = redis.call('HMGET', prefix .. 'session:' .. h, 'opened', 'used')
  local opened, used = tonumber(t[1]), tonumber(t[2])
  if not opened or not used then return nil end
  if now - used >= idle or now - opened >= absolute then
    remove(h, c)
    return nil
  end
  return opened, used
end
`

// Of the sessions of a caller, the list has the one that ends first at its front, and so the one
// used longest ago, but for those that Absolute ends soon.
var openScript = newScript(sessionPrelude + `
local h, c, most, total, alone = ARGV[5], ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local all, mine = prefix .. 'sessions', prefix .. 'sessions:' .. c
if redis.call('EXISTS', prefix .. 'session:' .. h) == 1 then return 1 end
redis.call('ZREMRANGEBYSCORE', all, '-inf', int(now))
redis.call('ZREMRANGEBYSCORE', mine, '-inf', int(now))
local n = redis.call('ZCARD', mine)
if n >= most or redis.call('ZCARD', all) >= total then
  if n == 0 then return 0 end
  local oldest = redis.call('ZRANGE', mine, 0, 0)[1]
  local used = tonumber(redis.call('HGET', prefix .. 'session:' .. oldest, 'used') or 0)
  if now - used < alone then return 0 end
  remove(oldest, c)
end
redis.call('HSET', prefix .. 'session:' .. h, 'opened', int(now))
touch(h, c, now, now)
return 1
`)

var enterScript = newScript(sessionPrelude + `
local h, c = ARGV[5], ARGV[6]
local opened = alive(h, c)
if not opened then return 0 end
touch(h, c, opened, now)
return 1
`)

var endScript = newScript(sessionPrelude + `
local h, c = ARGV[5], ARGV[6]
if not alive(h, c) then return 0 end
remove(h, c)
return 1
`)

var endCallerScript = newScript(sessionPrelude + `
local c = ARGV[5]
for _, h in ipairs(redis.call('ZRANGE', prefix .. 'sessions:' .. c, 0, -1)) do remove(h, c) end
return 1
`)

// limits are the arguments that every script with sessionPrelude has.
func (s *Sessions) limits(more ...any) []any {
	return append([]any{cmp.Or(s.Idle, session.DefaultIdle).Milliseconds(), cmp.Or(s.Absolute, session.DefaultAbsolute).Milliseconds()}, more...)
}

// Open makes a session for the caller and returns its id, or session.ErrTooManySessions.
func (s *Sessions) Open(ctx context.Context, caller string) (string, error) {
	key := session.Key{Caller: caller, Session: session.NewSessionID()}
	opened, err := s.Store.runBool(ctx, openScript, nil, s.limits(sessionHash(key), callerHash(caller),
		cmp.Or(s.PerCaller, session.DefaultPerCaller), cmp.Or(s.Total, session.DefaultTotal), session.EvictAfter.Milliseconds())...)
	switch {
	case err != nil:
		return "", err
	case !opened:
		return "", session.ErrTooManySessions
	}
	h, p := s.enterHere(key)
	s.confirm(h, p)
	s.leaveHere(h, p)
	return key.Session, nil
}

// Enter begins a request in the session, which does not end by Idle until Leave. It returns
// session.ErrNoSession if the caller has no such session, or it is over.
func (s *Sessions) Enter(ctx context.Context, caller, id string) error {
	key := session.Key{Caller: caller, Session: id}
	h, p := s.enterHere(key) // first, so that its end finds it
	entered, err := s.Store.runBool(ctx, enterScript, nil, s.limits(h, callerHash(caller))...)
	if err == nil && entered && s.confirm(h, p) {
		return nil
	}
	s.leaveHere(h, p)
	if err != nil {
		return err
	}
	s.ended(h)
	return session.ErrNoSession
}

// Leave ends a request that Enter began.
func (s *Sessions) Leave(caller, id string) {
	h := sessionHash(session.Key{Caller: caller, Session: id})
	s.mu.Lock()
	p := s.known[h]
	s.mu.Unlock()
	if p != nil {
		s.leaveHere(h, p)
	}
}

// End ends a session of the caller, or returns session.ErrNoSession.
func (s *Sessions) End(ctx context.Context, caller, id string) error {
	h := sessionHash(session.Key{Caller: caller, Session: id})
	was, err := s.Store.runBool(ctx, endScript, nil, s.limits(h, callerHash(caller))...)
	if err != nil {
		return err
	}
	s.ended(h)
	if !was {
		return session.ErrNoSession
	}
	return nil
}

// EndCaller ends all sessions of a caller, which has lost the right to call. Where Redis does not
// answer, Run tries again.
func (s *Sessions) EndCaller(caller string) {
	if !s.endCaller(context.Background(), caller) {
		s.mu.Lock()
		s.toEnd = append(s.toEnd, caller)
		s.mu.Unlock()
	}
}

func (s *Sessions) endCaller(ctx context.Context, caller string) bool {
	if _, err := s.Store.run(ctx, endCallerScript, nil, s.limits(callerHash(caller))...); err != nil {
		return false
	}
	s.mu.Lock()
	var gone []string
	for h, p := range s.known {
		if p.key.Caller == caller {
			gone = append(gone, h)
		}
	}
	s.mu.Unlock()
	s.ended(gone...)
	return true
}

var noteScript = newScript(`
local key = prefix .. 'session:' .. ARGV[3]
if redis.call('EXISTS', key) == 1 then redis.call('HSET', key, 'note:' .. ARGV[4], 1) end
return 1
`)

// Note keeps a word about a session of the caller, for all replicas, for as long as it lives. Of a
// session that does not exist nothing is kept.
func (s *Sessions) Note(ctx context.Context, caller, id, word string) error {
	_, err := s.Store.run(ctx, noteScript, nil, sessionHash(session.Key{Caller: caller, Session: id}), word)
	return err
}

// Noted reports whether Note has kept the word.
func (s *Sessions) Noted(ctx context.Context, caller, id, word string) (bool, error) {
	var kept bool
	err := s.Store.do(ctx, func(ctx context.Context) error {
		var err error
		kept, err = s.Store.client.HExists(ctx, s.Store.key("session", sessionHash(session.Key{Caller: caller, Session: id})), "note:"+word).Result()
		return err
	})
	return kept, err
}
