package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
)

// credentialHint names the three ways to give this server a credential.
const credentialHint = "Give the server a Ravi credential in one of three ways and call again: set RAVI_API_KEY (an API key), " +
	"or set RAVI_ACCESS_TOKEN (an access token), or have a person run `ravi-mcp login` so that ~/.ravi (or the folder in RAVI_CONFIG_DIR) holds auth.json or config.json. " +
	"To try everything without an account, start the server with --sandbox."

const configDirHint = "A person has to correct RAVI_CONFIG_DIR where this server is configured and start it again, or put the files there: " +
	"`ravi-mcp login` with the same RAVI_CONFIG_DIR makes the folder. While the variable is set, ~/.ravi does not stand in for it."

// kinds maps the sentinels of package ravi to codes and words. The first that matches wins, so the
// narrower ones stand first.
var kinds = []struct {
	kind          error
	code          Code
	message, hint string
}{
	{ravi.ErrNotAuthenticated, NotAuthenticated, "This server has no Ravi credential.", credentialHint},
	{ravi.ErrTokenExpired, TokenExpired, "The Ravi access token has expired and could not be refreshed.",
		"A person has to run `ravi-mcp login` again, or set a fresh RAVI_ACCESS_TOKEN; a token from the environment cannot be refreshed."},
	{ravi.ErrUnauthorized, NotAuthenticated, "Ravi refused the credential of this server.",
		"The key or token was revoked or is wrong. A person has to log in again or set a valid RAVI_API_KEY or RAVI_ACCESS_TOKEN."},
	{ravi.ErrSubscriptionRequired, SubscriptionRequired, "The plan of this Ravi account does not cover that.",
		"Do not retry. The owner of the Ravi account has to upgrade the plan; existing identities keep working."},
	{ravi.ErrWrongIdentity, IdentityNotFound, identityNotFoundMessage, identityNotFoundHint},
	{ravi.ErrForbidden, Forbidden, "Ravi does not allow this credential to do that.",
		"An identity key cannot manage the account and a management key cannot act as an identity everywhere; use the other kind of key."},
	{ravi.ErrLocked, Locked, "The value is end-to-end encrypted and this server has no key that opens it.",
		"A person has to run `ravi-mcp login --unlock` on this machine and enter the PIN (RAVI_ACCESS_TOKEN alone cannot decrypt); then call again."},
	{ravi.ErrUnsupported, Unsupported, "This Ravi does not offer that.", "Do not retry; use another tool."},
	{ravi.ErrNotFound, NotFound, "Ravi has no such object for this identity.", "List what exists and use an id from the list."},
	{ravi.ErrConflict, Conflict, "Ravi says that this exists already or is taken.", "Choose another name or address, or use what exists."},
	{ravi.ErrRateLimited, RateLimited, "Ravi is throttling this account.", "Wait and call again."},
	{ravi.ErrInvalid, InvalidArgument, "Ravi's validation refused the request.", "Correct the arguments and call again."},
	{ravi.ErrUnavailable, Unavailable, "Ravi cannot be reached or gave a broken answer.", "Call again in a moment."},
}

// IdentityNotFoundError is the one error for an identity that does not exist and for one that the
// caller may not use, so that the error does not reveal which.
func IdentityNotFoundError() *Error {
	return New(IdentityNotFound, identityNotFoundMessage, identityNotFoundHint)
}

const (
	identityNotFoundMessage = "There is no such identity for this caller."
	identityNotFoundHint    = "Pass the uuid, name or address of one that there is as `identity`, or call create_identity for a new one."
)

// From returns err as an *Error. A *Error in the chain is returned as it is; sentinels of packages
// ravi and ravi/config become the code they mean; a deadline becomes Unavailable; everything else
// is Internal with err as cause. From(nil) is nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	if own, ok := errors.AsType[*Error](err); ok {
		return own
	}
	var file *config.FileError
	switch {
	case errors.Is(err, config.ErrNoCredentials):
		return New(NotAuthenticated, "This server has no Ravi credential.", credentialHint).WithCause(err)
	case errors.Is(err, config.ErrPermissions):
		return New(InvalidConfig, full(err.Error()), "A person has to do on this machine what the message says, because the file holds a credential; then call again.").WithCause(err)
	case errors.Is(err, config.ErrConfigDir):
		return New(InvalidConfig, full(err.Error()), configDirHint).WithCause(err)
	case errors.As(err, &file):
		return New(InvalidConfig, full(file.Error()), "Correct the file at that place, or remove it, and call again.").WithCause(err)
	}
	if value, ok := errors.AsType[*config.ValueError](err); ok {
		return New(InvalidConfig, full(value.Error()),
			"A person has to correct it where this server is configured (its environment, or the client's configuration) and start the server again.").WithCause(err)
	}
	for _, k := range kinds {
		if errors.Is(err, k.kind) {
			return fromRavi(err, New(k.code, k.message, k.hint))
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return New(Unavailable, "The call took longer than this server allows.", "Call again; if it happens again, Ravi is slow at the moment.").WithCause(err)
	}
	if errors.Is(err, context.Canceled) {
		return New(Unavailable, "The call was cancelled.", "Call again if the result is still wanted.").WithCause(err)
	}
	return New(Internal, "This server failed in a way it did not expect.",
		"Call again once; if it happens again, report it with the id of this error.").WithCause(err)
}

// fromRavi adds what a *ravi.Error knows and may be shown.
func fromRavi(err error, e *Error) *Error {
	e.Cause = err
	var detail *ravi.Error
	if !errors.As(err, &detail) {
		return e
	}
	e.RetryAfter = detail.RetryAfter
	if detail.Detail != "" {
		e.Hint = sentence(detail.Detail) + " " + e.Hint
	}
	if e.Code == InvalidArgument && len(detail.Fields) > 0 {
		e.Message = fmt.Sprintf("Ravi's validation refused: %s.", strings.Join(detail.Fields, ", "))
	}
	return e
}

// sentence makes a sentence of the Detail of a ravi.Error.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return full(strings.ToUpper(text[:1]) + text[1:])
}

// full ends a text with a full stop. Errors of package config, which have no content of a file in
// them, begin with the name of a file or a setting, whose case counts.
func full(text string) string { return strings.TrimSuffix(text, ".") + "." }
