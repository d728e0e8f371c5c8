package redisstore

import (
	"context"
	"time"

	"ravi-mcp/session/lease"
)

var _ lease.Registry = (*Store)(nil)

// credentialsAtOnce is how many credentials one script deals with.
const credentialsAtOnce = 500

// leasePrelude is what the scripts of leases share. A lease is a hash; leases:CRED has those of a
// credential by the time when something is to be done about them, which is the end of the hold
// while a replica has it. What no replica has dealt with for 30 days is given up.
const leasePrelude = `
local keep = 30 * 24 * 3600 * 1000
local function at(id) return prefix .. 'lease:' .. id end
local function atName(cred, name) return prefix .. 'leasename:' .. cred .. ':' .. name end
local function atIdentity(uuid) return prefix .. 'leaseof:' .. uuid end
local function last(key, ms) redis.call('PEXPIRE', key, int(math.max(redis.call('PTTL', key), ms))) end
local function schedule(id, cred, name, uuid, due)
  local ms = due - now + keep
  redis.call('ZADD', prefix .. 'leases:' .. cred, int(due), id)
  redis.call('ZADD', atName(cred, name), int(now), id)
  for _, key in ipairs({at(id), prefix .. 'leases:' .. cred, atName(cred, name)}) do last(key, ms) end
  if uuid ~= '' then
    redis.call('SET', atIdentity(uuid), id, 'KEEPTTL')
    last(atIdentity(uuid), ms)
  end
end
local function drop(id)
  local t = redis.call('HMGET', at(id), 'cred', 'name', 'uuid')
  redis.call('DEL', at(id))
  if not t[1] then return end
  redis.call('ZREM', prefix .. 'leases:' .. t[1], id)
  redis.call('ZREM', atName(t[1], t[2]), id)
  if t[3] ~= '' then redis.call('DEL', atIdentity(t[3])) end
end
local function fence(id) return tonumber(redis.call('HGET', at(id), 'fence') or -1) end
local function row(id)
  local t = redis.call('HMGET', at(id), 'data', 'fence', 'ttl', 'uuid', 'born')
  if not t[1] then return nil end
  return {id, t[1], tonumber(t[2]), tonumber(t[3]), t[4], math.floor(now - tonumber(t[5]))}
end
`

// The arguments are id, hashed name, uuid, caller, credential, ttl, data, fence, time until it is
// due, and 1 where it is new.
var putScript = newScript(leasePrelude + `
local id, name, uuid, caller, cred, ttl, data, held, due, new = unpack(ARGV, 3, 12)
local there = fence(id)
if new == '1' and there >= 0 then return 0 end
if new ~= '1' and there ~= tonumber(held) then return 0 end
if new == '1' then redis.call('HSET', at(id), 'born', int(now), 'fence', 0) end
redis.call('HSET', at(id), 'name', name, 'uuid', uuid, 'caller', caller, 'cred', cred, 'ttl', ttl, 'data', data)
schedule(id, cred, name, uuid, now + tonumber(due))
return 1
`)

// A lease that was taken to be deleted is never renewed: the replica that took it may only now send
// the deletion, however late. The field doomed says so; like every name of a key or a field it is
// stored, so that replicas of other versions know it, and is not to be renamed.
var renewScript = newScript(leasePrelude + `
local uuid, caller, ago, grace = ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local id = redis.call('GET', atIdentity(uuid))
if not id then return 0 end
local t = redis.call('HMGET', at(id), 'caller', 'cred', 'name', 'ttl', 'doomed')
if t[1] ~= caller or t[5] then return 0 end
local due = now - ago + tonumber(t[4]) + grace
if due <= tonumber(redis.call('ZSCORE', prefix .. 'leases:' .. t[2], id) or 0) then return 0 end
schedule(id, t[2], t[3], uuid, due)
return 1
`)

var namedScript = newScript(leasePrelude + `
local list, all = atName(ARGV[3], ARGV[4]), {}
for _, id in ipairs(redis.call('ZRANGE', list, 0, -1)) do
  local r = row(id)
  if r then all[#all + 1] = r else redis.call('ZREM', list, id) end
end
return all
`)

var takeScript = newScript(leasePrelude + `
local hold, most, taken = tonumber(ARGV[3]), tonumber(ARGV[4]), {}
for i = 5, #ARGV do
  local list = prefix .. 'leases:' .. ARGV[i]
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', list, '-inf', int(now), 'LIMIT', 0, most - #taken)) do
    if redis.call('EXISTS', at(id)) == 0 then
      redis.call('ZREM', list, id)
    else
      redis.call('HINCRBY', at(id), 'fence', 1)
      if redis.call('HGET', at(id), 'uuid') ~= '' then redis.call('HSET', at(id), 'doomed', 1) end
      redis.call('ZADD', list, int(now + hold), id)
      taken[#taken + 1] = row(id)
    end
  end
  if #taken >= most then break end
end
return taken
`)

