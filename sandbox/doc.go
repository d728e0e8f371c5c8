// Package sandbox is an embedded Ravi: the REST API, the event stream and the ways in for mail and
// text messages of an identity provider for agents, as an http.Handler that needs no account and no
// network.
//
// Its wire formats are written from docs/ravi-api.md and share nothing with package ravi, so that a
// mistake on either side shows.
//
// # Starting one
//
//	srv, err := sandbox.New(sandbox.Config{})
//	acct, err := srv.Account(sandbox.AccountConfig{Email: "ada@example.com"})
//	id, err := srv.CreateIdentity(acct.Email, sandbox.NewIdentity{Name: "shop-agent"})
//	http.ListenAndServe("127.0.0.1:8080", srv)
//
// acct holds the credentials that a client gets by logging in: tokens, or with [EraKeys] a
// management key. A client then needs the base URL, a credential and, in the token era, the header
// X-Ravi-Identity with id.UUID. [Server.Close] ends streams, long polls and SMTP sessions.
//
// In a test, package sandboxtest does this in one line, and [Server.RoundTripper] reaches the
// server without a socket, which is what testing/synctest needs: make the server inside the bubble
// that uses it.
//
// Everything is in memory unless [Config.Data] names a folder; then a change is on disk before its
// request is answered.
//
// # Messages
//
// [Server.DeliverSMS] and [Server.DeliverEmail] put a message into an inbox and announce it on the
// event stream. [Server.ServeSMTP] takes mail from any mail program. Mail and SMS that one identity
// sends to another are delivered, to other recipients they only appear as sent. [Server.Admin]
// offers the same over HTTP for other processes, without authentication:
//
//	curl -H 'Content-Type: application/json' http://127.0.0.1:8081/sms \
//	    -d '{"to": "+15552000001", "from": "+15559876543", "body": "Your code is 481516"}'
//
// # Faults and records
//
// [Server.Faults] is the plan of what goes wrong: a status, a delay, a lost or damaged answer, an
// event stream that ends, an event before its message. A [Fault] chooses requests by method,
// endpoint and identity, lets some pass and then fails some:
//
//	srv.Faults().Add(
//		sandbox.Fault{Endpoint: "/api/passwords/*", Status: 503, RetryAfter: 2},
//		sandbox.Fault{Endpoint: sandbox.DeliverSMSPoint, LateBy: time.Second},
//	)
//
// [Server.Endpoints] lists the names of endpoints. [Server.Requests] returns what clients asked,
// with the identity and the kind of credential of each request and without the credential itself.
//
// # Eras
//
// Ravi has changed its authentication several times (docs/ravi-api.md#eras). A Server speaks one of
// two dialects:
//
//   - [EraTokens]: an access token, and X-Ravi-Identity on every call about one
//     identity. A token bound to an identity (POST /api/auth/bind-identity/)
//     needs no header. Fields of an account with a PIN are sealed (e2e::).
//   - [EraKeys]: ravi_mgmt_ keys for the account, ravi_id_ keys for one
//     identity, and ?identity= with a management key.
//
// An endpoint that an era did not have answers 404 with an HTML page, as Django does; a missing
// object of an existing endpoint answers 404 with a JSON detail.
//
// # Choices
//
// Where the public material is silent or contradicts itself, the server does this:
//
//   - No identity named (token era): 400. An identity of another account, or
//     one that is gone: 404.
//   - A management key on a call about one identity, without ?identity=: 403,
//     except GET /api/email/ and /api/phone/, which list the whole account. An
//     identity key on an account call: 403.
//   - A path without its final slash: GET redirects (301), others get 404.
//   - Creations answer 201, deletions 204 without a body.
//   - Two identities may share a name. The second gets another address; an
//     address asked for with "email" that is taken is 409. Addresses and
//     numbers of deleted identities are never given again.
//   - /api/email-messages/ is a bare newest-first array, as every published
//     client reads it; in the key era a request with limit, offset or
//     created_after gets {count,next,previous,results}, oldest first, as the
//     OpenAPI says. /api/messages/ is a bare array. [Config.EmailList] and
//     [Config.SMSList] choose otherwise.
//   - "phone" of a text or a conversation is the identity's number, a string.
//   - An identity key may read its own identity. A management key may presign
//     an upload without naming an identity; the first mail that uses it gets it.
//   - A device poll with "wait" is held for 25 seconds at most.
//   - Reading does not mark as read unless [Config.MarkRead] is set.
//   - A recipient becomes a contact with source "auto"; a sender does not.
//   - Identity update is PUT in the token era; PUT and PATCH in the key era.
//   - Secrets live under /api/secrets/ and, in the token era, also under
//     /api/vault/; [Config.SecretsPath] narrows that to one of them.
//   - In the token era reply and forward need "subject", unless the token is bound.
//
// # Concurrency
//
// All methods of a Server may be called by any number of goroutines.
package sandbox
