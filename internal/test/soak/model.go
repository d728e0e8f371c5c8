package soak

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// The sender of the codes of each channel, and the channels.
const (
	smsSender   = "32665"
	emailSender = "no-reply@accounts.example.com"
	sms         = "sms"
	email       = "email"
)

// identity is what a client believes about one of its identities.
type identity struct {
	uuid, name, address, phone string
	ephemeral                  bool
	used                       atomic.Int64 // when the last call for an ephemeral one ended, in ns

	secrets     map[string]*value // by name
	credentials map[string]*credential
	delivered   []delivery // in the order of arrival
	cursors     []cursor
	returned    map[string]bool // codes that waits of the session have answered with
}

func newIdentity(uuid, name, address, phone string) *identity {
	i := &identity{uuid: uuid, name: name, address: address, phone: phone,
		secrets: map[string]*value{}, credentials: map[string]*credential{}, returned: map[string]bool{}}
	for _, name := range secretNames {
		i.secrets[name] = &value{can: []string{""}}
	}
	for _, domain := range domains {
		i.credentials[domain] = &credential{password: value{can: []string{""}}}
	}
	return i
}

// value is what is stored under a name: one thing, or, after lost calls, one of several. "" stands
// for nothing.
type value struct{ can []string }

func (v *value) set(to string)       { v.can = []string{to} }
func (v *value) perhaps(to string)   { v.can = append(v.can, to) }
func (v *value) may(be string) bool  { return slices.Contains(v.can, be) }
func (v *value) certain() bool       { return len(v.can) == 1 }
func (v *value) is(what string) bool { return v.certain() && v.can[0] == what }

// credential is a login of the one username that there is per domain.
type credential struct {
	id       string // "" while it is not known
	password value
}

// delivery is a message with a code.
type delivery struct {
	channel, code, id string
}

// cursor is a handle of a wait: from the arming on, everything counts but what the chain has
// returned.
type cursor struct {
	token string
	since int             // deliveries before this one were listed at the arming
	dead  map[string]bool // codes that the chain is past
}

// open lists the codes that a wait with the cursor can answer with, oldest first.
func (c cursor) open(i *identity, channel string) []delivery {
	var out []delivery
	for _, d := range i.delivered[c.since:] {
		if (channel == "any" || d.channel == channel) && !c.dead[d.code] {
			out = append(out, d)
		}
	}
	return out
}

// past is the dead codes of the chain after an answer: the given code of a channel and all before
// it there.
func (c cursor) past(i *identity, channel string, codes ...string) map[string]bool {
	dead := map[string]bool{}
	for code := range c.dead {
		dead[code] = true
	}
	last := -1
	for n, d := range i.delivered {
		if slices.Contains(codes, d.code) {
			last = n
		}
	}
	for _, d := range i.delivered[:last+1] {
		if channel == "any" || d.channel == channel {
			dead[d.code] = true
		}
	}
	return dead
}

// span is the time of a call, and what it meant.
type span struct {
	tool       string
	start, end time.Time
	noUse      bool // it may have been cancelled before it began, or found the name taken
}

// book is who may have caused which request to Ravi.
type book struct {
	mu    sync.Mutex
	spans map[string][]*span // by uuid
	marks map[string]string  // mark of a call -> uuid it meant
	owner map[string]string  // uuid -> client
	brief map[string]bool    // uuids of ephemeral identities
}

// begin notes a call that means an identity.
func (b *book) begin(uuid, tool string) *span {
	s := &span{tool: tool, start: time.Now()}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.spans[uuid] = append(b.spans[uuid], s)
	return s
}

// done notes the end of a call, and whether it can have renewed no lease.
func (b *book) done(s *span, noUse bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.end, s.noUse = time.Now(), noUse
}

// endsIn sets how long a call may cause requests, if any, where its end is not seen.
func (s *span) endsIn(b *book, d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.end, s.noUse = s.start.Add(d), true
}

// mark notes that a call which sends mark to Ravi means an identity.
func (b *book) mark(mark, uuid string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.marks[mark] = uuid
}

// own notes whose an identity is.
func (b *book) own(uuid, client string, ephemeral bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.owner[uuid], b.brief[uuid] = client, ephemeral
}
