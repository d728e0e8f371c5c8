package soak

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"ravi-mcp/sandbox"
)

const (
	mostMessages = 60 // of one identity, which then gets no more
	mostCursors  = 12 // that a client keeps of one identity
	mostSent     = 4000

	// shortWait is how many seconds a client waits where nothing need come. On a busy machine it
	// may end before the server could look, which is unavailable then.
	shortWait = 2
	// cancelledWait is how long a wait of a second that was cancelled may go on.
	cancelledWait = 30 * time.Second
)

// code is the n-th code that is sent to the client; no other one is the same.
func (a *actor) code(n int) string {
	return fmt.Sprint(100_000 + (a.number*mostSent+n)*611_953%900_000)
}

// deliver sends a code to an identity.
func (a *actor) deliver(i *identity, channel, code string) (delivery, error) {
	var id int64
	var err error
	if channel == sms {
		id, err = a.run.Ravi.DeliverSMS(sandbox.SMS{To: i.phone, From: smsSender, Body: "Your verification code is " + code})
	} else {
		id, err = a.run.Ravi.DeliverEmail(sandbox.Email{To: i.address, From: emailSender, Subject: "Confirm your sign-in",
			Text: "Your verification code is " + code + ". It expires in 10 minutes."})
	}
	return delivery{channel: channel, code: code, id: fmt.Sprintf("%s:%d", channel, id)}, err
}

func (a *actor) arm(ctx context.Context) error {
	i := a.any()
	listed := len(i.delivered)
	o, err := a.on(ctx, i, "watch_inbox", map[string]any{})
	if err != nil {
		return err
	}
	got, err := into[described](o)
	if err != nil || got.Cursor == "" {
		return errors.Join(err, fmt.Errorf("no cursor: %s", o.text))
	}
	i.keep(cursor{token: got.Cursor, since: listed})
	return nil
}

func (i *identity) keep(c cursor) {
	i.cursors = append(i.cursors, c)
	if len(i.cursors) > mostCursors {
		i.cursors = i.cursors[1:]
	}
}

// waited is the result of a wait.
type waited struct {
	about
	Status    string `json:"status"`
	Armed     string `json:"armed"`
	Cursor    string `json:"cursor"`
	Code      string `json:"code"`
	Channel   string `json:"channel"`
	MessageID string `json:"message_id"`
	Reason    string `json:"reason"`
}

// wait waits with one of the cursors, or with the session's own, for codes that come before or
// meanwhile, or not at all.
func (a *actor) wait(ctx context.Context) error {
	i := a.any()
	channel := []string{sms, sms, email}[a.rng.IntN(3)]
	ask := []string{channel, "any"}[a.rng.IntN(2)]
	c, own := i.choose(a)
	before, meanwhile := a.rng.IntN(3), a.rng.IntN(2) == 0
	if len(i.delivered) >= mostMessages || a.sent >= mostSent-3 {
		before, meanwhile = 0, false
	}
	for range before {
		a.sent++
		d, err := a.deliver(i, channel, a.code(a.sent))
		if err != nil {
			return err
		}
		i.delivered = append(i.delivered, d)
	}
	if own {
		a.state.mu.RLock() // so that it can leave the identity out
		defer a.state.mu.RUnlock()
	}
	if own || slices.ContainsFunc(c.open(i, "any"), func(d delivery) bool { return d.channel != channel }) {
		ask = channel // so that there is one sender, and one newest code
	}
	ready := c.open(i, ask)
	arguments := map[string]any{"channel": ask, "timeout_seconds": shortWait}
	if !own && (meanwhile || len(ready) > 0) {
		arguments["timeout_seconds"] = 45
	}
	var late chan delivery
	var failed error
	if meanwhile {
		a.sent++
		late = make(chan delivery, 1)
		code := a.code(a.sent)
		go func() {
			var d delivery
			d, failed = a.deliver(i, channel, code)
			late <- d
		}()
	}
	o, by, err := a.waitFor(ctx, i, c, own, arguments)
	var fits []string
	if late != nil {
		d := <-late
		if failed != nil {
			return failed
		}
		i.delivered = append(i.delivered, d)
		fits = append(fits, d.code)
	}
	if err != nil {
		return err
	}
	got, err := into[waited](o)
	if err != nil {
		return err
	}
	if err := check(o, i, by); err != nil {
		return err
	}
	if own {
		return a.ownAnswer(i, got, o)
	}
	if len(ready) > 0 {
		fits = append(fits, ready[len(ready)-1].code)
	}
	next := cursor{token: got.Cursor, since: c.since, dead: c.dead}
	switch {
	case got.Status == "pending" && got.Reason == "partly_unread":
		a.run.lost.Add(1) // it says itself that it could not see everything: Ravi did not answer in time
	case len(fits) == 0 && got.Status != "pending", len(fits) > 0 && !slices.Contains(fits, got.Code):
		return fmt.Errorf("status %s, code %q; right would be one of %q; the cursor is from before %d of %v and past %v: %s",
			got.Status, got.Code, fits, c.since, i.delivered, c.dead, o.text)
	case got.Status == "found":
		if err := a.rightMessage(i, got); err != nil {
			return err
		}
		next.dead = c.past(i, ask, got.Code)
	}
	i.keep(next)
	return nil
}

