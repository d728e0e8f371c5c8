package inbox

import (
	"slices"
	"strings"
	"time"

	"ravi-mcp/internal/host"
	"ravi-mcp/internal/otp"
	"ravi-mcp/internal/suspicion"
	"ravi-mcp/ravi/secret"
)

// answersOf turns a message into what the result shows: one answer, or one for each of several
// plausible codes.
func (q *query) answersOf(msg logicalMessage) []Answer {
	base := Answer{
		Message: Message{
			Channel: channels[msg.channel], ID: msg.at.id, Parts: msg.parts, From: msg.from, Subject: msg.subject,
			Created: msg.at.created, Locked: msg.locked,
		},
		Excerpt: secret.New(msg.excerpt(msg.verdict)), Code: secret.New(msg.verdict.Code), Display: secret.New(msg.verdict.Display), Link: q.link(msg),
		OriginHost: msg.verdict.OriginHost, Confidence: msg.verdict.Confidence, Why: msg.verdict.Reason,
	}
	if q.request.Messages {
		base.Message.Text, base.Message.Truncated = secret.New(msg.text), msg.truncated
	}
	if !q.hasSeveralCodes(msg) || q.request.Messages {
		return []Answer{base}
	}
	var out []Answer
	for _, c := range msg.verdict.Candidates {
		a := base
		a.Excerpt = secret.New(msg.excerpt(otp.Verdict{Code: c.Code, Display: c.Display}))
		a.Code, a.Display, a.Confidence, a.Why = secret.New(c.Code), secret.New(c.Display), c.Confidence, c.Reason
		out = append(out, a)
	}
	return out
}

// maxExcerpt is how many characters of a message an answer shows.
const maxExcerpt = 200

// excerpt is what stands around the code or the link, from the part that decided; the beginning
// where nothing was found.
func (msg *logicalMessage) excerpt(v otp.Verdict) string {
	for _, text := range []string{msg.text, msg.otherText, msg.subject} {
		if excerpt, found := otp.Excerpt(text, v, maxExcerpt); found {
			return excerpt
		}
	}
	beginning, _ := otp.Clean(strings.Join(strings.Fields(msg.text), " "), maxExcerpt)
	return beginning
}

// add counts one message that came since the cursor.
func (a *Arrived) add(msg logicalMessage) {
	a.Count++
	if msg.locked {
		a.Locked++
	}
	if len(a.Senders) < 10 && msg.from != "" && !slices.Contains(a.Senders, msg.from) {
		a.Senders = append(a.Senders, msg.from)
	}
}

// suspect counts one message that must not be believed, and names the newest ten.
func (a *Arrived) suspect(msg logicalMessage, reasons []suspicion.Reason) {
	a.SuspiciousCount++
	if len(a.Suspicious) < 10 {
		a.Suspicious = append(a.Suspicious, Suspect{Channel: channels[msg.channel], ID: msg.at.id, From: msg.from, Reasons: reasons})
	}
}

func (h *Hub) progress(r *Request, d *decision, live bool, began time.Time) Progress {
	p := Progress{
		Elapsed: time.Since(began), Timeout: r.Timeout, Channel: r.Channel, From: r.From, Service: r.Service,
		Want: r.Want, Arrived: d.arrived.Count, Live: live,
	}
	if r.Messages {
		p.Want = ""
	}
	return p
}

func (h *Hub) pending(t Target, q *query, d decision, reason string) (Result, error) {
	next := q.state
	next.fruitless++
	cursor, err := h.seal(t, next)
	if err != nil {
		return Result{}, err
	}
	return Result{Status: Pending, Reason: reason, Cursor: cursor, Arrived: d.arrived, Fruitless: next.fruitless}, nil
}

func (h *Hub) answer(t Target, q *query, d decision, lists [2][]*message) (Result, error) {
	cursor, err := h.seal(t, q.advance(d.passed, lists))
	if err != nil {
		return Result{}, err
	}
	res := Result{Status: d.status, Superseded: d.superseded, Cursor: cursor, Arrived: d.arrived}
	for _, msg := range d.answers {
		res.Candidates = append(res.Candidates, q.answersOf(msg)...)
	}
	if d.status == Found {
		res.Answer, res.Candidates = res.Candidates[0], nil
	}
	return res, nil
}

// link is what the result shows of the link of a message.
func (q *query) link(msg logicalMessage) *Link {
	l := msg.verdict.Link
	if l == nil {
		return nil
	}
	ascii, _ := host.OfURL(l.URL)
	relation, means := q.service.Relate(ascii, msg.senderFacts())
	return &Link{
		URL: secret.New(l.URL), Unwrapped: secret.New(l.Unwrapped), Host: l.Host, Punycode: l.Punycode, Domain: l.Domain,
		Relation: relation, Means: means, Label: l.Label, Why: l.Reason, Confidence: l.Confidence,
	}
}
