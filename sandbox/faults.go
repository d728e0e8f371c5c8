package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Fault is one thing that goes wrong, on some requests. The zero value of every condition matches
// everything.
type Fault struct {
	// Method and Endpoint choose requests: Endpoint is the template of a route
	// ("/api/passwords/{uuid}/"), or its start with "*" ("/api/passwords/*"). DeliverSMSPoint and
	// DeliverEmailPoint choose messages coming in.
	Method   string `json:"method,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	// Identity is the uuid of the identity a request must be about.
	Identity string `json:"identity,omitempty"`
	// After lets that many matching requests pass first; Count is how many then fail: one when 0,
	// all when negative.
	After int `json:"after,omitempty"`
	Count int `json:"count,omitempty"`

	// Delay holds the request back before anything else; in JSON as "150ms".
	Delay time.Duration `json:"delay,omitempty"`
	// Status answers with this status; Body and Header are the answer's. A usual body is made when
	// Body is empty.
	Status int               `json:"status,omitempty"`
	Body   string            `json:"body,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	// RetryAfter is the wait in seconds of a 429 or 503, in the form RetryForm: "body", "header" or
	// "both" (also when empty).
	RetryAfter int    `json:"retry_after,omitempty"`
	RetryForm  string `json:"retry_form,omitempty"`
	// Perform carries the request out although the answer fails: an answer that gets lost.
	Perform bool `json:"perform,omitempty"`
	// Cut breaks the connection instead of answering; with Truncate, in the middle of the answer.
	Cut bool `json:"cut,omitempty"`
	// Truncate sends only the first half of the body. Without Cut the HTTP answer itself is whole.
	Truncate bool `json:"truncate,omitempty"`
	// Oversize pads the body with leading blanks to this many bytes.
	Oversize int `json:"oversize,omitempty"`

	// DropAfter cuts an event stream after that many events.
	DropAfter int `json:"drop_after,omitempty"`
	// Duplicate sends every event of the stream twice.
	Duplicate bool `json:"duplicate,omitempty"`
	// Reorder sends every second event of the stream before the one that it follows.
	Reorder bool `json:"reorder,omitempty"`

	// LateBy hides a message that comes in from every list for this long after its event; in JSON
	// as "150ms".
	LateBy time.Duration `json:"late_by,omitempty"`
	// NoEvent lets a message come in without an event.
	NoEvent bool `json:"no_event,omitempty"`
}

// plainFault has the fields of Fault without its methods.
type plainFault Fault

type faultJSON struct {
	*plainFault
	Delay  string `json:"delay,omitempty"`
	LateBy string `json:"late_by,omitempty"`
}

// MarshalJSON writes durations as text.
func (f Fault) MarshalJSON() ([]byte, error) {
	j := faultJSON{plainFault: (*plainFault)(&f)}
	if f.Delay != 0 {
		j.Delay = f.Delay.String()
	}
	if f.LateBy != 0 {
		j.LateBy = f.LateBy.String()
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads durations as text and refuses unknown fields.
func (f *Fault) UnmarshalJSON(raw []byte) error {
	var out plainFault
	j := faultJSON{plainFault: &out}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&j); err != nil {
		return err
	}
	for text, to := range map[*string]*time.Duration{&j.Delay: &out.Delay, &j.LateBy: &out.LateBy} {
		if *text == "" {
			continue
		}
		d, err := time.ParseDuration(*text)
		if err != nil {
			return err
		}
		*to = d
	}
	*f = Fault(out)
	return nil
}

// FaultPlan is what will go wrong. The zero value is an empty plan. It may be changed while the
// server runs.
type FaultPlan struct {
	mu    sync.Mutex
	rules []*faultRule
}

type faultRule struct {
	Fault
	seen, done int
}

// Faults returns the server's plan.
func (s *Server) Faults() *FaultPlan { return &s.faults }

// Add appends faults to the plan. Of several that match a request the first one happens; the others
// do not count it.
func (p *FaultPlan) Add(faults ...Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range faults {
		p.rules = append(p.rules, &faultRule{Fault: f})
	}
}

// Clear empties the plan.
func (p *FaultPlan) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = nil
}