// choose takes a cursor of the identity, or, in a session, now and then none.
func (i *identity) choose(a *actor) (c cursor, own bool) {
	if len(i.cursors) == 0 || !a.modern && a.rng.IntN(4) == 0 {
		return cursor{}, true
	}
	n := len(i.cursors)
	return i.cursors[max(a.rng.IntN(n), a.rng.IntN(n))], false
}

func (a *actor) waitFor(ctx context.Context, i *identity, c cursor, own bool, arguments map[string]any) (outcome, string, error) {
	by := "cursor"
	if !own {
		arguments["cursor"] = c.token
		if a.rng.IntN(4) == 0 {
			arguments["identity"] = a.nameOf(i)
		}
	} else if implicit, rule := a.implicit(); implicit == i {
		by = rule
	} else {
		by, arguments["identity"] = "argument", i.uuid
	}
	o, err := a.call(ctx, i, "wait_for_otp", arguments)
	a.goes(by, err)
	return o, by, err
}

// ownAnswer checks the answer to a wait with the session's own cursor, or with none at all. It may
// be pending: no client can tell what such a wait began before.
func (a *actor) ownAnswer(i *identity, got waited, o outcome) error {
	if got.Armed == "cursor" {
		return fmt.Errorf("there was no cursor: %s", o.text)
	}
	if got.Status == "found" {
		if i.returned[got.Code] {
			return fmt.Errorf("the session had the code %s before: %s", got.Code, o.text)
		}
		if err := a.rightMessage(i, got); err != nil {
			return err
		}
	} else if got.Status != "pending" {
		return fmt.Errorf("status %s: %s", got.Status, o.text)
	}
	return nil
}

// rightMessage checks that a code was delivered to the identity, in the message that the answer
// names.
func (a *actor) rightMessage(i *identity, got waited) error {
	if !slices.Contains(i.delivered, delivery{channel: got.Channel, code: got.Code, id: got.MessageID}) {
		return fmt.Errorf("the code %s of %s was never sent to %s", got.Code, got.MessageID, i.name)
	}
	i.returned[got.Code] = true
	a.run.codes.Add(1)
	return nil
}

func (a *actor) listMessages(ctx context.Context) error {
	i := a.any()
	o, err := a.on(ctx, i, "list_messages", map[string]any{"limit": 100})
	if err != nil {
		return err
	}
	got, err := into[struct {
		Messages []struct {
			ID      string `json:"message_id"`
			Preview string
		}
		Total int
	}](o)
	if err != nil {
		return err
	}
	if got.Total != len(i.delivered) || len(got.Messages) != got.Total {
		return fmt.Errorf("%d messages, sent were %d: %s", got.Total, len(i.delivered), o.text)
	}
	for _, m := range got.Messages {
		if !slices.ContainsFunc(i.delivered, func(d delivery) bool { return d.id == m.ID && strings.Contains(m.Preview, d.code) }) {
			return fmt.Errorf("%s was not sent to %s: %s", m.ID, i.name, o.text)
		}
	}
	return nil
}

func (a *actor) readMessage(ctx context.Context) error {
	i := a.any()
	if len(i.delivered) == 0 {
		return a.listMessages(ctx)
	}
	d := i.delivered[a.rng.IntN(len(i.delivered))]
	o, err := a.on(ctx, i, "read_message", map[string]any{"message_id": d.id})
	if err != nil {
		return err
	}
	got, err := into[struct {
		Message struct {
			ID   string `json:"message_id"`
			Text string
		}
	}](o)
	if err == nil && (got.Message.ID != d.id || !strings.Contains(got.Message.Text, d.code)) {
		err = errors.New("another message: " + o.text)
	}
	return err
}
