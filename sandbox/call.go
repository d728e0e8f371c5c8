package sandbox

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// call is one request.
type call struct {
	s      *Server
	w      http.ResponseWriter
	r      *http.Request
	route  *route
	vars   []string
	cred   credential
	acct   *account  // nil on routes without a credential
	id     *identity // nil unless the call is about one identity
	fault  *Fault
	body   []byte
	record RequestRecord
	query  url.Values
}

// ServeHTTP answers one request of the Ravi API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{s: s, w: w, r: r, query: r.URL.Query()}
	c.record = s.newRecord(r)
	// The answer carries the server's own clock, which may be wrong.
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	rt, vars, allowed := s.routes.find(r.Method, r.URL.EscapedPath())
	if rt == nil {
		c.finish(toAnswer(reply{}, s.routes.noRoute(r, allowed)))
		return
	}
	c.route, c.vars = rt, vars
	c.record.Endpoint = rt.template
	denied := c.authorize()
	c.record.Credential = c.cred.kind
	if c.id != nil {
		c.record.Identity = c.id.uuid
	}
	c.fault = s.faults.take(r.Method, rt.template, c.record.Identity)
	if c.fault != nil {
		c.record.Fault = true
		if c.faultBefore() {
			return
		}
	}
	if denied != nil {
		c.finish(toAnswer(reply{}, denied))
		return
	}
	if rt.template == streamPath && r.Method == http.MethodGet {
		c.stream()
		return
	}
	if err := c.readBody(); err != nil {
		c.finish(toAnswer(reply{}, err))
		return
	}
	c.finish(toAnswer(rt.handle(c)))
}

func (c *call) readBody() error {
	limit := int64(maxBody)
	if c.route.template == uploadPath {
		limit = maxAttachment
	}
	b, err := io.ReadAll(io.LimitReader(c.r.Body, limit+1))
	if err != nil {
		return detail(400, "The request body could not be read.")
	}
	if int64(len(b)) > limit {
		return detail(413, "Request body too large.")
	}
	c.body = b
	if c.s.cfg.RecordBodies {
		c.record.Body = b
	}
	return nil
}

// finish applies the fault plan, records the request and writes the answer.
func (c *call) finish(a answer) {
	c.record.Status = a.status
	if c.fault != nil {
		a = c.applyFault(a)
	}
	c.s.records.add(c.record)
	if c.fault != nil && c.fault.Cut {
		a.writeHalf(c.w)
		c.cut()
	}
	a.write(c.w)
}

// fields decodes the body; if it cannot be decoded, fields.problem says so.
func (c *call) fields() *fields { return readFields(c.r.Header.Get("Content-Type"), c.body) }

// onlyField decodes a body of which one text is all that is needed.
func (c *call) onlyField(name string) (string, error) {
	f := c.fields()
	v, _ := f.text(name, nonBlank)
	return v, f.problem()
}

func (c *call) arg(n int) string { return c.vars[n] }

// intArg returns the n-th variable as a message id; 0 for anything else, which no message has.
func (c *call) intArg(n int) int64 {
	v, err := strconv.ParseInt(c.vars[n], 10, 64)
	if err != nil {
		return 0
	}
	return v
}

// base is the address of the server as the client knows it.
func (c *call) base() string {
	return pick(c.r.TLS != nil, "https", "http") + "://" + c.r.Host
}

func (c *call) flag(name string) (v, present bool) {
	switch c.query.Get(name) {
	case "true", "True", "1":
		return true, true
	case "false", "False", "0":
		return false, true
	}
	return false, false
}

// pause waits, at most until the channel is closed, or returns false when the client or the server
// went away.
func (c *call) pause(d time.Duration, until <-chan struct{}) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-until:
		return true
	case <-c.r.Context().Done():
		return false
	case <-c.s.done:
		return false
	}
}
