package sandbox

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Directions of a message.
const (
	incoming = "incoming"
	outgoing = "outgoing"
)

// messageHead is what mail and texts have in common in the data file.
type messageHead struct {
	ID        int64     `json:"id"`
	Preview   string    `json:"preview"` // may be sealed
	Direction string    `json:"direction"`
	IsRead    bool      `json:"is_read"`
	Created   time.Time `json:"created"`
	Visible   time.Time `json:"visible,omitzero"` // no list has it before
}

// newMessage is a message of that time, or of now if it is zero.
func (s *Server) newMessage(direction string, at time.Time) messageHead {
	if at.IsZero() {
		at = s.now()
	}
	return messageHead{ID: s.nextID(), Direction: direction, IsRead: direction == outgoing, Created: at.UTC()}
}

func (m *messageHead) head() *messageHead { return m }

// messageRec is an *emailRec or an *smsRec.
type messageRec interface {
	head() *messageHead
	// source returns the sender, and the thread of an email.
	source() (from, thread string)
}

func (m *emailRec) source() (from, thread string) { return m.From, m.ThreadID }
func (m *smsRec) source() (from, thread string)   { return m.From, "" }

// insertSorted keeps messages ordered by time, then id.
func insertSorted[M messageRec](list []M, m M) []M {
	i, _ := slices.BinarySearchFunc(list, m, func(a, b M) int {
		return cmp.Or(a.head().Created.Compare(b.head().Created), cmp.Compare(a.head().ID, b.head().ID))
	})
	return slices.Insert(list, i, m)
}

// messageOp stores a message. Its key sorts like the id.
func (i *identity) messageOp(bucket string, m messageRec) op {
	return op{bucket: bucket, key: i.key(fmt.Sprintf("%016d", m.head().ID)), value: m}
}

// visible returns what the API shows of the messages, oldest first. identity.mu must be held.
func visible[M messageRec](c *call, list []M) []M {
	now := c.s.now()
	return slices.DeleteFunc(slices.Clone(list), func(m M) bool { return m.head().Visible.After(now) })
}

// named finds the visible message whose id is in the path. identity.mu must be held.
func named[M messageRec](c *call, list []M) (M, error) {
	id := c.intArg(0)
	for _, m := range visible(c, list) {
		if m.head().ID == id {
			return m, nil
		}
	}
	return *new(M), detail(404, "Not found.")
}

// markRead marks messages as read if the server is set to. identity.mu must be held.
func markRead[M messageRec](c *call, bucket string, list ...M) error {
	if !c.s.cfg.MarkRead {
		return nil
	}
	var ops []op
	for _, m := range list {
		if !m.head().IsRead {
			m.head().IsRead = true
			ops = append(ops, c.id.messageOp(bucket, m))
		}
	}
	return c.s.save(ops...)
}

// listMessages answers a flat list with the messages that match its query parameters.
func listMessages[M messageRec](c *call, all *[]M, style ListStyle, wire func(M) any) (reply, error) {
	match, err := c.messageFilter()
	if err != nil {
		return reply{}, err
	}
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	out := []any{}
	for _, m := range visible(c, *all) {
		if match(m) {
			out = append(out, wire(m))
		}
	}
	return c.page(out, style)
}

// messageFilter reads the query parameters of the flat lists.
func (c *call) messageFilter() (match func(messageRec) bool, err error) {
	read, byRead := c.flag("is_read")
	q := c.query
	if c.s.cfg.IgnoreFilters {
		q = url.Values{}
	}
	var after time.Time
	if v := q.Get("created_after"); v != "" {
		if after, err = time.Parse(time.RFC3339Nano, v); err != nil {
			return nil, field("created_after", "Enter a valid date/time.")
		}
	}
	dir := q.Get("direction")
	if dir != "" && dir != incoming && dir != outgoing {
		return nil, field("direction", "Select a valid choice. "+dir+" is not one of the available choices.")
	}
	wantFrom, wantThread := bareAddress(q.Get("from_email")), q.Get("thread_id")
	return func(rec messageRec) bool {
		m := rec.head()
		from, thread := rec.source()
		return (!byRead || m.IsRead == read) &&
			(after.IsZero() || m.Created.After(after)) &&
			(dir == "" || m.Direction == dir) &&
			(wantFrom == "" || bareAddress(from) == wantFrom) &&
			(wantThread == "" || thread == wantThread)
	}, nil
}

// page answers with a list given oldest first, in the shape asked for.
func (c *call) page(all []any, style ListStyle) (reply, error) {
	paged := c.query.Has("limit") || c.query.Has("offset") || c.query.Has("created_after")
	if style == ListBare || style == ListOnDemand && !paged {
		slices.Reverse(all)
		return ok(all)
	}
	limit, offset := 50, 0
	if n, err := strconv.Atoi(c.query.Get("limit")); err == nil && n > 0 {
		limit = min(n, 200)
	}
	if n, err := strconv.Atoi(c.query.Get("offset")); err == nil && n > 0 {
		offset = n
	}
	link := func(to int) any {
		if to < 0 || to >= len(all) {
			return nil
		}
		q := c.r.URL.Query()
		q.Set("limit", strconv.Itoa(limit))
		q.Set("offset", strconv.Itoa(to))
		if to == 0 {
			q.Del("offset")
		}
		return c.base() + c.r.URL.Path + "?" + q.Encode()
	}
	var previous any
	if offset > 0 {
		previous = link(max(0, offset-limit))
	}
	from := min(offset, len(all))
	return ok(map[string]any{"count": len(all), "next": link(offset + limit), "previous": previous,
		"results": all[from:min(offset+limit, len(all))]})
}