var holdsScript = newScript(leasePrelude + `
if fence(ARGV[3]) == tonumber(ARGV[4]) then return 1 end
return 0
`)

var dropScript = newScript(leasePrelude + `
if fence(ARGV[3]) == tonumber(ARGV[4]) then drop(ARGV[3]) end
return 1
`)

var leasedScript = newScript(leasePrelude + `return redis.call('EXISTS', atIdentity(ARGV[3]))`)

var dropIdentityScript = newScript(leasePrelude + `
local id = redis.call('GET', atIdentity(ARGV[3]))
if id then drop(id) end
return 1
`)

// Add implements lease.Registry.
func (s *Store) Add(ctx context.Context, e lease.Entry, due time.Duration) error {
	_, err := s.put(ctx, e, due, 1)
	return err
}

// Update implements lease.Registry.
func (s *Store) Update(ctx context.Context, e lease.Entry, due time.Duration) (bool, error) {
	return s.put(ctx, e, due, 0)
}

func (s *Store) put(ctx context.Context, e lease.Entry, due time.Duration, fresh int) (bool, error) {
	return s.runBool(ctx, putScript, nil, e.ID, hash(e.Name), e.UUID, callerHash(e.Caller), credentialHash(e.Credential), e.TTL.Milliseconds(),
		e.Data, e.Fence, due.Milliseconds(), fresh)
}

// Renew implements lease.Registry.
func (s *Store) Renew(ctx context.Context, caller, uuid string, ago, grace time.Duration) error {
	_, err := s.run(ctx, renewScript, nil, uuid, callerHash(caller), max(0, ago).Milliseconds(), grace.Milliseconds())
	return err
}

// Named implements lease.Registry.
func (s *Store) Named(ctx context.Context, credential, name string) ([]lease.Entry, error) {
	result, err := s.run(ctx, namedScript, nil, credentialHash(credential), hash(name))
	return leases(result), err
}

// Leased implements lease.Registry.
func (s *Store) Leased(ctx context.Context, uuid string) (bool, error) {
	return s.runBool(ctx, leasedScript, nil, uuid)
}

// Take implements lease.Registry.
func (s *Store) Take(ctx context.Context, credentials []string, hold time.Duration, most int) ([]lease.Entry, error) {
	var taken []lease.Entry
	for len(credentials) > 0 && len(taken) < most {
		n := min(len(credentials), credentialsAtOnce)
		args := []any{hold.Milliseconds(), most - len(taken)}
		for _, c := range credentials[:n] {
			args = append(args, credentialHash(c))
		}
		result, err := s.run(ctx, takeScript, nil, args...)
		if err != nil {
			return taken, err
		}
		taken, credentials = append(taken, leases(result)...), credentials[n:]
	}
	return taken, nil
}

// Holds implements lease.Registry.
func (s *Store) Holds(ctx context.Context, id string, fence int64) (bool, error) {
	return s.runBool(ctx, holdsScript, nil, id, fence)
}

// Drop implements lease.Registry.
func (s *Store) Drop(ctx context.Context, id string, fence int64) error {
	_, err := s.run(ctx, dropScript, nil, id, fence)
	return err
}

// DropIdentity implements lease.Registry.
func (s *Store) DropIdentity(ctx context.Context, uuid string) error {
	_, err := s.run(ctx, dropIdentityScript, nil, uuid)
	return err
}

func credentialHash(id string) string { return hash("credential", id) }

// leases are the rows of a script's answer.
func leases(result any) []lease.Entry {
	rows, _ := result.([]any)
	all := make([]lease.Entry, 0, len(rows))
	for _, row := range rows {
		fields, ok := row.([]any)
		if !ok || len(fields) != 6 {
			continue
		}
		e := lease.Entry{}
		e.ID, _ = fields[0].(string)
		e.Data, _ = fields[1].(string)
		e.Fence, _ = fields[2].(int64)
		ttl, _ := fields[3].(int64)
		e.UUID, _ = fields[4].(string)
		age, _ := fields[5].(int64)
		e.TTL, e.Age = time.Duration(ttl)*time.Millisecond, time.Duration(age)*time.Millisecond
		all = append(all, e)
	}
	return all
}
