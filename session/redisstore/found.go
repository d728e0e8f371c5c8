package redisstore

import (
	"context"
	"strconv"
	"strings"
	"time"

	"ravi-mcp/session"
)

// A member is the identity, a space and the message's id; its score is when it was found.
var foundScript = newScript(`
local identity, life, most = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
for i = 6, #ARGV do redis.call('ZADD', KEYS[1], int(now), identity .. ' ' .. ARGV[i]) end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', int(now - life))
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -most - 1)
redis.call('PEXPIRE', KEYS[1], life)
return 1
`)

var recentlyFoundScript = newScript(`
return redis.call('ZREVRANGEBYSCORE', KEYS[1], '+inf', '(' .. int(now - tonumber(ARGV[3])), 'WITHSCORES')
`)

// RecordFound implements session.Store.
func (s *Store) RecordFound(ctx context.Context, key session.Key, identity string, messages ...string) error {
	args := []any{identity, session.FoundFor.Milliseconds(), session.MaxFound}
	for _, id := range messages {
		args = append(args, id)
	}
	_, err := s.run(ctx, foundScript, []string{s.key("found", sessionHash(key))}, args...)
	return err
}

// RecentlyFound implements session.Store.
func (s *Store) RecentlyFound(ctx context.Context, key session.Key, identity string) ([]session.FoundMessage, error) {
	result, err := s.run(ctx, recentlyFoundScript, []string{s.key("found", sessionHash(key))}, session.FoundFor.Milliseconds())
	if err != nil {
		return nil, err
	}
	pairs, _ := result.([]any) // of a member and its score, the latest first
	var recent []session.FoundMessage
	for i := 0; i+1 < len(pairs); i += 2 {
		member, _ := pairs[i].(string)
		score, _ := pairs[i+1].(string)
		id, mine := strings.CutPrefix(member, identity+" ")
		at, err := strconv.ParseInt(score, 10, 64)
		if mine && err == nil {
			recent = append(recent, session.FoundMessage{MessageID: id, At: time.UnixMilli(at)})
		}
	}
	return recent, nil
}
