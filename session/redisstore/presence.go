package redisstore

import (
	"context"
	"time"

	"ravi-mcp/session"
)

const (
	// tellEvery is how often a replica says which sessions are in use there. It
	// is well below evictAfter.
	tellEvery = 20 * time.Second
	// tellAtOnce is how many sessions one script deals with, so that none
	// keeps Redis from others for long.
	tellAtOnce = 200
)

// tellScript is given triples: a session, its caller, and how many ms ago it was
// last in use, or -1 where there is no news. It answers with those that are over.
var tellScript = newScript(book + `
local over = {}
for i = 5, #ARGV, 3 do
  local h, c = ARGV[i], ARGV[i + 1]
  local opened, used = alive(h, c)
  local ago = tonumber(ARGV[i + 2])
  if not opened then
    over[#over + 1] = h
  elseif ago >= 0 and now - ago > used then
    touch(h, c, opened, now - ago)
  end
end
return over
`)

// presence is a session that this replica has to do with. Sessions.mu guards it.
type presence struct {
	key session.Key
	// real says that the session exists, or did: a caller may ask for any id, and
	// the end of what never was must not end what others run under that id.
	real    bool
	running int
	used    time.Time // when a request last ended here; zero: the others were told
}

// meet begins a request for what may be a session.
func (s *Sessions) meet(key session.Key) (string, *presence) {
	h := sessionHash(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.met == nil {
		s.met = make(map[string]*presence)
	}
	p := s.met[h]
	if p == nil {
		p = &presence{key: key}
		s.met[h] = p
	}
	p.running++
	return h, p
}

// confirm notes that the session exists, or reports that its end was heard of
// meanwhile.
func (s *Sessions) confirm(h string, p *presence) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.real = p.real || s.met[h] == p
	return s.met[h] == p
}

func (s *Sessions) leave(h string, p *presence) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.running--
	if p.real {
		p.used = s.now()
	}
	if !p.real && p.running == 0 && s.met[h] == p {
		delete(s.met, h)
	}
}

// ended forgets sessions that are over and says so, if this replica has met
// them.
func (s *Sessions) ended(all ...string) {
	var keys []session.Key
	s.mu.Lock()
	for _, h := range all {
		p := s.met[h]
		if p == nil {
			continue
		}
		delete(s.met, h)
		if p.real {
			keys = append(keys, p.key)
		}
	}
	s.mu.Unlock()
	if s.OnEnd == nil {
		return
	}
	for _, key := range keys {
		s.OnEnd(key)
	}
}

// Len returns how many sessions this replica has met that have not ended.
func (s *Sessions) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.met)
}

// Sweep tells Redis which sessions are in use here, and learns which are over.
// Run calls it; its error is that of the Store.
func (s *Sessions) Sweep(ctx context.Context) error {
	s.mu.Lock()
	var args []any
	now := s.now()
	for h, p := range s.met {
		ago := int64(-1)
		switch {
		case p.running > 0:
			ago = 0
		case !p.used.IsZero():
			ago = max(0, now.Sub(p.used).Milliseconds())
		}
		p.used = time.Time{}
		args = append(args, h, callerHash(p.key.Caller), ago)
	}
	doing := s.doing
	s.doing = nil
	s.mu.Unlock()
	for _, caller := range doing {
		s.EndCaller(caller)
	}
	for len(args) > 0 {
		n := min(len(args), 3*tellAtOnce)
		result, err := s.Store.run(ctx, tellScript, nil, s.limits(args[:n]...)...)
		if err != nil {
			s.untold(args, now)
			return err
		}
		over, _ := result.([]any)
		for _, h := range over {
			if h, ok := h.(string); ok {
				s.ended(h)
			}
		}
		args = args[n:]
	}
	return nil
}

// untold takes back what could not be told.
func (s *Sessions) untold(args []any, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 0; i < len(args); i += 3 {
		h, _ := args[i].(string)
		ago, _ := args[i+2].(int64)
		used := at.Add(-time.Duration(ago) * time.Millisecond)
		if p := s.met[h]; p != nil && ago >= 0 && used.After(p.used) {
			p.used = used
		}
	}
}

func (s *Sessions) now() time.Time {
	if s.Store.cfg.Now != nil {
		return s.Store.cfg.Now()
	}
	return time.Now()
}

// Run keeps the sessions in use here alive, and listens for the end of any,
// until ctx ends.
func (s *Sessions) Run(ctx context.Context) {
	news := s.Store.client.Subscribe(ctx, s.Store.cfg.Prefix+"ended")
	defer news.Close()
	ended := news.Channel()
	ticker := time.NewTicker(min(max(either(s.Idle, session.DefaultIdle)/4, 50*time.Millisecond), tellEvery))
	defer ticker.Stop()
	for {
		select {
		case message, open := <-ended:
			if !open {
				return
			}
			s.ended(message.Payload)
		case <-ticker.C:
			_ = s.Sweep(ctx) // logged; what is in use is told the next time
		case <-ctx.Done():
			return
		}
	}
}
