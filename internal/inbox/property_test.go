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

// step is one thing that happens, some time after the one before.
type step struct {
	After  time.Duration
	Do     string
	N      int // which chain, which sender, how many
	Letter letter
	Late   time.Duration
	Gap    int64
	Ask    ask
	Wait   time.Duration
}

type schedule struct {
	Skew                                          time.Duration
	WholeSeconds, NoStream, IgnoreAfter, Reliable bool
	Order, Old                                    int
	Steps                                         []step
}

var senders = [2][]string{{"no-reply@acme.test", "code@gizmo.test", "mail@bank.test"}, {"+15550001111", "+15550002222", "BIGCO"}}

const (
	chains = 3
	clock  = "15:04:05.000000"
)

// GoString keeps the report of a failure readable.
func (s step) GoString() string {
	return fmt.Sprintf("\n%v %s %d ch%d %s %s out=%v late=%v gap=%d %+v %v", s.After, s.Do, s.N, s.Letter.channel, s.Letter.from, s.Letter.code, s.Letter.outgoing, s.Late, s.Gap, s.Ask, s.Wait)
}

func genStep(t *rapid.T) step {
	s := step{
		After: time.Duration(rapid.OneOf(rapid.IntRange(1, 400), rapid.IntRange(400, 9000)).Draw(t, "after")) * time.Millisecond,
		Do: rapid.SampledFrom([]string{
			"letter", "letter", "letter", "letter", "letter", "wait", "wait", "wait", "wait", "again", "arm", "copy", "read", "stream", "fail", "night",
		}).Draw(t, "do"),
		N: rapid.IntRange(0, 99).Draw(t, "n"),
	}
	switch s.Do {
	case "letter":
		s.Letter.channel = rapid.IntRange(0, 1).Draw(t, "channel")
		s.Letter.from = rapid.SampledFrom(senders[s.Letter.channel]).Draw(t, "from")
		s.Letter.outgoing = rapid.IntRange(0, 9).Draw(t, "outgoing") == 0
		if kind := rapid.IntRange(0, 9).Draw(t, "kind"); kind > 1 {
			s.Letter.code = fmt.Sprint(rapid.IntRange(281750, 281755).Draw(t, "code"))
		}
		s.Late = time.Duration(rapid.OneOf(rapid.Just(0), rapid.Just(0), rapid.IntRange(1, 700), rapid.IntRange(700, 500_000)).Draw(t, "late")) * time.Millisecond
		s.Gap = int64(rapid.OneOf(rapid.IntRange(0, 3), rapid.IntRange(0, 100_000)).Draw(t, "gap"))
	case "wait", "again":
		s.Ask.channel = rapid.SampledFrom([]inbox.Channel{inbox.AnyChannel, inbox.AnyChannel, inbox.Email, inbox.SMS}).Draw(t, "on")
		if rapid.IntRange(0, 3).Draw(t, "filter") == 0 {
			s.Ask.from = rapid.SampledFrom(senders[rapid.IntRange(0, 1).Draw(t, "whose")]).Draw(t, "only")
		}
		s.Wait = time.Duration(rapid.IntRange(100, 40_000).Draw(t, "timeout")) * time.Millisecond
	case "fail":
		s.Wait = time.Duration(rapid.IntRange(100, 8000).Draw(t, "failing")) * time.Millisecond
	case "night":
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
		Old:          rapid.SampledFrom([]int{0, 3, 30}).Draw(t, "old letters"),
		Steps:        rapid.SliceOfN(rapid.Custom(genStep), 10, 80).Draw(t, "steps"),
	}
})

// run plays a schedule in a bubble and returns what went against the rules.
type run struct {
	schedule
	ravi   *fakeRavi
	hub    *inbox.Hub
	target inbox.Target
	group  sync.WaitGroup

	mu      sync.Mutex
	chain   [chains]leg
	past    []leg // every cursor that was ever handed out
	answers int
	wrong   error
}

type leg struct {
	cursor  string
	history *history
}

func (r *run) blame(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.wrong == nil {
		r.wrong = err
	}
}

func (r *run) play(t *testing.T) {
	r.ravi = newFakeRavi()
	r.ravi.skew, r.ravi.wholeSeconds, r.ravi.noStream = r.Skew, r.WholeSeconds, r.NoStream
	r.ravi.ignoreAfter, r.ravi.order = r.IgnoreAfter, r.Order
	for i := range r.Old {
		r.ravi.deliver(letter{channel: i % 2, from: senders[i%2][i%3], code: "999999"}, 0, 2)
		time.Sleep(time.Minute)
	}
	r.hub = inbox.New(inbox.Config{})
	r.target = inbox.Target{Caller: "local", Credential: "c", Identity: "i", Source: r.ravi}
	for i := range r.chain {
		r.arm(i)
	}
	for _, s := range r.Steps {
		time.Sleep(s.After + time.Microsecond) // no two steps are whole milliseconds apart, as reads may be
		r.do(s)
	}
	r.group.Wait()
	r.hub.Close()
	synctest.Wait()
	if n := len(r.ravi.streams); n > 0 {
		r.blame(fmt.Errorf("%d streams are still open", n))
	}
}

