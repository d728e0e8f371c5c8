package issuer

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// skew is how far the issuer's clock may be ahead of the server's.
const skew = time.Minute

// maxSubject is the length in bytes of the longest subject (OpenID Connect Core section 2 has 255).
const maxSubject = 255

// claims are what a token says, as far as it matters.
type claims struct {
	subject string
	expires time.Time
}

// check returns what a token claims, or the reason why it is refused whatever its signature. The
// claims are read by their exact names: to Go's decoder "Sub" would be "sub", and some issuers let
// users make up claims.
func (i *Issuer) check(header jose.Header, payload []byte, now time.Time) (claims, string) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(payload, &all); err != nil {
		return claims{}, "claims"
	}
	if issuer, ok := text(all["iss"]); !ok || issuer != i.cfg.URL {
		return claims{}, "issuer"
	}
	if !i.isAudience(all["aud"]) {
		return claims{}, "audience"
	}
	expires, ok := numericDate(all["exp"])
	if !ok || !now.Before(expires) {
		return claims{}, "expired"
	}
	if raw, given := all["nbf"]; given {
		if begins, ok := numericDate(raw); !ok || now.Add(skew).Before(begins) {
			return claims{}, "not yet valid"
		}
	}
	subject, ok := text(all["sub"])
	if !ok || subject == "" || len(subject) > maxSubject {
		return claims{}, "subject"
	}
	if !isAccessToken(header, all) {
		return claims{}, "no access token"
	}
	return claims{subject: subject, expires: expires}, ""
}

// isAudience reports whether a token is for this server and for no one else than the issuer.
func (i *Issuer) isAudience(raw json.RawMessage) bool {
	var audiences []string
	if one, ok := text(raw); ok {
		audiences = []string{one}
	} else if json.Unmarshal(raw, &audiences) != nil {
		return false
	}
	ours := 0
	for _, a := range audiences {
		switch {
		case slices.Contains(i.cfg.Audiences, a):
			ours++
		case !i.isIssuer(a):
			return false
		}
	}
	return ours == 1
}

// isAccessToken reports whether a token can be one to call with. Where its type is that of RFC
// 9068, that settles it; most issuers write "JWT" on everything, and then the marks of the other
// kinds count: the hashes and the nonce of an ID token (OpenID Connect Core section 2), the events
// of a logout token, and a payload's own typ, as Keycloak has it.
func isAccessToken(header jose.Header, all map[string]json.RawMessage) bool {
	if _, bound := all["cnf"]; bound {
		return false // valid only with a proof of possession (RFC 9449, RFC 8705)
	}
	kind, _ := header.ExtraHeaders[jose.HeaderType].(string)
	switch strings.TrimPrefix(strings.ToLower(kind), "application/") {
	case "at+jwt":
		return true
	case "", "jwt":
	default:
		return false
	}
	for _, mark := range []string{"at_hash", "c_hash", "s_hash", "events"} {
		if _, has := all[mark]; has {
			return false
		}
	}
	raw, has := all["typ"]
	if !has {
		_, asked := all["nonce"]
		return !asked
	}
	own, ok := text(raw)
	return ok && strings.EqualFold(own, "Bearer")
}

// text returns a JSON string.
func text(raw json.RawMessage) (string, bool) {
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil {
		return "", false
	}
	return *s, true
}

// numericDate returns a NumericDate (RFC 7519 section 2).
func numericDate(raw json.RawMessage) (time.Time, bool) {
	var seconds *float64
	if json.Unmarshal(raw, &seconds) != nil || seconds == nil || *seconds < 0 || *seconds > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(*seconds), 0), true
}
