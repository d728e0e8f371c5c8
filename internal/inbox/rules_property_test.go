package inbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"ravi-mcp/internal/inbox"
	"ravi-mcp/ravi"
)

// event is one thing that happens, some time after the one before.
type event struct {
	After   time.Duration
	Kind    string
	N       int // which chain, which sender, how many
	Message fakeMessage
	Late    time.Duration
	Gap     int64
	For     waitFor
	Wait    time.Duration
}

type schedule struct {
	Skew                                          time.Duration
	WholeSeconds, NoStream, IgnoreAfter, Reliable bool
	Order, Old                                    int
	Events                                        []event
}

var senders = [2][]string{{"no-reply@acme.test", "code@gizmo.test", "mail@bank.test"}, {"+15550001111", "+15550002222", "BIGCO"}}

const (
	chains = 3
	clock  = "15:04:05.000000"
)

// GoString keeps the report of a failure readable.
func (s event) GoString() string {
	return fmt.Sprintf("\n%v %s %d ch%d %s %s out=%v late=%v gap=%d %+v %v", s.After, s.Kind, s.N, s.Message.channel, s.Message.from, s.Message.code, s.Message.outgoing, s.Late, s.Gap, s.For, s.Wait)
}

func genEvent(t *rapid.T) event {
	s := event{
		After: time.Duration(rapid.OneOf(rapid.IntRange(1, 400), rapid.IntRange(400, 9000)).Draw(t, "after")) * time.Millisecond,
		Kind: rapid.SampledFrom([]string{
			"message", "message", "message", "message", "message", "wait", "wait", "wait", "wait", "again", "arm", "copy", "read", "stream", "fail", "pause",
		}).Draw(t, "do"),
		N: rapid.IntRange(0, 99).Draw(t, "n"),
	}
	switch s.Kind {
	case "message":
		s.Message.channel = rapid.IntRange(0, 1).Draw(t, "channel")
		s.Message.from = rapid.SampledFrom(senders[s.Message.channel]).Draw(t, "from")
		s.Message.outgoing = rapid.IntRange(0, 9).Draw(t, "outgoing") == 0
		if kind := rapid.IntRange(0, 9).Draw(t, "kind"); kind > 1 {
			s.Message.code = fmt.Sprint(rapid.IntRange(281750, 281755).Draw(t, "code"))
		}
		s.Late = time.Duration(rapid.OneOf(rapid.Just(0), rapid.Just(0), rapid.IntRange(1, 700), rapid.IntRange(700, 500_000)).Draw(t, "late")) * time.Millisecond
		s.Gap = int64(rapid.OneOf(rapid.IntRange(0, 3), rapid.IntRange(0, 100_000)).Draw(t, "gap"))
	case "wait", "again":
		s.For.channel = rapid.SampledFrom([]inbox.Channel{inbox.AnyChannel, inbox.AnyChannel, inbox.Email, inbox.SMS}).Draw(t, "on")
		if rapid.IntRange(0, 3).Draw(t, "filter") == 0 {
			s.For.from = rapid.SampledFrom(senders[rapid.IntRange(0, 1).Draw(t, "channel of sender")]).Draw(t, "only")
		}
		s.Wait = time.Duration(rapid.IntRange(100, 40_000).Draw(t, "timeout")) * time.Millisecond
	case "fail":
		s.Wait = time.Duration(rapid.IntRange(100, 8000).Draw(t, "failing")) * time.Millisecond
	case "pause":
		s.After += time.Duration(rapid.IntRange(1, 60).Draw(t, "minutes")) * time.Minute
	}
	return s
}

var genSchedule = rapid.Custom(func(t *rapid.T) schedule {
	return schedule{
		Skew:         time.Duration(rapid.IntRange(-300, 300).Draw(t, "skew")) * time.Second,
		WholeSeconds: rapid.Bool().Draw(t, "whole seconds"),
		NoStream:     rapid.IntRange(0, 2).Draw(t, "no stream") == 0,
		IgnoreAfter:  rapid.Bool().Draw(t, "ignore created_after"),
		Order:        rapid.IntRange(0, 2).Draw(t, "order"),
		Old:          rapid.SampledFrom([]int{0, 3, 30}).Draw(t, "old messages"),
		Events:       rapid.SliceOfN(rapid.Custom(genEvent), 10, 80).Draw(t, "steps"),
	}
})

