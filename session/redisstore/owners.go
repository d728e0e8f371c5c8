package redisstore

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"

	"ravi-mcp/session"
)

// ownScript keeps the first owner of an identity, with the credential after a space: 1 if that is
// the caller, 0 if another is, -1 if there are too many.
var ownScript = newScript(`
local identity, caller, credential, most = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local owner = redis.call('HGET', KEYS[1], identity)
if owner then return string.match(owner, '^[^ ]*') == caller and 1 or 0 end
if redis.call('HLEN', KEYS[1]) >= most then return -1 end
redis.call('HSET', KEYS[1], identity, caller .. ' ' .. credential)
return 1
`)

// owners is the key of all owners, by identity.
func (s *Store) owners() string { return s.key("owners", "all") }

// RecordOwner implements session.Store.
func (s *Store) RecordOwner(ctx context.Context, o session.Ownership) error {
	result, err := s.run(ctx, ownScript, []string{s.owners()}, o.Identity, callerHash(o.Caller), credentialHash(o.Credential), session.MaxOwners)
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
		record, _ := owner.(string)
		name, _, _ := strings.Cut(record, " ")
		found[i] = session.OfCaller(name, callerHash(caller))
	}
	return found, nil
}

// OwnedWith implements session.Store.
func (s *Store) OwnedWith(ctx context.Context, credential string, most int) (found []string, err error) {
	var command *redis.KeyValueSliceCmd
	err = s.do(ctx, func(ctx context.Context) error {
		command = s.client.HRandFieldWithValues(ctx, s.owners(), most)
		return command.Err()
	})
	if err != nil {
		return nil, err
	}
	for _, record := range command.Val() {
		if _, with, _ := strings.Cut(record.Value, " "); with == credentialHash(credential) {
			found = append(found, record.Key)
		}
	}
	return found, nil
}
