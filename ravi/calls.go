package ravi

import (
	"context"
	"time"
)

// Call is a telephone call (era 4; docs/ravi-api.md#calls).
type Call struct {
	ID        int64     `json:"id"`
	UUID      string    `json:"uuid"`
	From      string    `json:"from_number"`
	To        string    `json:"to_number"`
	Direction Direction `json:"direction"`
	Status    string    `json:"status"`
	EndReason string    `json:"end_reason"`
	// Answered and Ended are zero as long as it was not, and is not.
	Answered time.Time `json:"answered_at"`
	Ended    time.Time `json:"ended_at"`
	Created  time.Time `json:"created_dt"`
}

// UnmarshalJSON reads a call leniently.
func (c *Call) UnmarshalJSON(data []byte) error {
	type plain Call
	return decodeObject(data, &struct {
		*plain
		ID       *looseInt  `json:"id"`
		Answered *looseTime `json:"answered_at"`
		Ended    *looseTime `json:"ended_at"`
		Created  *looseTime `json:"created_dt"`
	}{
		(*plain)(c), (*looseInt)(&c.ID), (*looseTime)(&c.Answered), (*looseTime)(&c.Ended),
		(*looseTime)(&c.Created),
	})
}

// Utterance is one line of a call's transcript.
type Utterance struct {
	ID         int64     `json:"id"`
	Speaker    string    `json:"speaker"`
	Text       string    `json:"text"`
	IsFinal    bool      `json:"is_final"`
	Confidence float64   `json:"confidence"`
	Sequence   int64     `json:"sequence_number"`
	Occurred   time.Time `json:"occurred_at"`
}

// UnmarshalJSON reads an utterance leniently.
func (u *Utterance) UnmarshalJSON(data []byte) error {
	type plain Utterance
	return decodeObject(data, &struct {
		*plain
		ID       *looseInt  `json:"id"`
		Occurred *looseTime `json:"occurred_at"`
	}{(*plain)(u), (*looseInt)(&u.ID), (*looseTime)(&u.Occurred)})
}

// StartCall calls a number in E.164 from the identity's. It is never repeated.
//
// Errors: ErrUnsupported before era 4.
func (s *Scope) StartCall(ctx context.Context, to string) (*Call, error) {
	return sent[Call](ctx, s.c, s.post("start call", "/api/calls/start/", map[string]string{"to_number": to}))
}

// Calls returns the identity's calls.
func (s *Scope) Calls(ctx context.Context) ([]Call, error) {
	return list[Call](ctx, s.c, s.get("list calls", "/api/calls/"))
}

// Call returns one call, by the id that Ravi shows for it.
//
// Errors: ErrNotFound.
func (s *Scope) Call(ctx context.Context, id string) (*Call, error) {
	return one[Call](ctx, s.c, s.get("get call", "/api/calls/{id}/", id))
}

// CallTranscript returns what was said in a call.
//
// Errors: ErrNotFound.
func (s *Scope) CallTranscript(ctx context.Context, id string) ([]Utterance, error) {
	return list[Utterance](ctx, s.c, s.get("get call transcript", "/api/calls/{id}/transcript/", id))
}

// HangUp ends a call.
//
// Errors: ErrNotFound.
func (s *Scope) HangUp(ctx context.Context, id string) error {
	k := s.post("hang up", "/api/calls/{id}/hangup/", nil, id)
	k.repeat = true
	_, err := s.c.do(ctx, k)
	return err
}
