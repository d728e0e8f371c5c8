// Package issuer verifies the access tokens of one OpenID Connect issuer and returns their subject.
//
//	i, err := issuer.New(issuer.Config{URL: "https://login.example.com", Audiences: []string{"https://mcp.example.com/mcp"}})
//	go i.Run(ctx)
//	subject, expires, err := i.Verify(ctx, token)
//
// A valid token is a JWT that
//
//   - is signed with a key that the issuer publishes, by an asymmetric algorithm
//     (RS, PS, ES or EdDSA; never "none", never a shared secret);
//   - names the issuer, exactly (iss);
//   - is meant for this server only (aud, RFC 8707): of its audiences exactly one is
//     of Config.Audiences, and any other is the issuer itself;
//   - is valid now (exp is required, nbf is optional and may be 60 s off);
//   - names a subject (sub);
//   - is an access token (RFC 9068), and not an ID token, a refresh token, a
//     logout token or one that is bound to a key of the client (cnf), which this
//     server does not ask a proof of.
//
// The issuer is asked by one goroutine, Issuer.Run: discovery and keys at the start, again every 10
// minutes, and when a token names a key that is not known yet, but then at most every 10 seconds.
// An answer may have 1 MiB and take 10 s; no redirect is followed. So neither a slow issuer nor
// clients with forged tokens delay other calls than those whose key is unknown, 5 s at most and 64
// of them at a time.
//
// What was verified is remembered by the token's SHA-256 until the token expires or the issuer's
// keys change, so that most requests cost one look-up in a map. Tokens are never kept, logged or
// sent anywhere.
package issuer
