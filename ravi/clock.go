package ravi

import "time"

// ServerTime returns what Ravi's clock shows now, to a second or so, from the Date header of its
// last answer; ok is false before an answer had one. The two clocks may be minutes apart, so
// compare times of messages with this one only.
func (s *Scope) ServerTime() (now time.Time, ok bool) {
	return time.Now().Add(time.Duration(s.c.clockAhead.Load())), s.c.clockKnown.Load()
}

// clockSlack is what Ravi's times may be off by, against its own Date header.
const clockSlack = 5 * time.Second

// ravisTime turns a time of our clock into the earliest that Ravi may have noted for it.
func (c *Client) ravisTime(t time.Time) time.Time {
	return t.Add(time.Duration(c.clockAhead.Load()) - clockSlack)
}