func (r *run) do(s step) {
	chain := s.N % chains
	switch s.Do {
	case "letter":
		s.Letter.twin = fmt.Sprintf("<%d@x>", time.Now().UnixNano())
		if s.Letter.channel == 1 {
			s.Letter.twin = ""
		}
		r.ravi.deliver(s.Letter, s.Late, s.Gap)
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

func (r *run) arm(chain int) {
	cursor, err := r.hub.Arm(context.Background(), r.target)
	r.ravi.mu.Lock()
	failing := time.Now().Before(r.ravi.failUntil)
	r.ravi.mu.Unlock()
	if err != nil {
		if !failing || !errors.Is(err, ravi.ErrUnavailable) {
			r.blame(fmt.Errorf("arming: %w", err))
		}
		return
	}
	r.ravi.mu.Lock()
	now := time.Now()
	listed := append(r.ravi.listed(0, now), r.ravi.listed(1, now)...)
	r.ravi.mu.Unlock()
	r.hand(chain, leg{cursor, newHistory(listed)})
}

func (r *run) hand(chain int, l leg) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if chain >= 0 {
		r.chain[chain] = l
	}
	r.past = append(r.past, l)
}

func (r *run) wait(s step, from leg, chain int) {
	if from.history == nil { // Ravi failed while this chain was to be armed
		return
	}
	began := time.Now()
	r.group.Go(func() {
		res, err := r.hub.Wait(context.Background(), r.target, inbox.Request{
			Cursor: from.cursor, Channel: s.Ask.channel, From: s.Ask.from, Want: inbox.WantCode, Timeout: s.Wait,
		})
		end := time.Now()
		what := fmt.Sprintf("wait of %v for %+v", s.Wait, s.Ask)
		r.ravi.mu.Lock()
		failing := r.ravi.failed(began)
		possible := r.possible(s.Ask, began, end, s.Wait)
		r.ravi.mu.Unlock()
		switch {
		case err != nil && failing && errors.Is(err, ravi.ErrUnavailable) && end.Sub(began) == s.Wait:
			return
		case err != nil:
			r.blame(fmt.Errorf("%s: %w", what, err))
			return
		case end.Sub(began) > s.Wait:
			r.blame(fmt.Errorf("%s took %v", what, end.Sub(began)))
		}
		next, err := from.history.check(res, s.Ask, possible)
		if err != nil {
			r.blame(fmt.Errorf("%s from %v to %v: %w", what, began.Format(clock), end.Format(clock), err))
			return
		}
		if res.Status == inbox.Pending {
			if end.Sub(began) != s.Wait {
				r.blame(fmt.Errorf("%s ended after %v", what, end.Sub(began)))
			}
			r.punctual(s.Ask, from.history, began, end, failing, what)
		} else {
			r.mu.Lock()
			r.answers++
			r.mu.Unlock()
		}
		r.hand(chain, leg{res.Cursor, next})
	})
}

// possible returns what the answer of a wait can have been based on: per
// channel the last read, or the one before it if the last was made at this
// very moment; nothing at all if the channel was not read since the wait began.
func (r *run) possible(a ask, began, end time.Time, timeout time.Duration) [][]letter {
	var options [2][][]letter
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
	var out [][]letter
	for _, mail := range options[0] {
		for _, sms := range options[1] {
			out = append(out, append(append([]letter{}, mail...), sms...))
		}
	}
	return out
}

// punctual blames a pending wait for a message that it should have had.
func (r *run) punctual(a ask, h *history, began, end time.Time, failing bool, what string) {
	r.ravi.mu.Lock()
	defer r.ravi.mu.Unlock()
	if failing || r.ravi.failed(began) {
		return
	}
	if end.Sub(began) < 2300*time.Millisecond {
		return // it may have been over before its turn to read
	}
	want := h.expect(append(r.ravi.listed(0, end), r.ravi.listed(1, end)...), a)
	late, found := overdue(want, end, func(l letter) time.Duration {
		switch {
		case r.NoStream:
			return 4300 * time.Millisecond // two rounds: one may just have begun for another wait
		case r.ravi.up && r.ravi.upSince.Add(40*time.Second).Before(began) && l.visible.Sub(l.created.Add(-r.Skew)) <= 500*time.Millisecond:
			return 2 * time.Second
		}
		return 17 * time.Second
	})
	if found {
		r.blame(fmt.Errorf("%s: pending at %v, with %+v listable since %v", what, end, late, late.visible))
	}
}

// Whatever happens, in whatever order, the rules of DESIGN.md section 6 hold.
func TestPropertyTheRulesHold(t *testing.T) {
	answers := 0
	rapid.Check(t, func(rt *rapid.T) {
		r := &run{schedule: genSchedule.Draw(rt, "schedule")}
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