// scheduleRun plays a schedule and keeps what went against the rules.
type scheduleRun struct {
	schedule
	ravi   *fakeRavi
	hub    *inbox.Hub
	target inbox.Target
	group  sync.WaitGroup

	mu      sync.Mutex
	chain   [chains]chainState
	past    []chainState // every cursor that was ever handed out
	answers int
	wrong   error
}

type chainState struct {
	cursor  string
	history *history
}

func (r *scheduleRun) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wrong == nil {
		r.wrong = err
	}
}

func (r *scheduleRun) play(t *testing.T) {
	r.ravi = newFakeRavi()
	r.ravi.skew, r.ravi.wholeSeconds, r.ravi.noStream = r.Skew, r.WholeSeconds, r.NoStream
	r.ravi.ignoreAfter, r.ravi.order = r.IgnoreAfter, r.Order
	for i := range r.Old {
		r.ravi.deliver(fakeMessage{channel: i % 2, from: senders[i%2][i%3], code: "990612"}, 0, 2)
		time.Sleep(time.Minute)
	}
	r.hub = inbox.New(inbox.Config{})
	r.target = inbox.Target{Caller: "local", Credential: "c", Identity: "i", Source: r.ravi}
	for i := range r.chain {
		r.arm(i)
	}
	for _, s := range r.Events {
		time.Sleep(s.After + time.Microsecond) // no two steps are whole milliseconds apart, as reads may be
		r.do(s)
	}
	r.group.Wait()
	r.hub.Close()
	synctest.Wait()
	if n := len(r.ravi.streams); n > 0 {
		r.fail(fmt.Errorf("%d streams are still open", n))
	}
}

func (r *scheduleRun) do(s event) {
	chain := s.N % chains
	switch s.Kind {
	case "message":
		s.Message.messageID = fmt.Sprintf("<%d@x>", time.Now().UnixNano())
		if s.Message.channel == 1 {
			s.Message.messageID = ""
		}
		r.ravi.deliver(s.Message, s.Late, s.Gap)
	case "copy": // the same message once more, under another id
		if last := r.ravi.last(3); len(last) > 0 {
			r.ravi.deliver(last[s.N%len(last)], s.Late, s.Gap)
		}
	case "read":
		r.ravi.markRead()
	case "stream":
		r.ravi.setStream(s.N%2 == 0)
	case "fail":
		r.ravi.fail(s.Wait)
	case "arm":
		r.arm(chain)
	case "wait":
		r.mu.Lock()
		from := r.chain[chain]
		r.mu.Unlock()
		r.wait(s, from, chain)
	case "again":
		r.mu.Lock()
		from := r.past[s.N%len(r.past)]
		r.mu.Unlock()
		r.wait(s, from, -1)
	}
}

func (r *scheduleRun) arm(chain int) {
	cursor, err := r.hub.Arm(context.Background(), r.target)
	r.ravi.mu.Lock()
	failing := time.Now().Before(r.ravi.failUntil)
	r.ravi.mu.Unlock()
	if err != nil {
		if !failing || !errors.Is(err, ravi.ErrUnavailable) {
			r.fail(fmt.Errorf("arming: %w", err))
		}
		return
	}
	r.ravi.mu.Lock()
	now := time.Now()
	listed := append(r.ravi.listed(0, now), r.ravi.listed(1, now)...)
	r.ravi.mu.Unlock()
	r.record(chain, chainState{cursor, newHistory(listed)})
}

func (r *scheduleRun) record(chain int, l chainState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if chain >= 0 {
		r.chain[chain] = l
	}
	r.past = append(r.past, l)
}

