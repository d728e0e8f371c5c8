package ravi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of what is read from Ravi.
const (
	maxBody      = 16 << 20
	maxErrorBody = 64 << 10
	// Of lists of messages, whose size senders decide: what is kept, what is taken from the wire,
	// and what is kept of one text.
	maxMessages     = 64 << 20
	maxMessagesWire = 512 << 20
	maxText         = 256 << 10
)

// who is on whose behalf a call is made.
type who int

const (
	asIdentity who = iota // call.identity
	asAccount
	asAnonymous // without a credential
)

// call is one call of the API. Every method of this package describes itself as a call; everything
// else about a request happens here.
type call struct {
	op       string // for errors and logs, e.g. "list passwords"
	method   string
	route    string   // e.g. "/api/passwords/{uuid}/"
	args     []string // for the {…} of route
	query    url.Values
	body     any // sent as JSON; nil sends none
	who      who
	identity string
	// repeat: sending it twice does no harm. Set by default for all methods but POST.
	repeat bool
	// needKey: this endpoint wants an identity's own key, not ?identity=.
	needKey bool
	// exact: a deletion after a lost answer that finds nothing has not succeeded; another client
	// may have been the one.
	exact bool
	// refreshed: its token was refreshed for it already.
	refreshed bool
	// with overrides the authority; for its own requests.
	with *grant
}

type answer struct {
	status int
	body   []byte
}

// send makes a call and reads the answer as a T; nil when the body is empty.
func send[T any](ctx context.Context, c *Client, k call) (*T, error) {
	a, err := c.do(ctx, k)
	if err != nil || len(a.body) == 0 {
		return nil, err
	}
	v := new(T)
	if err := decode(a.body, v); err != nil {
		return nil, &Error{Op: k.op, Status: a.status, Kind: ErrUnavailable, Cause: errShape}
	}
	return v, nil
}

// do makes a call: it authorises, sends, renews what Ravi refused, and repeats what may be
// repeated.
func (c *Client) do(ctx context.Context, k call) (*answer, error) {
	out, err := c.prepare(k)
	if err != nil {
		return nil, err
	}
	retry := retry{budget: c.conf.RetryTime}
	for attempt, renewals := 1, 0; ; attempt++ {
		if c.ctx.Err() != nil {
			return nil, &Error{Op: k.op, Kind: ErrUnavailable, Detail: "the client is closed"}
		}
		g, err := c.grantFor(ctx, k)
		if err != nil {
			return nil, withOp(err, k.op)
		}
		a, failed := c.attempt(ctx, k, out, g, attempt)
		if failed == nil {
			return a, nil
		}
		if renewals < 2 && k.with == nil && k.who != asAnonymous && (failed.Status == 401 || failed.Status == 403) {
			again, err := c.auth.refused(ctx, &k, g, failed)
			if err != nil {
				return nil, withOp(err, k.op)
			}
			if again {
				renewals++
				continue
			}
		}
		// A deletion whose answer was lost has succeeded when the object is gone.
		if failed.Status == 404 && k.method == http.MethodDelete && retry.lost {
			if k.exact {
				failed.lost = true
				return nil, failed
			}
			return &answer{status: http.StatusNoContent}, nil
		}
		if !retry.wait(ctx, k.repeat || k.method != http.MethodPost, failed) {
			if ctx.Err() != nil {
				failed.Cause = context.Cause(ctx)
			}
			return nil, failed
		}
	}
}

func (c *Client) grantFor(ctx context.Context, k call) (grant, error) {
	switch {
	case k.with != nil:
		return *k.with, nil
	case k.who == asAnonymous:
		return grant{}, nil
	case k.who == asIdentity && !validIdentity(k.identity):
		return grant{}, &Error{Kind: ErrInvalid, Fields: []string{"identity"}}
	}
	return c.auth.grant(ctx, k)
}

// outgoing is the part of a request that all attempts share.
type outgoing struct {
	url  string
	body []byte
}

