package ravi

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// statusError turns a status other than 2xx into an *Error. It is the one place where statuses
// become sentinels (docs/ravi-api.md#errors).
func statusError(k call, resp *http.Response, body []byte) *Error {
	fields, retryAfter, isObject := readErrorBody(body)
	e := &Error{Op: k.op, Status: resp.StatusCode, Kind: kindOf(resp.StatusCode)}
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		e.Fields = fields
		if k.route == deviceTokenRoute {
			e.Kind, e.Fields = loginKind(body), nil
		}
	case http.StatusNotFound:
		// Ravi says in JSON that an object is missing. A page instead, or a missing collection of
		// the account, means that the route is.
		if !isObject || k.who == asAccount && len(k.args) == 0 {
			e.Kind, e.Cause = ErrUnsupported, ErrNotFound
		}
	case http.StatusTooManyRequests:
		e.RetryAfter = cmp.Or(retryAfter, retryAfterHeader(resp.Header.Get("Retry-After")))
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		e.lost = true
	}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		e.Detail = "it redirects, which is not followed: check the base URL"
	}
	return e
}

var kinds = map[int]error{
	http.StatusBadRequest:            ErrInvalid,
	http.StatusUnprocessableEntity:   ErrInvalid,
	http.StatusRequestEntityTooLarge: ErrInvalid,
	http.StatusUnsupportedMediaType:  ErrInvalid,
	http.StatusUnauthorized:          ErrUnauthorized,
	http.StatusPaymentRequired:       ErrSubscriptionRequired,
	http.StatusForbidden:             ErrForbidden,
	http.StatusNotFound:              ErrNotFound,
	http.StatusGone:                  ErrNotFound,
	http.StatusMethodNotAllowed:      ErrUnsupported,
	http.StatusNotAcceptable:         ErrUnsupported,
	http.StatusNotImplemented:        ErrUnsupported,
	http.StatusConflict:              ErrConflict,
	http.StatusTooManyRequests:       ErrRateLimited,
}

func kindOf(status int) error {
	return cmp.Or(kinds[status], ErrUnavailable)
}

// maxRetryAfter caps what a body or header may ask for, so that arithmetic on it is safe: no caller
// waits a day.
const maxRetryAfter = 24 * time.Hour

// readErrorBody takes from an error body the only things that are used: names of fields, and how
// long to wait. Its sentences are never used.
func readErrorBody(body []byte) (fields []string, retryAfter time.Duration, isObject bool) {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) != nil || object == nil {
		return nil, 0, false
	}
	for name := range object {
		if isFieldName(name) && len(fields) < 20 {
			fields = append(fields, name)
		}
	}
	slices.Sort(fields)
	var seconds float64
	if json.Unmarshal(object["retry_after_seconds"], &seconds) == nil && seconds > 0 {
		retryAfter = time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
	}
	return fields, retryAfter, true
}

// isFieldName accepts what can be the name of one of our own fields, and nothing that a value could
// hide in.
func isFieldName(name string) bool {
	switch name {
	case "detail", "code", "error", "error_description", "retry_after_seconds":
		return false
	}
	return fieldName.MatchString(name)
}

var fieldName = regexp.MustCompile(`^[a-z_]{1,32}$`)

// retryAfterHeader reads integer seconds, or a date.
func retryAfterHeader(value string) time.Duration {
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), int64(maxRetryAfter/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(time.Until(at), 0), maxRetryAfter)
	}
	return 0
}

func isCertificateError(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &host)
}
