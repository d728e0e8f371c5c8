package redisstore

import (
	"context"

	"github.com/redis/go-redis/v9"

	"ravi-mcp/session"
)

// ownScript keeps the first owner of an identity: 1 if that is the caller, 0 if another is, -1 if
// there are too many.
var ownScript = newScript(`
local identity, caller, most = ARGV[3], ARGV[4], tonumber(ARGV[5])
local owner = redis.call('HGET', KEYS[1], identity)
if owner then return owner == caller and 1 or 0 end
if redis.call('HLEN', KEYS[1]) >= most then return -1 end
redis.call('HSET', KEYS[1], identity, caller)
return 1
`)

// owners is the key of all owners, by identity.
func (s *Store) owners() string { return s.key("owners", "all") }

// RecordOwner implements session.Store.
func (s *Store) RecordOwner(ctx context.Context, caller, identity string) error {
	result, err := s.run(ctx, ownScript, []string{s.owners()}, identity, callerHash(caller), session.MaxOwners)
	if err != nil {
		return err
	}
	switch recorded, _ := result.(int64); recorded {
	case 1:
		return nil
	case 0:
		return session.ErrOtherOwner
	}
	return session.ErrTooManyOwners
}

// Owners implements session.Store.
func (s *Store) Owners(ctx context.Context, caller string, identities []string) ([]session.Owner, error) {
	var command *redis.SliceCmd
	err := s.do(ctx, func(ctx context.Context) error {
		command = s.client.HMGet(ctx, s.owners(), identities...)
		return command.Err()
	})
	if err != nil {
		return nil, err
	}
	found := make([]session.Owner, len(identities))
	for i, owner := range command.Val() {
		name, _ := owner.(string)
		found[i] = session.OfCaller(name, callerHash(caller))
	}
	return found, nil
}