func (c *Client) prepare(k call) (outgoing, error) {
	path, ok := expand(k.route, k.args)
	if !ok {
		return outgoing{}, &Error{Op: k.op, Kind: ErrInvalid, Fields: []string{"id"}, Detail: "not a possible identifier"}
	}
	out := outgoing{url: c.base + path}
	if k.body == nil {
		return out, nil
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // as the official client: "<id@host>" stays readable
	if err := enc.Encode(k.body); err != nil {
		return outgoing{}, &Error{Op: k.op, Kind: ErrInvalid, Detail: "the arguments cannot be encoded"}
	}
	out.body = bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	return out, nil
}

func (c *Client) newRequest(ctx context.Context, k call, out outgoing, g grant) (*http.Request, *Error) {
	target := out.url
	query := k.query
	if g.query != "" {
		query = cloneQuery(query)
		query.Set("identity", g.query)
	}
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, k.method, target, bytes.NewReader(out.body))
	if err != nil {
		return nil, &Error{Op: k.op, Kind: ErrInvalid, Detail: "the request cannot be built"}
	}
	if out.body == nil {
		req.Body, req.GetBody = nil, nil
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.conf.UserAgent)
	g.apply(req.Header)
	return req, nil
}

func cloneQuery(q url.Values) url.Values {
	out := make(url.Values, len(q)+1)
	maps.Copy(out, q)
	return out
}

// attempt sends a call once.
func (c *Client) attempt(ctx context.Context, k call, out outgoing, g grant, n int) (*answer, *Error) {
	limited, cancel := context.WithTimeout(ctx, c.conf.Timeout)
	defer cancel()
	req, failed := c.newRequest(limited, k, out, g)
	if failed != nil {
		return nil, failed
	}
	start := time.Now()
	resp, err := c.http.Do(req)
	if err != nil {
		c.observe(ctx, k, 0, start, n)
		return nil, noAnswer(ctx, k.op, err)
	}
	defer resp.Body.Close()
	body, err := readBody(resp, holdsMessages(k.route))
	c.observe(ctx, k, resp.StatusCode, start, n)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, statusError(k, resp, body)
	}
	if err != nil {
		e := noAnswer(ctx, k.op, err)
		e.Status = resp.StatusCode
		return nil, e
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		c.clockAhead.Store(int64(time.Until(date)))
		c.clockKnown.Store(true)
	}
	return &answer{status: resp.StatusCode, body: bytes.TrimSpace(body)}, nil
}

var errTooLarge = errors.New("the answer is larger than this client reads")

// readBody reads an answer within bounds. Of messages, long texts are cut on the way, so that one
// oversized mail does not hide all others.
func readBody(resp *http.Response, messages bool) ([]byte, error) {
	body, limit, wire := io.Reader(resp.Body), int64(maxBody), int64(maxBody)
	switch {
	case resp.StatusCode > 299:
		limit, wire = maxErrorBody, maxErrorBody
	case messages:
		limit, wire = maxMessages, maxMessagesWire
		body = &textCutter{from: io.LimitReader(body, wire+1)}
	}
	if resp.ContentLength > wire {
		return nil, errTooLarge
	}
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, errTooLarge
	}
	return data, err
}

// holdsMessages reports whether the answers of a route hold texts that any sender can send to an
// identity.
func holdsMessages(route string) bool {
	prefixes := []string{"/api/email-inbox/", "/api/email-messages/", "/api/sms-inbox/", "/api/messages/"}
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(route, prefix) })
}

func (c *Client) observe(ctx context.Context, k call, status int, start time.Time, attempt int) {
	took := time.Since(start)
	c.conf.Logger.Debug().Str("op", k.op).Str("method", k.method).Str("endpoint", k.route).
		Int("status", status).Dur("took", took).Int("attempt", attempt).Msg("request to Ravi")
	if c.conf.Observe != nil {
		c.conf.Observe(ctx, Request{Method: k.method, Endpoint: k.route, Status: status, Duration: took, Attempt: attempt})
	}
}

// noAnswer describes a request without a complete answer. The URL that net/http puts around its
// errors is taken off.
func noAnswer(ctx context.Context, op string, err error) *Error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	e := &Error{Op: op, Kind: ErrUnavailable, Cause: err}
	network, isNetwork := errors.AsType[*net.OpError](err)
	switch {
	case ctx.Err() != nil:
		e.Cause, e.lost = context.Cause(ctx), true
	case errors.Is(err, errTooLarge) || isCertificateError(err):
	case isNetwork && network.Op == "dial":
		e.unsent = true
	default:
		e.lost = true
	}
	return e
}

// withOp names the operation in an error of the authority.
func withOp(err error, op string) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Op == "" {
		named := *e
		named.Op = op
		return &named
	}
	return err
}

func itoa(id int64) string { return strconv.FormatInt(id, 10) }
