package sandbox

import (
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/jhillyerd/enmime/v2"
)

// maxMail bounds a mail that comes in over SMTP, in bytes.
const maxMail = 32 << 20

// ServeSMTP accepts mail for the identities on l, without encryption or
// login, until the server or the listener is closed; it returns nil then. An
// unknown or deleted recipient is refused with 550.
func (s *Server) ServeSMTP(l net.Listener) error {
	srv := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailSession{s: s}, nil }))
	srv.Domain = s.cfg.Domain
	srv.MaxMessageBytes = maxMail
	srv.MaxRecipients = 100
	srv.ReadTimeout, srv.WriteTimeout = time.Minute, time.Minute
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		select {
		case <-s.done:
			_ = srv.Close()
		case <-ended:
		}
	}()
	err := srv.Serve(l)
	if errors.Is(err, smtp.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// mailSession is one SMTP conversation.
type mailSession struct {
	s    *Server
	from string
	to   []string
}

// Reset implements smtp.Session.
func (m *mailSession) Reset() { m.from, m.to = "", nil }

// Logout implements smtp.Session.
func (m *mailSession) Logout() error { return nil }

// Mail implements smtp.Session.
func (m *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	m.from = from
	return nil
}

// Rcpt implements smtp.Session.
func (m *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	m.s.mu.RLock()
	defer m.s.mu.RUnlock()
	if m.s.addresses[addressKey(to)] == nil {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such user here"}
	}
	m.to = append(m.to, to)
	return nil
}

// Data implements smtp.Session.
func (m *mailSession) Data(r io.Reader) error {
	env, err := enmime.ReadEnvelope(r)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "The message could not be read"}
	}
	mail := Email{From: env.GetHeader("From"), ReplyTo: env.GetHeader("Reply-To"), CC: env.GetHeader("Cc"), Subject: env.GetHeader("Subject"),
		Text: strings.TrimSpace(env.Text), HTML: env.HTML, MessageID: strings.TrimSpace(env.GetHeader("Message-Id")),
		InReplyTo: strings.TrimSpace(env.GetHeader("In-Reply-To")), References: strings.Fields(env.GetHeader("References"))}
	if mail.From == "" {
		mail.From = m.from
	}
	for _, parts := range [][]*enmime.Part{env.Attachments, env.Inlines} {
		for _, p := range parts {
			mail.Attachments = append(mail.Attachments, File{Filename: p.FileName, ContentType: p.ContentType,
				Content: p.Content, Inline: p.Disposition == "inline"})
		}
	}
	for _, to := range m.to {
		mail.To = to
		if _, err := m.s.DeliverEmail(mail); err != nil {
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such user here"}
		}
	}
	return nil
}
