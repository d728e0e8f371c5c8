// Package token makes opaque strings that this server gives away and gets back: inbox cursors,
// approvals, cleanup plans, and the leases that replicas keep in Redis. A token is sealed with
// XChaCha20-Poly1305, so only a server with the key can read or change it, and it is bound to the
// caller it was made for, to one identity, to one purpose and to an expiry.
//
// # Use
//
//	sealer, err := token.NewSealer(key, previousKey)
//	tok, err := sealer.Seal(token.Binding{Caller: "local", Identity: uuid, Purpose: "cursor"}, 24*time.Hour, state)
//	state, err := sealer.Open(token.Binding{Caller: "local", Identity: uuid, Purpose: "cursor"}, tok)
//
// # One error
//
// [Sealer.Open] has one failure, [ErrInvalid]: a token that was never made, was made for another
// caller, identity or purpose, was changed, or has expired all get the same error with the same
// text, so that the error reveals nothing about a foreign token (SECURITY.md T2, C4).
//
// # Keys
//
// The current key seals; both keys open. To rotate, start with the new key as current and the old
// one as previous, and drop the old one after the longest time to live. Replicas that share a key
// read each other's tokens. A token is not single-use: what must happen once has to be remembered
// by its user.
//
// # Form
//
// base64url without padding of: 16 random bytes (the nonce, with zeros behind them), then the
// sealed bytes. Inside: expiry, identity, payload. The caller and the purpose are not inside; they
// are authenticated as associated data. Tokens stand in nearly every result that a model reads, so
// they are as short as that allows: a uuid takes 16 bytes.
package token
