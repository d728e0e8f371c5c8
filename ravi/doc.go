// Package ravi is a client of the Ravi REST API (https://ravi.app). Ravi gives an agent an identity
// of its own: an email address, perhaps a phone number, a password vault and a secret store.
//
// # Start
//
// Find a credential, make a client, take a scope of one identity:
//
//	creds, err := config.Sources{}.Credentials()
//	client, err := ravi.New(ravi.Config{Credentials: *creds})
//	defer client.Close()
//	scope := client.Scope(identityUUID)
//	for message, err := range scope.SMSMessages(ctx, ravi.MessageFilter{}) { … }
//
// Calls for the account (creating, listing and deleting identities, domains, logging in) are
// methods of [Client]; calls for one identity are methods of [Scope]. Both are safe for any number
// of goroutines. One client serves any number of identities: nothing in it is "the current
// identity".
//
// # Eras and schemes
//
// Ravi has changed how it authenticates. Endpoints and fields say in which of these eras they
// exist; docs/ravi-api.md#eras has the facts and how sure they are.
//
//	era  from        credential                     identity of a request         vault
//	1    2026-02-27  access token, refreshed        header X-Ravi-Identity        end-to-end encrypted
//	2    2026-03-04  access token, and a bound one  the bound token               end-to-end encrypted
//	3    2026-04-06  API keys that do not expire    the identity key              encrypted by the server
//	4    mid-2026    as era 3                       also ?identity= with the      as era 3
//	                                                management key
//
// The client tells the scheme by the credential. With tokens (eras 1 and 2) it sends the access
// token and, per request, X-Ravi-Identity; it refreshes the token before it expires and after a
// 401, exactly once for all goroutines and processes that share the file, and saves the new pair
// before using it. With API keys (eras 3 and 4) it sends the management key for the account, and
// for an identity, in this order, the key that its creation returned, the configured identity key,
// the management key with ?identity= where this Ravi honours it, or a key that it mints and keeps
// in memory. What it writes is what the official client of that era writes; what it reads may be of
// any era: bare arrays and paginated envelopes, absent, null and unknown fields.
//
// # Errors
//
// A failed call returns an *[Error]; test for its kind with errors.Is and the Err variables. The
// text of an error names operation, status and field names and never a URL, a value or a word of
// what Ravi answered.
//
// # Retries
//
// A request that may be repeated without harm is repeated after connection errors and the statuses
// 502, 503 and 504, with jittered backoff, up to four times within [Config.RetryTime]. 429 waits as
// long as Ravi asks, if that fits. A deadline of the context always wins: what cannot be awaited is
// not begun. A creation whose answer was lost is looked up first; mail and SMS are never sent
// twice.
//
// # Encrypted fields
//
// Accounts of the token scheme may keep fields end-to-end encrypted. With the account's keys
// (auth.json, or [Client.Unlock] with the PIN) the client opens such fields wherever they occur and
// seals what it writes; without them it returns [ErrLocked] for a single object, and leaves the
// field as ciphertext in lists. See package seal.
//
// # Events
//
// [Scope.Events] opens Ravi's event stream. An event is only a wake-up: read the message by REST.
// Many Ravis have no stream ([ErrUnsupported]); poll then.
package ravi
