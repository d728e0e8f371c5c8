package ravi

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

const (
	// maxPages ends a list that names one next page after another.
	maxPages = 2000
	// usualPage is the page size of a Ravi that is not asked for one.
	usualPage = 50
)

// list makes a call and reads all pages of the answer.
func list[T any](ctx context.Context, c *Client, k call) ([]T, error) {
	items := []T{}
	for item, err := range each[T](ctx, c, k, nil, nil) {
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	return items, nil
}

// each makes a call and yields the items of all pages, fetching a page when it is needed. After an
// error it ends.
//
// Ravi's lists come in two shapes. An envelope names the next page: its query is taken over, its
// host and path are not. A bare array usually is the whole list, but may be a page cut at the
// limit; where id tells items apart, a bare array of exactly that length is followed up by offset,
// until nothing new comes. open, if there is one, is called for every item before it is yielded.
func each[T any](ctx context.Context, c *Client, k call, id func(T) int64, open func(*T)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		seenPages, seenItems := map[string]bool{}, map[int64]bool{}
		limit := usualPage
		if asked, err := strconv.Atoi(k.query.Get("limit")); err == nil && asked > 0 {
			limit = asked
		}
		for offset := 0; len(seenPages) < maxPages; {
			a, err := c.do(ctx, k)
			if err != nil {
				yield(zero, err)
				return
			}
			p, err := decodePage[T](a.body)
			if err != nil {
				yield(zero, &Error{Op: k.op, Status: a.status, Kind: ErrUnavailable, Cause: err})
				return
			}
			fresh := 0
			for _, item := range p.items {
				if id != nil {
					n := id(item)
					if seenItems[n] {
						continue
					}
					seenItems[n] = n != 0
				}
				fresh++
				if open != nil {
					open(&item)
				}
				if !yield(item, nil) {
					return
				}
			}
			next := p.next
			if p.bare && id != nil && fresh > 0 && len(p.items)%limit == 0 {
				offset += len(p.items)
				query := cloneQuery(k.query)
				query.Set("offset", strconv.Itoa(offset))
				next = query.Encode()
			}
			if next == "" || seenPages[next] {
				return
			}
			seenPages[next] = true
			query, err := url.ParseQuery(next)
			if err != nil {
				return
			}
			query.Del("identity") // added again where it belongs
			k.query = query
		}
	}
}

func (f MessageFilter) query() url.Values {
	q := url.Values{}
	if f.Unread {
		q.Set("is_read", "false")
	}
	if !f.CreatedAfter.IsZero() {
		q.Set("created_after", f.CreatedAfter.UTC().Format("2006-01-02T15:04:05.999999Z"))
	}
	if f.Direction != "" {
		q.Set("direction", string(f.Direction))
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(min(f.Limit, 200)))
	}
	return q
}

func unreadQuery(unread bool) url.Values {
	if !unread {
		return nil
	}
	return url.Values{"has_unread": {"true"}}
}

func (s *Scope) call(method, op, route string, args ...string) call {
	return call{op: op, method: method, route: route, args: args, identity: s.identity}
}

func (s *Scope) get(op, route string, args ...string) call {
	return s.call(http.MethodGet, op, route, args...)
}

func (s *Scope) post(op, route string, body any, args ...string) call {
	k := s.call(http.MethodPost, op, route, args...)
	k.body = body
	return k
}

func (s *Scope) patch(op, route string, body any, args ...string) call {
	k := s.call(http.MethodPatch, op, route, args...)
	k.body = body
	return k
}

// remove deletes an object. One that is gone after a lost answer counts as deleted by this call.
func (s *Scope) remove(ctx context.Context, op, route string, args ...string) error {
	_, err := s.c.do(ctx, s.call(http.MethodDelete, op, route, args...))
	return err
}
