package redisstore

import (
	"cmp"
	"context"
	"time"

	"ravi-mcp/session"
)

const (
	// announceEvery is how often a replica announces which sessions are in use there. It is well
	// below session.EvictAfter.
	announceEvery = 20 * time.Second
	// announceAtOnce is how many sessions one script deals with, so that none keeps Redis from
	// others for long.
	announceAtOnce = 200
)

// announceScript is given triples: a session, its caller, and how many ms ago it was last in use,
// or -1 where there is nothing to announce. It answers with those that are over.
var announceScript = newScript(sessionPrelude + `
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

// localSession is a session that requests on this replica belong to. Sessions.mu guards it.
type localSession struct {
	key session.Key
	// exists says that the session exists, or did: a caller may ask for any id, and the end of what
	// never was must not end what others run under that id.
	exists  bool
	running int
	used    time.Time // when a request last ended here; zero: it was announced
}

// enterHere begins a request for what may be a session.
func (s *Sessions) enterHere(key session.Key) (string, *localSession) {
	h := sessionHash(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = make(map[string]*localSession)
	}
	p := s.known[h]
	if p == nil {
		p = &localSession{key: key}
		s.known[h] = p
	}
	p.running++
	return h, p
}

// confirm notes that the session exists, or reports that its end was announced meanwhile.
func (s *Sessions) confirm(h string, p *localSession) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.exists = p.exists || s.known[h] == p
	return s.known[h] == p
}

func (s *Sessions) leaveHere(h string, p *localSession) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p.running--
	if p.exists {
		p.used = s.now()
	}
	if !p.exists && p.running == 0 && s.known[h] == p {
		delete(s.known, h)
	}
}

// ended forgets sessions that are over and says so, if this replica knows them.
func (s *Sessions) ended(all ...string) {
	var keys []session.Key
	s.mu.Lock()
	for _, h := range all {
		p := s.known[h]
		if p == nil {
			continue
		}
		delete(s.known, h)
		if p.exists {
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

// Len returns how many sessions this replica knows that have not ended.
func (s *Sessions) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.known)
}

// Sweep announces which sessions are in use here, and learns which are over. Run calls it; its
// error is that of the Store.
func (s *Sessions) Sweep(ctx context.Context) error {
	s.mu.Lock()
	var args []any
	now := s.now()
	for h, p := range s.known {
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
	toEnd := s.toEnd
	s.toEnd = nil
	s.mu.Unlock()
	for _, caller := range toEnd {
		s.EndCaller(caller)
	}
	for len(args) > 0 {
		n := min(len(args), 3*announceAtOnce)
		result, err := s.Store.run(ctx, announceScript, nil, s.limits(args[:n]...)...)
		if err != nil {
			s.announceLater(args, now)
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

// announceLater takes back what could not be announced.
func (s *Sessions) announceLater(args []any, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 0; i < len(args); i += 3 {
		h, _ := args[i].(string)
		ago, _ := args[i+2].(int64)
		used := at.Add(-time.Duration(ago) * time.Millisecond)
		if p := s.known[h]; p != nil && ago >= 0 && used.After(p.used) {
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

// Run keeps the sessions in use here alive, and listens for the end of any, until ctx ends.
func (s *Sessions) Run(ctx context.Context) {
	subscription := s.Store.client.Subscribe(ctx, s.Store.cfg.Prefix+"ended")
	defer subscription.Close()
	ended := subscription.Channel()
	ticker := time.NewTicker(min(max(cmp.Or(s.Idle, session.DefaultIdle)/4, 50*time.Millisecond), announceEvery))
	defer ticker.Stop()
	for {
		select {
		case message, open := <-ended:
			if !open {
				return
			}
			s.ended(message.Payload)
		case <-ticker.C:
			_ = s.Sweep(ctx) // logged; what is in use is announced the next time
		case <-ctx.Done():
			return
		}
	}
}
