package soak

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
)

// noIdentity is what a mark of a stolen call belongs to.
const noIdentity = "none"

// steal tries something that belongs to a client of another caller, and then something made up:
// both must be refused in the same words.
func (a *actor) steal(ctx context.Context) error {
	victim := a.run.actors[a.rng.IntN(len(a.run.actors))]
	for victim.caller.Name == a.caller.Name {
		victim = a.run.actors[a.rng.IntN(len(a.run.actors))]
	}
	kinds := []func(context.Context, handles) (string, error){
		a.stealIdentity, a.stealIdentity, a.stealCursor, a.stealMessage, a.stealCredential, a.stealName,
	}
	if a.transport == overHTTP {
		kinds = append(kinds, a.stealSession, a.stealSession, a.stealHeader)
	}
	kind, err := kinds[a.rng.IntN(len(kinds))](ctx, *victim.shown.Load())
	if err != nil {
		return fmt.Errorf("stolen %s of %s: %w", kind, victim.prefix, err)
	}
	a.run.caught(kind)
	return nil
}

// madeUp is a random uuid.
func (a *actor) madeUp() string {
	raw := hex.EncodeToString(a.random(16))
	return raw[:8] + "-" + raw[8:12] + "-4" + raw[13:16] + "-a" + raw[17:20] + "-" + raw[20:]
}

func (a *actor) random(n int) []byte {
	raw := make([]byte, n)
	for i := range raw {
		raw[i] = byte(a.rng.Uint32())
	}
	return raw
}

// alike calls the same tool with a stolen and a made-up handle.
func (a *actor) alike(ctx context.Context, means *identity, code, tool string, arguments func(stolen bool) map[string]any) error {
	theft, err := a.call(ctx, means, tool, arguments(true))
	if err != nil {
		return err
	}
	if err := refused(theft, code); err != nil {
		return err
	}
	guess, err := a.call(ctx, means, tool, arguments(false))
	if err != nil {
		return err
	}
	if guess.text != theft.text {
		return fmt.Errorf("%s: a stolen handle is refused with %s, one that does not exist with %s", tool, theft.text, guess.text)
	}
	return nil
}

// stealIdentity names another caller's identity by uuid, name or address.
func (a *actor) stealIdentity(ctx context.Context, h handles) (string, error) {
	kind, stolen, guess := "uuid", h.uuid, a.madeUp()
	switch a.rng.IntN(4) {
	case 0:
		kind, stolen, guess = "name", h.name, a.prefix+"unknown"
	case 1:
		kind, stolen, guess = "address", h.address, "unknown@in.ravi.app"
	}
	if stolen == "" {
		return kind, nil
	}
	mark := a.mark(noIdentity)
	calls := []struct {
		tool      string
		arguments map[string]any
	}{
		{"get_identity", nil}, {"use_identity", nil}, {"delete_identity", nil}, {"watch_inbox", nil}, {"list_messages", nil},
		{"list_secrets", nil}, {"list_credentials", nil},
		{"get_secret", map[string]any{"name": secretNames[0]}},
		{"set_secret", map[string]any{"name": secretNames[0], "value": mark}},
		{"delete_secret", map[string]any{"name": secretNames[0]}},
		{"get_credential", map[string]any{"domain": domains[0]}},
		{"save_credential", map[string]any{"domain": domains[0], "username": mark, "password": mark}},
		{"wait_for_otp", map[string]any{"timeout_seconds": 1}},
	}
	c := calls[a.rng.IntN(len(calls))]
	return kind, a.alike(ctx, nil, "identity_not_found", c.tool, func(is bool) map[string]any {
		arguments := map[string]any{"identity": guess}
		if is {
			arguments["identity"] = stolen
		}
		maps.Copy(arguments, c.arguments)
		return arguments
	})
}

// stealName creates, or reuses, an identity where only another caller may.
func (a *actor) stealName(ctx context.Context, h handles) (string, error) {
	if h.name == "" {
		return "name", nil
	}
	return "name", a.alike(ctx, nil, "forbidden", "create_identity", func(is bool) map[string]any {
		name := h.name
		if !is {
			name += "-not"
		}
		return map[string]any{"name": name, "if_exists": "reuse"}
	})
}

func (a *actor) stealCursor(ctx context.Context, h handles) (string, error) {
	if h.cursor == "" {
		return "cursor", nil
	}
	own := a.rng.IntN(2) == 0 && len(a.identities) > 0
	mine := ""
	if own {
		mine = a.any().uuid
	}
	return "cursor", a.alike(ctx, nil, "cursor_invalid", "wait_for_otp", func(is bool) map[string]any {
		arguments := map[string]any{"cursor": h.cursor, "timeout_seconds": 1}
		if !is {
			arguments["cursor"] = base64.RawURLEncoding.EncodeToString(a.random(len(h.cursor) * 3 / 4))
		}
		if own {
			arguments["identity"] = mine
		}
		return arguments
	})
}

