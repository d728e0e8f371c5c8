package fault_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
)

func TestFromMapsErrorsOfRavi(t *testing.T) {
	for kind, want := range map[error]fault.Code{
		ravi.ErrNotAuthenticated:     fault.NotAuthenticated,
		ravi.ErrUnauthorized:         fault.NotAuthenticated,
		ravi.ErrTokenExpired:         fault.TokenExpired,
		ravi.ErrForbidden:            fault.Forbidden,
		ravi.ErrSubscriptionRequired: fault.SubscriptionRequired,
		ravi.ErrNotFound:             fault.NotFound,
		ravi.ErrConflict:             fault.Conflict,
		ravi.ErrRateLimited:          fault.RateLimited,
		ravi.ErrInvalid:              fault.InvalidArgument,
		ravi.ErrUnsupported:          fault.Unsupported,
		ravi.ErrUnavailable:          fault.Unavailable,
		ravi.ErrLocked:               fault.Locked,
		ravi.ErrWrongIdentity:        fault.IdentityNotFound,
		config.ErrNoCredentials:      fault.NotAuthenticated,
		context.DeadlineExceeded:     fault.Unavailable,
		context.Canceled:             fault.Unavailable,
		errors.New("anything else"):  fault.Internal,
	} {
		got := fault.From(fmt.Errorf("doing something: %w", kind))
		assert.Equal(t, want, got.Code, kind)
		assert.ErrorIs(t, got, kind, "the cause is kept for the log")
		assert.NotEmpty(t, got.Message)
		assert.NotEmpty(t, got.Hint, "every failure says what to do next")
	}
	assert.Nil(t, fault.From(nil))
}

func TestCauseIsNeverShown(t *testing.T) {
	const canary = "CANARY-3b"
	for _, cause := range []error{
		errors.New(canary),
		&ravi.Error{Op: canary, Status: 418, Kind: ravi.ErrUnavailable, Cause: errors.New(canary)},
		fault.New(fault.Conflict, "m", "h").WithCause(errors.New(canary)),
	} {
		e := fault.From(cause)
		body, err := json.Marshal(e.Body())
		require.NoError(t, err)
		assert.NotContains(t, string(body), canary)
		assert.NotContains(t, e.Error(), canary)
	}
}

func TestFromAddsFieldsAndRetryTime(t *testing.T) {
	e := fault.From(&ravi.Error{Op: "x", Status: 400, Kind: ravi.ErrInvalid, Fields: []string{"name", "email"}})
	assert.Equal(t, "Ravi's validation refused: name, email.", e.Message)

	e = fault.From(&ravi.Error{Op: "x", Status: 429, Kind: ravi.ErrRateLimited, RetryAfter: 1500 * time.Millisecond})
	assert.Equal(t, 2, e.Body().RetryAfterSeconds, "rounded up: earlier is too early")
	assert.True(t, e.Body().Retryable)
}

func TestRetryable(t *testing.T) {
	for _, code := range fault.Codes() {
		assert.Equal(t, code == fault.RateLimited || code == fault.Unavailable, code.Retryable(), code)
	}
}

func TestBodyJSON(t *testing.T) {
	full := &fault.Error{Code: fault.Denied, Message: "m", Hint: "h", Reason: "policy", RetryAfter: time.Second}
	body, err := json.Marshal(full.Body())
	require.NoError(t, err)
	assert.JSONEq(t, `{"code":"denied","message":"m","hint":"h","retryable":false,"retry_after_seconds":1,"reason":"policy"}`, string(body))
}

func TestBrokenFileIsNamedWithoutContent(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), []byte("{\n  \"identity_uuid\": CANARY\n}"), 0o600))
	sources := config.Sources{
		LookupEnv: func(k string) (string, bool) { return dir, k == "RAVI_CONFIG_DIR" },
		Home:      t.TempDir(),
		WorkDir:   t.TempDir(),
	}
	_, err := sources.Identity()
	e := fault.From(err)
	assert.Equal(t, fault.InvalidConfig, e.Code)
	assert.Contains(t, e.Message, filepath.Join(dir, "config.json"))
	assert.Contains(t, e.Message, "2")
	assert.NotContains(t, e.Message, "CANARY")
}

// A message is a sentence, but the name of a file or a setting keeps its case, and the hint does
// not speak of a command that the message does not have.
func TestConfigErrorsKeepNames(t *testing.T) {
	for _, kind := range []error{config.ErrInvalidFile, config.ErrPermissions, config.ErrConfigDir} {
		e := fault.From(&config.FileError{Path: "dirs/a", Reason: "is not right", Kind: kind})
		assert.Equal(t, fault.InvalidConfig, e.Code)
		assert.Equal(t, "dirs/a: is not right.", e.Message)
		assert.NotContains(t, e.Hint, "chmod")
	}
	e := fault.From(&config.ValueError{Name: "default_identity of this caller", Shape: "has the shape ${...}"})
	assert.Equal(t, "default_identity of this caller has the shape ${...}.", e.Message)
}

// A base URL that cannot be one is the operator's mistake, and may hold a password.
func TestBaseURLIsNamedByItsShape(t *testing.T) {
	for url, says := range map[string]string{
		"canary.example": "no https://", "localhost:8080/canary": "no https://", "http://canary.example": "https://", "https://me:canary@ravi.example": "user",
		"${CANARY}": "${...}", "https://": "no absolute URL", "ftp://canary.example": "https://", "https://<canary>": "<...>",
	} {
		_, err := ravi.New(ravi.Config{Credentials: config.Credentials{BaseURL: url}})
		e := fault.From(err)
		assert.Equal(t, fault.InvalidConfig, e.Code, url)
		assert.Contains(t, e.Message, "RAVI_BASE_URL")
		assert.Contains(t, e.Message, says)
		assert.NotContains(t, strings.ToLower(e.Message+e.Hint), "canary")
	}
}

func TestIsComparesByCode(t *testing.T) {
	err := fmt.Errorf("wrapped: %w", fault.IdentityNotFoundError())
	assert.ErrorIs(t, err, &fault.Error{Code: fault.IdentityNotFound})
	assert.NotErrorIs(t, err, &fault.Error{Code: fault.NotFound})
	assert.True(t, fault.Has(err, fault.IdentityNotFound))
}
