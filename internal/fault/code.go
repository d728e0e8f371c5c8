package fault

// Code names one kind of failure. The set is closed: README.md and ARCHITECTURE.md list exactly
// these (ARCHITECTURE.md#errors-and-decisions).
type Code string

// The codes.
const (
	// IdentityRequired: no identity could be determined for the call.
	IdentityRequired Code = "identity_required"
	// IdentityNotFound: the identity does not exist, or this caller may not use it.
	IdentityNotFound Code = "identity_not_found"
	// IdentityAmbiguous: the name fits more than one identity.
	IdentityAmbiguous Code = "identity_ambiguous"
	// NotAuthenticated: there is no Ravi credential, or Ravi refused it.
	NotAuthenticated Code = "not_authenticated"
	// TokenExpired: the access token expired and cannot be refreshed here.
	TokenExpired Code = "token_expired"
	// Forbidden: the credential, or the caller, may not do this.
	Forbidden Code = "forbidden"
	// SubscriptionRequired: the plan of the Ravi account does not cover this.
	SubscriptionRequired Code = "subscription_required"
	// RateLimited: too many requests; wait before the next.
	RateLimited Code = "rate_limited"
	// Conflict: it exists already, or is taken.
	Conflict Code = "conflict"
	// InvalidArgument: an argument is missing, unknown or out of bounds.
	InvalidArgument Code = "invalid_argument"
	// InvalidConfig: a configuration file is broken.
	InvalidConfig Code = "invalid_config"
	// CursorInvalid: the cursor is unknown, expired or not this caller's.
	CursorInvalid Code = "cursor_invalid"
	// NotFound: there is no such message, credential or secret.
	NotFound Code = "not_found"
	// Locked: the value is encrypted and no key that opens it is at hand.
	Locked Code = "locked"
	// Unsupported: this Ravi lacks the endpoint.
	Unsupported Code = "unsupported"
	// Unavailable: Ravi, or a part of this server, cannot answer at the moment.
	Unavailable Code = "unavailable"
	// ConfirmationRequired: a person, or a second call, has to confirm.
	ConfirmationRequired Code = "confirmation_required"
	// Denied: policy or a person said no.
	Denied Code = "denied"
	// Internal: a fault of this server; the log has the details under the id.
	Internal Code = "internal"
)

// Codes returns every code, in the order of the documentation.
func Codes() []Code {
	return []Code{
		IdentityRequired, IdentityNotFound, IdentityAmbiguous, NotAuthenticated, TokenExpired, Forbidden,
		SubscriptionRequired, RateLimited, Conflict, InvalidArgument, InvalidConfig, CursorInvalid, NotFound,
		Locked, Unsupported, Unavailable, ConfirmationRequired, Denied, Internal,
	}
}

// Retryable reports whether the same call can succeed later although nothing is changed.
func (c Code) Retryable() bool {
	return c == RateLimited || c == Unavailable
}