// stealMessage reads another caller's message in the own inbox.
func (a *actor) stealMessage(ctx context.Context, h handles) (string, error) {
	if h.message == "" || len(a.identities) == 0 {
		return "message", nil
	}
	i := a.any()
	return "message", a.alike(ctx, i, "not_found", "read_message", func(is bool) map[string]any {
		id := h.message
		if !is {
			id += "99999"
		}
		return map[string]any{"identity": i.uuid, "message_id": id}
	})
}

// stealCredential uses the id of another caller's credential in the own vault.
func (a *actor) stealCredential(ctx context.Context, h handles) (string, error) {
	if h.credential == "" || len(a.identities) == 0 {
		return "credential", nil
	}
	i := a.any()
	return "credential", a.alike(ctx, i, "not_found", one(a, []string{"get_credential", "delete_credential"}), func(is bool) map[string]any {
		id := h.credential
		if !is {
			id = a.madeUp()
		}
		return map[string]any{"identity": i.uuid, "id": id}
	})
}

// stealHeader names another caller's identity in the client's configuration. It says nothing in a
// session that is bound.
func (a *actor) stealHeader(ctx context.Context, h handles) (string, error) {
	if h.uuid == "" || !a.modern {
		return "header", nil
	}
	var texts [2]string
	for n, requested := range []string{h.uuid, a.madeUp()} {
		a.calls.Add(1)
		a.run.count("get_identity", a.transport)
		o, err := a.web.callIn(ctx, "", requested, "get_identity", map[string]any{})
		if err != nil {
			return "header", err
		}
		if err := refused(o, "identity_not_found"); err != nil {
			return "header", err
		}
		texts[n] = o.text
	}
	if texts[0] != texts[1] {
		return "header", fmt.Errorf("refused with %s, one that does not exist with %s", texts[0], texts[1])
	}
	return "header", nil
}

// stealSession calls, listens and deletes in another caller's session, over all that a session is
// for. It must be 404 to the letter as for an id that never was, before and after, so that nothing
// was opened by the attempt either.
func (a *actor) stealSession(ctx context.Context, h handles) (string, error) {
	if h.session == "" {
		return "session", nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience/4) // a stream that is opened does not end by itself
	defer cancel()
	mark := a.mark(noIdentity)
	attempts := []struct{ method, path, tool string }{
		{http.MethodPost, "/mcp", "get_identity"}, {http.MethodPost, "/mcp", "list_secrets"}, {http.MethodPost, "/mcp", "set_secret"},
		{http.MethodPost, "/mcp", "create_identity"}, {http.MethodPost, "/mcp", "use_identity"},
		{http.MethodGet, "/mcp", ""}, {http.MethodDelete, "/mcp", ""}, {http.MethodPost, "/message", "get_identity"},
	}
	if a.run.NoSSE {
		attempts = attempts[:len(attempts)-1]
	}
	t := attempts[a.rng.IntN(len(attempts))]
	arguments := map[string]map[string]any{
		"set_secret": {"name": secretNames[0], "value": mark}, "create_identity": {"name": a.prefix + "stolen"}, "use_identity": {"identity": h.uuid},
	}[t.tool]
	guess := base64.RawURLEncoding.EncodeToString(a.random(32))
	var answers [][]byte
	for _, session := range []string{h.session, guess, h.session} {
		var body []byte
		if t.tool != "" {
			body = toolCall(7, false, t.tool, arguments)
		}
		path, header := t.path, session
		if path == "/message" {
			path, header = path+"?sessionId="+session, ""
		}
		r, err := a.web.request(ctx, t.method, path, header, body)
		if err != nil {
			return "session", err
		}
		a.calls.Add(1)
		a.run.count("("+t.method+" in a session)", a.transport)
		status, _, answer, err := a.web.do(r)
		if err != nil {
			return "session", err
		}
		want := http.StatusNotFound
		if t.method == http.MethodDelete && a.caller.Shared {
			want = http.StatusMethodNotAllowed
		}
		if status != want {
			return "session", fmt.Errorf("%s %s: status %d: %s", t.method, t.path, status, answer)
		}
		answers = append(answers, answer)
	}
	if !bytes.Equal(answers[0], answers[1]) || !bytes.Equal(answers[0], answers[2]) {
		return "session", fmt.Errorf("refused with %s, one that does not exist with %s, and then with %s", answers[0], answers[1], answers[2])
	}
	return "session", nil
}
