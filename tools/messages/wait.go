package messages

import (
	"context"
	"errors"
	"time"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/inbox"
	"ravi-mcp/ravi"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// armed says from when on a message counted as new.
type armed string

// The ways a wait can be armed (ARCHITECTURE.md#waiting-for-a-code).
const (
	armedCursor  armed = "cursor"  // the cursor of the call
	armedSession armed = "session" // the session's own cursor, at most 10 minutes back
	armedAtCall  armed = "at_call" // only what came after the call began
)

// sessionReach is how far back a wait without a cursor looks in a session.
const sessionReach = 10 * time.Minute

type watchInboxResult struct {
	tool.ActedFor
	tool.IdentityDetails
	Cursor string `json:"cursor" jsonschema_description:"Good for 24 hours."`
}

func (h *handlers) watchInbox(ctx context.Context, call tool.Call, p tool.IdentityArgument) (watchInboxResult, error) {
	resolved, err := h.Resolver.Resolve(ctx, call.Call, session.Query{Argument: p.Identity})
	if err != nil {
		return watchInboxResult{}, err
	}
	cursor, err := h.Arm(ctx, call, resolved.Identity)
	if err != nil {
		return watchInboxResult{}, err
	}
	return watchInboxResult{ActedFor: tool.Acted(resolved), IdentityDetails: tool.Details(resolved.Identity), Cursor: cursor}, nil
}

// waitParams are the arguments that both waits share.
type waitParams struct {
	tool.IdentityArgument
	Cursor         string `json:"cursor,omitempty" jsonschema:"maxLength=16384" jsonschema_description:"From create_identity, use_identity, watch_inbox or the last wait."`
	Channel        string `json:"channel,omitempty" jsonschema:"enum=any,enum=sms,enum=email" jsonschema_description:"Default any."`
	Sender         string `json:"sender,omitempty" jsonschema:"maxLength=320" jsonschema_description:"Address, domain, whole number, or part of the name."`
	Service        string `json:"service,omitempty" jsonschema:"maxLength=253" jsonschema_description:"The site, best as its domain: a mail must then be from it, an SMS name it."`
	Contains       string `json:"contains,omitempty" jsonschema:"maxLength=200" jsonschema_description:"Words in subject or text."`
	TimeoutSeconds int    `json:"timeout_seconds,omitempty" jsonschema:"minimum=1,maximum=3600" jsonschema_description:"Default 25; more than the server allows (50 by default) is capped."`
}

func (p waitParams) request(limit time.Duration) (req inbox.Request, capped int) {
	timeout := time.Duration(p.TimeoutSeconds) * time.Second
	if timeout == 0 {
		timeout = min(inbox.DefaultTimeout, limit)
	}
	if timeout > limit {
		timeout = limit
		capped = int(limit / time.Second)
	}
	return inbox.Request{
		Cursor: p.Cursor, Channel: inbox.Channel(p.Channel), From: p.Sender, Service: p.Service, Contains: p.Contains, Timeout: timeout,
	}, capped
}

// waited is a wait that has ended, with all that its result needs.
type waited struct {
	resolved session.Resolved
	result   inbox.Result
	armed    armed
	capped   int
	// cursorNotStored: the session's next wait begins where this one did.
	cursorNotStored bool
	// found is what waits of the session have found lately; only with pending.
	found []session.FoundMessage
}

// wait runs a wait: it finds the identity and the cursor, waits, and moves the session's own cursor
// on.
func (h *handlers) wait(ctx context.Context, call tool.Call, p waitParams, adjust func(*inbox.Request)) (waited, error) {
	w, req, err := h.prepare(ctx, call, p)
	if err != nil {
		return waited{}, err
	}
	adjust(&req)
	req.Progress = func(now inbox.Progress) { call.Progress(now.Elapsed, now.Timeout, now.String()) }
	target, err := h.Target(call, w.resolved.Identity)
	if err != nil {
		return waited{}, err
	}
	w.result, err = h.Inbox.Wait(ctx, target, req)
	if errors.Is(err, inbox.ErrCursor) && w.armed == armedSession {
		// The session's own cursor has expired; the caller never saw it.
		req.Cursor, req.MaxAge = "", 0
		w.armed = armedAtCall
		w.result, err = h.Inbox.Wait(ctx, target, req)
	}
	if err != nil {
		return waited{}, tool.WaitFault(err)
	}
	// A result is not thrown away because it cannot be remembered: its own cursor is in it, and
	// without that, what came meanwhile could be lost.
	if err = h.remember(ctx, call, &w); err == nil {
		err = h.KeepCursor(ctx, call, target, w.result.Cursor)
	}
	w.cursorNotStored = err != nil
	if w.result.Status == inbox.Pending && isCheckDue(w.result.Fruitless) {
		return w, h.checkIdentityExists(ctx, call, target.Identity)
	}
	return w, nil
}

// isCheckDue spares Ravi requests: the check is due after 2, 4, 8, 16 and so on waits without an
// answer.
func isCheckDue(fruitlessWaits int) bool {
	return fruitlessWaits >= 2 && fruitlessWaits&(fruitlessWaits-1) == 0
}

func (h *handlers) prepare(ctx context.Context, call tool.Call, p waitParams) (waited, inbox.Request, error) {
	var w waited
	query := session.Query{Argument: p.Identity}
	if p.Cursor != "" {
		identity, err := h.Inbox.CursorIdentity(call.Caller.Name, p.Cursor)
		if err != nil {
			return w, inbox.Request{}, tool.WaitFault(err)
		}
		query.CursorIdentity = identity
	}
	var err error
	if w.resolved, err = h.Resolver.Resolve(ctx, call.Call, query); err != nil {
		return w, inbox.Request{}, err
	}
	req, capped := p.request(h.WaitLimit())
	w.armed, w.capped = armedAtCall, capped
	if p.Cursor != "" {
		w.armed = armedCursor
	} else if call.HasSession() {
		if req.Cursor, err = h.Store.Cursor(ctx, call.Key(), w.resolved.Identity.UUID); err != nil {
			return w, inbox.Request{}, err
		}
		if req.Cursor != "" {
			w.armed, req.MaxAge = armedSession, sessionReach
		}
	}
	return w, req, nil
}

// checkIdentityExists fails for an identity that was deleted: nothing arrives there any more.
func (h *handlers) checkIdentityExists(ctx context.Context, call tool.Call, uuid string) error {
	client, err := h.AccountOf(call.Call).Client()
	if err != nil {
		return nil // whatever else is wrong does not change the answer
	}
	_, err = client.Identity(ctx, uuid)
	if !errors.Is(err, ravi.ErrNotFound) && !errors.Is(err, ravi.ErrWrongIdentity) {
		return nil
	}
	h.AccountOf(call.Call).Forget()
	return fault.New(fault.IdentityNotFound, "Nothing arrived, and the identity does not exist any more.",
		"Call create_identity for a new one, give the service its address, and trigger the message again.")
}
