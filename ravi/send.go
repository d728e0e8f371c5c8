package ravi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"ravi-mcp/ravi/config"
)

// Draft is an email to send. Content is HTML.
type Draft struct {
	To          string   // compose and forward only
	CC, BCC     []string // may be empty
	Subject     string   // compose; elsewhere see Reply
	Content     string
	Attachments []string // uuids of UploadAttachment
}

type emailBody struct {
	To          string   `json:"to_email,omitempty"`
	Subject     string   `json:"subject,omitempty"`
	Content     string   `json:"content"`
	CC          []string `json:"cc,omitempty"`
	BCC         []string `json:"bcc,omitempty"`
	Attachments []string `json:"attachment_uuids,omitempty"`
}

// sent makes a call that sends a message: exactly one attempt, since a lost answer does not mean
// that nothing was sent.
func sent[T any](ctx context.Context, c *Client, k call) (*T, error) {
	v, err := send[T](ctx, c, k)
	if failed, ok := errors.AsType[*Error](err); ok && (failed.lost || errors.Is(failed.Cause, errShape)) {
		return nil, unsure(failed)
	}
	if err == nil && v == nil {
		v = new(T)
	}
	return v, err
}

// Compose sends a new email from the identity's address.
//
// Errors: ErrInvalid for an address that is none; ErrRateLimited beyond the plan's number of mails;
// ErrUnavailable when it is not known whether it went.
func (s *Scope) Compose(ctx context.Context, m Draft) (*EmailMessage, error) {
	from, err := s.Email(ctx)
	if err != nil {
		return nil, err
	}
	return s.sendEmail(ctx, call{
		op: "send email", route: "/api/email-messages/compose/", query: url.Values{"inbox": {itoa(from.ID)}},
		body: emailBody{m.To, m.Subject, m.Content, m.CC, m.BCC, m.Attachments},
	})
}

// Reply answers an email to its sender. Ravi derives the subject, except in era 1, which wants it:
// there Subject is sent, or "Re:" and the original's subject.
func (s *Scope) Reply(ctx context.Context, id int64, m Draft) (*EmailMessage, error) {
	return s.answer(ctx, call{op: "reply to email", route: "/api/email-messages/{id}/reply/"}, id, "Re: ", m)
}

// ReplyAll answers an email to its sender and all its recipients. See Reply.
func (s *Scope) ReplyAll(ctx context.Context, id int64, m Draft) (*EmailMessage, error) {
	return s.answer(ctx, call{op: "reply to all", route: "/api/email-messages/{id}/reply-all/"}, id, "Re: ", m)
}

// Forward sends an email on to m.To. See Reply for the subject ("Fwd:").
func (s *Scope) Forward(ctx context.Context, id int64, m Draft) (*EmailMessage, error) {
	return s.answer(ctx, call{op: "forward email", route: "/api/email-messages/{id}/forward/"}, id, "Fwd: ", m)
}

func (s *Scope) answer(ctx context.Context, k call, id int64, prefix string, m Draft) (*EmailMessage, error) {
	if prefix == "Re: " {
		m.To = ""
	}
	if !s.c.wantsSubject() {
		m.Subject = ""
	} else if m.Subject == "" {
		original, err := s.EmailMessage(ctx, id)
		if err != nil {
			return nil, err
		}
		m.Subject = original.Subject
		if !strings.HasPrefix(strings.ToLower(m.Subject), strings.ToLower(strings.TrimSpace(prefix))) {
			m.Subject = prefix + m.Subject
		}
	}
	k.args = []string{itoa(id)}
	k.body = emailBody{m.To, m.Subject, m.Content, m.CC, m.BCC, m.Attachments}
	return s.sendEmail(ctx, k)
}

// wantsSubject: era 1 cannot read the sealed subject of the original.
func (c *Client) wantsSubject() bool {
	_, bound := c.Bound()
	return c.Scheme() == config.SchemeToken && !bound
}

func (s *Scope) sendEmail(ctx context.Context, k call) (*EmailMessage, error) {
	k.method, k.identity = http.MethodPost, s.identity
	m, err := sent[EmailMessage](ctx, s.c, k)
	if m != nil {
		s.c.openEmail(m)
	}
	return m, err
}

// NewAttachment is a file to attach. At most 10 MB; programs are refused by their extension
// (docs/ravi-api.md#limits).
type NewAttachment struct {
	Filename    string `json:"filename"`
	ContentType string `json:"content_type"`
	Size        int64  `json:"size"`
}

// Presigned is where to upload a file to.
type Presigned struct {
	UUID       string `json:"uuid"`
	UploadURL  string `json:"upload_url"`
	StorageKey string `json:"storage_key"`
}

func (p *Presigned) valid() bool { return p.UUID != "" && p.UploadURL != "" }

// UnmarshalJSON reads the answer, overlooking fields of another type.
func (p *Presigned) UnmarshalJSON(data []byte) error {
	type plain Presigned
	return decodeObject(data, (*plain)(p))
}

// PresignAttachment asks where to upload a file to. Most callers want UploadAttachment.
func (s *Scope) PresignAttachment(ctx context.Context, a NewAttachment) (*Presigned, error) {
	k := s.post("prepare attachment", "/api/email-attachments/presign/", a)
	k.repeat = true
	p, err := one[Presigned](ctx, s.c, k)
	if err == nil && !p.valid() {
		return nil, malformed(k.op)
	}
	return p, err
}

// UploadAttachment uploads a file and returns the uuid to name in Draft. The credential is not sent
// to where the file goes.
func (s *Scope) UploadAttachment(ctx context.Context, filename, contentType string, data []byte) (uuid string, err error) {
	p, err := s.PresignAttachment(ctx, NewAttachment{Filename: filename, ContentType: contentType, Size: int64(len(data))})
	if err != nil {
		return "", err
	}
	const op = "upload attachment"
	target, err := url.Parse(p.UploadURL)
	if err != nil || target.Host == "" || target.User != nil ||
		target.Scheme != "https" && (target.Scheme != "http" || !isLocal(target.Hostname())) {
		return "", &Error{Op: op, Kind: ErrUnavailable, Detail: "Ravi named no usable place to upload to"}
	}
	ctx, cancel := context.WithTimeout(ctx, s.c.conf.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, target.String(), bytes.NewReader(data))
	if err != nil {
		return "", &Error{Op: op, Kind: ErrInvalid, Fields: []string{"content_type"}}
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", s.c.conf.UserAgent)
	resp, err := s.c.http.Do(req)
	if err != nil {
		return "", noAnswer(ctx, op, err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxErrorBody))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return "", &Error{Op: op, Status: resp.StatusCode, Kind: kindOf(resp.StatusCode)}
	}
	return p.UUID, nil
}
