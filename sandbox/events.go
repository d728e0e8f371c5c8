package sandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const streamPath = "/api/events/stream/"

// eventRec is one event of an identity. IDs grow over the whole server.
type eventRec struct {
	ID      int64           `json:"id"`
	Name    string          `json:"name"` // on the stream, e.g. "email"
	Type    string          `json:"type"` // in the replay list, e.g. "email.message.received"
	Data    json.RawMessage `json:"data"` // plaintext, also for accounts with a PIN
	Created time.Time       `json:"created"`
}

// keptEvents is how many events of an identity can be replayed.
const keptEvents = 1000

// eventLog keeps the last events of an identity. Guarded by identity.mu.
type eventLog struct {
	kept []eventRec
	wake chan struct{} // closed at the next event; nil while no stream waits
	drop chan struct{} // closed to cut the open streams; nil while none waits
}

// after returns the kept events with an id above last.
func (l *eventLog) after(last int64) []eventRec {
	i, _ := slices.BinarySearchFunc(l.kept, last+1, func(e eventRec, id int64) int {
		return int(e.ID - id)
	})
	return slices.Clone(l.kept[i:])
}

func (l *eventLog) newest() int64 {
	if len(l.kept) == 0 {
		return 0
	}
	return l.kept[len(l.kept)-1].ID
}

func (l *eventLog) add(e eventRec, limit int) (dropped []int64) {
	l.kept = append(l.kept, e)
	for len(l.kept) > limit {
		dropped = append(dropped, l.kept[0].ID)
		l.kept = l.kept[1:]
	}
	if l.wake != nil {
		close(l.wake)
		l.wake = nil
	}
	return dropped
}

func (l *eventLog) waiters() (wake, drop chan struct{}) {
	if l.wake == nil {
		l.wake = make(chan struct{})
	}
	if l.drop == nil {
		l.drop = make(chan struct{})
	}
	return l.wake, l.drop
}

// DropStreams cuts the open event streams of an identity, or of all when identityUUID is empty, as
// a broken network would. New ones can be opened.
func (s *Server) DropStreams(identityUUID string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for uuid, id := range s.identities {
		if identityUUID != "" && uuid != identityUUID {
			continue
		}
		id.mu.Lock()
		if id.log.drop != nil {
			close(id.log.drop)
			id.log.drop = nil
		}
		id.mu.Unlock()
	}
}

func eventKey(id *identity, n int64) string { return id.key(fmt.Sprintf("%016d", n)) }

// Streams returns how many event streams of an identity are open now, or of all identities when
// identityUUID is empty.
func (s *Server) Streams(identityUUID string) int {
	return s.streams.count(identityUUID)
}

// streamCount counts open streams by the uuid of the identity, which may be deleted while a stream
// of it still ends.
type streamCount struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *streamCount) change(uuid string, by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	if c.n[uuid] += by; c.n[uuid] == 0 {
		delete(c.n, uuid)
	}
}

// count returns the number of an identity, or of all where uuid is empty.
func (c *streamCount) count(uuid string) (sum int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for of, n := range c.n {
		if uuid == "" || uuid == of {
			sum += n
		}
	}
	return sum
}

// stream serves the events of one identity until the client leaves, the identity is deleted or the
// server closes. Without Last-Event-ID it starts with what comes next.
func (c *call) stream() {
	flush := http.NewResponseController(c.w).Flush
	c.record.Status, c.record.Stream = http.StatusOK, true
	c.id.mu.Lock()
	last := c.id.log.newest()
	if n, err := strconv.ParseInt(c.r.Header.Get("Last-Event-ID"), 10, 64); err == nil && n >= 0 {
		last = min(n, last)
	}
	_, drop := c.id.log.waiters() // before the head: who has seen that can be cut off
	c.id.mu.Unlock()
	c.s.records.add(c.record)
	c.s.streams.change(c.id.uuid, 1)
	defer c.s.streams.change(c.id.uuid, -1)
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Accel-Buffering", "no")
	c.w.WriteHeader(http.StatusOK)
	if _, err := c.w.Write([]byte(": connected\n\n")); err != nil || flush() != nil {
		return
	}
	out := eventWriter{fault: cmp.Or(c.fault, &Fault{})}
	beat := time.NewTimer(c.s.cfg.Heartbeat)
	defer beat.Stop()
	for {
		c.id.mu.Lock()
		fresh := c.id.log.after(last)
		wake, _ := c.id.log.waiters()
		c.id.mu.Unlock()
		if len(fresh) > 0 {
			last = fresh[len(fresh)-1].ID
			text, dropped := out.render(fresh)
			if _, err := c.w.Write(text); err != nil || flush() != nil {
				return
			}
			if dropped {
				c.cut()
			}
			continue
		}
		hold := out.holding() // nil while no event is held
		select {
		case <-wake:
		case <-hold:
			if _, err := c.w.Write(out.release()); err != nil || flush() != nil {
				return
			}
		case <-beat.C:
			beat.Reset(c.s.cfg.Heartbeat)
			if _, err := c.w.Write([]byte(": heartbeat\n\n")); err != nil || flush() != nil {
				return
			}
		case <-c.r.Context().Done():
			return
		case <-drop:
			c.cut()
		case <-c.id.gone:
			return
		case <-c.s.done:
			return
		}
	}
}

// eventWriter renders events with a fault applied.
type eventWriter struct {
	fault *Fault
	sent  int
	held  []byte // an event that the next one goes before
	timer *time.Timer
}

// reorderWait is how long an event is held for the one that goes before it.
const reorderWait = 50 * time.Millisecond

func (e *eventWriter) render(events []eventRec) (text []byte, dropped bool) {
	var b bytes.Buffer
	for _, ev := range events {
		one := fmt.Appendf(nil, "id: %d\nevent: %s\ndata: %s\n\n", ev.ID, ev.Name, ev.Data)
		if e.fault.Reorder && e.held == nil {
			e.held, e.timer = one, time.NewTimer(reorderWait)
		} else {
			b.Write(one)
			b.Write(e.release())
		}
		if e.fault.Duplicate {
			b.Write(one)
		}
		if e.sent++; e.fault.DropAfter > 0 && e.sent >= e.fault.DropAfter {
			b.Write(e.release())
			return b.Bytes(), true
		}
	}
	return b.Bytes(), false
}

func (e *eventWriter) holding() <-chan time.Time {
	if e.held == nil {
		return nil
	}
	return e.timer.C
}

func (e *eventWriter) release() []byte {
	out := e.held
	e.held = nil
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
	return out
}

// replayEvents lists kept events. Path and shape are guesses: Ravi has not published them
// (docs/ravi-api.md#events).
func (c *call) replayEvents() (reply, error) {
	since := int64(0)
	if v := c.query.Get("since"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return reply{}, field("since", "A valid integer is required.")
		}
		since = n
	}
	var types []string
	for _, v := range c.query["event_types"] {
		types = append(types, strings.Split(v, ",")...)
	}
	c.id.mu.Lock()
	found := c.id.log.after(since)
	c.id.mu.Unlock()
	type item struct {
		Seq     int64           `json:"seq"`
		Type    string          `json:"type"`
		Data    json.RawMessage `json:"data"`
		Created time.Time       `json:"created_dt"`
	}
	out := []item{}
	for _, e := range found {
		if len(types) == 0 || slices.Contains(types, e.Type) {
			out = append(out, item{e.ID, e.Type, e.Data, e.Created})
		}
	}
	return ok(out)
}
