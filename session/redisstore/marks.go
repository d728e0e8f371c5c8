package redisstore

import (
	"context"
	"crypto/rand"
	"time"

	"ravi-mcp/session"
)

var createdScript = newScript(`
redis.call('HSET', KEYS[1], ARGV[3], int(now + tonumber(ARGV[4])))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
`)

var createdByScript = newScript(`
local over = redis.call('HGET', KEYS[1], ARGV[3])
if over and now < tonumber(over) then return 1 end
return 0
`)

// The mark names its maker, so that a command which is sent again because its answer was lost is
// still the first.
var onceScript = newScript(`
local maker, ttl = ARGV[3], tonumber(ARGV[4])
local mark = redis.call('GET', KEYS[1])
if mark then
  local over, by = string.match(mark, '^(%d+) (.*)$')
  if by == maker then return 1 end
  if now < tonumber(over) then return 0 end
end
redis.call('SET', KEYS[1], int(now + ttl) .. ' ' .. maker, 'PX', int(ttl))
return 1
`)

var unlockScript = newScript(`
local by = string.match(redis.call('GET', KEYS[1]) or '', '^%d+ (.*)$')
if by == ARGV[3] then return redis.call('DEL', KEYS[1]) end
return 0
`)

// RecordCreated implements session.Store.
func (s *Store) RecordCreated(ctx context.Context, caller, identity string) error {
	_, err := s.run(ctx, createdScript, []string{s.key("made", identity)}, callerHash(caller), session.CreatedFor.Milliseconds())
	return err
}

// CreatedBy implements session.Store.
func (s *Store) CreatedBy(ctx context.Context, caller, identity string) (bool, error) {
	return s.runBool(ctx, createdByScript, []string{s.key("made", identity)}, callerHash(caller))
}

// UseOnce implements session.Store.
func (s *Store) UseOnce(ctx context.Context, key string, ttl time.Duration) (bool, error) {
	return s.runBool(ctx, onceScript, []string{s.key("once", hash(key))}, rand.Text(), max(ttl, time.Millisecond).Milliseconds())
}

var _ session.Locker = (*Store)(nil)

const (
	lockPause     = 20 * time.Millisecond
	longestPause  = 200 * time.Millisecond
	unlockTimeout = time.Second
)

// Lock implements session.Locker.
func (s *Store) Lock(ctx context.Context, name string, ttl time.Duration) (func(), error) {
	key, holder := s.key("lock", hash(name)), rand.Text()
	for pause := lockPause; ; pause = min(2*pause, longestPause) {
		got, err := s.runBool(ctx, onceScript, []string{key}, holder, ttl.Milliseconds())
		if err != nil {
			return nil, err
		}
		if got {
			break
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		}
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockTimeout)
		defer cancel()
		_, _ = s.run(ctx, unlockScript, []string{key}, holder) // else it ends by its time
	}, nil
}
