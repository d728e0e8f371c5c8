// Package redisstore keeps in Redis what several replicas of one remote endpoint have to agree on,
// so that any of them serves any request and the end of one loses nothing: a session.Store, the
// protocol sessions (Sessions), locks, and the leases of ephemeral identities.
//
// Every operation is one command or one script, which Redis runs as a whole, and is bounded in
// time. Times are Redis's own, so that the clocks of replicas do not matter. An operation that
// Redis does not answer fails with fault.Unavailable; nothing is ever answered from memory instead,
// and nothing has to be restarted once Redis is back.
//
// What is kept (prefix left out; h is a hash over a caller and a session id):
//
//	key             | content                                         | time to live
//	session:h       | opened, used, note:WORD                         | until it would end by itself
//	sessions        | all h, by the time they would end               | Absolute, from the last request on
//	sessions:CALLER | the h of one caller (hashed), in the same order | Absolute, from its last request on
//	state:h         | identity, c:UUID = sealed cursor                | as session:h, or 25 h without one
//	order:h         | UUID by age of its cursor                       | as state:h
//	found:h         | UUID and message id, by when a wait found it    | 2 minutes after the last
//	about:UUID      | h that have state about it                      | 25 h after the last
//	made:UUID       | callers (hashed) that made it                   | 30 days
//	lease:ID        | a lease: sealed data, uuid, ttl                 | 30 days after it is due
//	leases:CRED     | leases of a credential (hashed), by due time    | as the last of them
//	leasename:C:N   | leases of a name (hashed)                       | as the last of them
//	leaseof:UUID    | the lease of an identity                        | as its lease
//	once:HASH       | a mark of UseOnce                               | as asked for
//	lock:HASH       | a lock                                          | as asked for
//
// What a lease says is sealed to its ID with the key that the replicas share, and a replica deletes
// only what it reads there: a third party that can write to this Redis can end a lease early, or
// forget it, and have nothing else deleted.
//
// No session id, no name of a caller, no credential, key, code, message or value of a vault stands
// in a key or a value, and every key has a time to live. Redis must not evict keys
// (maxmemory-policy noeviction): a mark that is lost early could be used twice. One Redis, or a
// primary behind one address, is expected; Redis Cluster is not supported, because scripts reach
// keys that they look up.
package redisstore