// List returns the faults that can still happen.
func (p *FaultPlan) List() []Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := []Fault{}
	for _, r := range p.rules {
		if !r.spent() {
			out = append(out, r.Fault)
		}
	}
	return out
}

// Load adds the faults of a JSON array.
func (p *FaultPlan) Load(r io.Reader) error {
	var faults []Fault
	if err := json.NewDecoder(r).Decode(&faults); err != nil {
		return fmt.Errorf("sandbox: fault plan: %w", err)
	}
	p.Add(faults...)
	return nil
}

func (r *faultRule) spent() bool { return r.Count >= 0 && r.done >= max(1, r.Count) }

func (r *faultRule) matches(method, endpoint, identity string) bool {
	if r.Method != "" && r.Method != method || r.Identity != "" && r.Identity != identity {
		return false
	}
	if start, wild := strings.CutSuffix(r.Endpoint, "*"); wild {
		return strings.HasPrefix(endpoint, start)
	}
	// Without an endpoint a fault is about requests, not about messages coming in.
	return r.Endpoint == endpoint || r.Endpoint == "" && strings.HasPrefix(endpoint, "/")
}

// take returns the fault that happens now, or nil.
func (p *FaultPlan) take(method, endpoint, identity string) *Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.rules {
		if r.spent() || !r.matches(method, endpoint, identity) {
			continue
		}
		if r.seen++; r.seen <= r.After {
			continue
		}
		r.done++
		f := r.Fault
		return &f
	}
	return nil
}

// visibleAt is when a message that comes in shows up; zero for at once.
func (f *Fault) visibleAt(now time.Time) time.Time {
	if f == nil || f.LateBy <= 0 {
		return time.Time{}
	}
	return now.Add(f.LateBy)
}

// faultBefore handles the faults that come before the request is carried out; true when the request
// is over.
func (c *call) faultBefore() bool {
	f := c.fault
	if !c.pause(f.Delay, nil) {
		c.cut()
	}
	if f.Perform || f.Status == 0 && (!f.Cut || f.Truncate) {
		return false
	}
	if f.Cut && !f.Truncate {
		c.s.records.add(c.record)
		c.cut()
	}
	c.finish(answer{f.Status, http.Header{}, nil})
	return true
}

// applyFault changes a finished answer as the fault says.
func (c *call) applyFault(a answer) answer {
	f := c.fault
	if f.Cut && !f.Truncate {
		c.record.Status = 0
		c.s.records.add(c.record)
		c.cut()
	}
	if f.Status != 0 {
		a = f.answer()
		c.record.Status = a.status
	}
	if f.Truncate {
		a.body = a.body[:len(a.body)/2]
	}
	if n := f.Oversize - len(a.body); n > 0 {
		a.body = append(bytes.Repeat([]byte(" "), n), a.body...)
	}
	return a
}

// answer is the answer of a fault with a status.
func (f *Fault) answer() answer {
	body := map[string]any{"detail": http.StatusText(f.Status)}
	h := http.Header{}
	switch f.Status {
	case 402:
		body = map[string]any{"detail": "Active subscription required.", "code": "subscription_required"}
	case 429:
		body["detail"] = "Request was throttled."
	}
	if f.RetryAfter > 0 {
		if f.RetryForm != "header" {
			body["retry_after_seconds"] = f.RetryAfter
		}
		if f.RetryForm != "body" {
			h.Set("Retry-After", strconv.Itoa(f.RetryAfter))
		}
	}
	h.Set("Content-Type", "application/json")
	out := answer{f.Status, h, encode(body)}
	if f.Body != "" {
		out.body = []byte(f.Body)
		if strings.HasPrefix(strings.TrimSpace(f.Body), "<") {
			h.Set("Content-Type", "text/html; charset=utf-8")
		}
	}
	for k, v := range f.Header {
		h.Set(k, v)
	}
	return out
}

// cut breaks the connection the way net/http allows a handler to.
func (c *call) cut() { panic(http.ErrAbortHandler) }