func (r *scheduleRun) wait(s event, from chainState, chain int) {
	if from.history == nil { // Ravi failed while this chain was to be armed
		return
	}
	began := time.Now()
	r.group.Go(func() {
		res, err := r.hub.Wait(context.Background(), r.target, inbox.Request{
			Cursor: from.cursor, Channel: s.For.channel, From: s.For.from, Want: inbox.WantCode, Timeout: s.Wait,
		})
		end := time.Now()
		what := fmt.Sprintf("wait of %v for %+v", s.Wait, s.For)
		r.ravi.mu.Lock()
		failing := r.ravi.failed(began)
		possible := r.possible(s.For, began, end, s.Wait)
		r.ravi.mu.Unlock()
		switch {
		case err != nil && failing && errors.Is(err, ravi.ErrUnavailable) && end.Sub(began) == s.Wait:
			return
		case err != nil:
			r.fail(fmt.Errorf("%s: %w", what, err))
			return
		case end.Sub(began) > s.Wait:
			r.fail(fmt.Errorf("%s took %v", what, end.Sub(began)))
		}
		next, err := from.history.check(res, s.For, possible)
		if err != nil {
			r.fail(fmt.Errorf("%s from %v to %v: %w", what, began.Format(clock), end.Format(clock), err))
			return
		}
		if res.Status == inbox.Pending {
			if end.Sub(began) != s.Wait {
				r.fail(fmt.Errorf("%s ended after %v", what, end.Sub(began)))
			}
			r.checkPunctual(s.For, from.history, began, end, failing, what)
		} else {
			r.mu.Lock()
			r.answers++
			r.mu.Unlock()
		}
		r.record(chain, chainState{res.Cursor, next})
	})
}

// possible returns what the answer of a wait can have been based on: per channel the last read, or
// the one before it if the last was made at this very moment; nothing at all if the channel was not
// read since the wait began.
func (r *scheduleRun) possible(a waitFor, began, end time.Time, timeout time.Duration) [][]fakeMessage {
	var options [2][][]fakeMessage
	for c := range options {
		reads := r.ravi.reads[c]
		for i := len(reads) - 1; i >= 0 && len(options[c]) < 4; i-- {
			if reads[i].Before(began) && (end.Sub(began) < timeout || end.Sub(reads[i]) > 4*time.Second) {
				break // too old, unless the wait was over before its turn to read
			}
			options[c] = append(options[c], r.ravi.listed(c, reads[i]))
			if reads[i].Before(end) {
				break
			}
		}
		if n := len(reads); !a.listens(c) || n == 0 || reads[n-1].Before(began) || !reads[n-1].Before(end) && len(options[c]) == n {
			options[c] = append(options[c], nil)
		}
		if r.ravi.failed(began) || end.Sub(began) == timeout && timeout < 2300*time.Millisecond {
			options[c] = append(options[c], nil)
		}
	}
	var out [][]fakeMessage
	for _, mail := range options[0] {
		for _, sms := range options[1] {
			out = append(out, append(append([]fakeMessage{}, mail...), sms...))
		}
	}
	return out
}

// checkPunctual fails a pending wait that should have had a message.
func (r *scheduleRun) checkPunctual(a waitFor, h *history, began, end time.Time, failing bool, what string) {
	r.ravi.mu.Lock()
	defer r.ravi.mu.Unlock()
	if failing || r.ravi.failed(began) {
		return
	}
	if end.Sub(began) < 2300*time.Millisecond {
		return // it may have been over before its turn to read
	}
	want := h.expect(append(r.ravi.listed(0, end), r.ravi.listed(1, end)...), a)
	late, found := overdue(want, end, func(l fakeMessage) time.Duration {
		switch {
		case r.NoStream:
			return 4300 * time.Millisecond // two rounds: one may just have begun for another wait
		case r.ravi.up && r.ravi.upSince.Add(40*time.Second).Before(began) && l.visible.Sub(l.created.Add(-r.Skew)) <= 500*time.Millisecond:
			return 2 * time.Second
		}
		return 17 * time.Second
	})
	if found {
		r.fail(fmt.Errorf("%s: pending at %v, with %+v listable since %v", what, end, late, late.visible))
	}
}

// Whatever happens, in whatever order, the rules of the package documentation hold.
func TestPropertyRulesHold(t *testing.T) {
	answers := 0
	rapid.Check(t, func(rt *rapid.T) {
		r := &scheduleRun{schedule: genSchedule.Draw(rt, "schedule")}
		synctest.Test(t, r.play)
		if r.wrong != nil {
			rt.Fatalf("%v", r.wrong)
		}
		answers += r.answers
	})
	t.Logf("%d answers", answers)
	if answers == 0 {
		t.Error("no schedule led to an answer")
	}
}
