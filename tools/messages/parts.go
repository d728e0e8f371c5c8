package messages

import (
	"strings"

	"ravi-mcp/internal/otp"
	"ravi-mcp/internal/suspicion"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/seal"
)

// emailParts are the parts of a mail that may be read: none of a locked one.
func emailParts(m ravi.EmailMessage) otp.Message {
	parts := otp.Message{Channel: otp.Email, From: m.From, Subject: m.Subject, Text: m.Text, HTML: m.HTML}
	if seal.Is(m.Subject) {
		parts.Subject = ""
	}
	if seal.Is(m.Text) || seal.Is(m.HTML) {
		parts.Text, parts.HTML = "", ""
	}
	return parts
}

func smsParts(m ravi.SMSMessage) otp.Message {
	parts := otp.Message{Channel: otp.SMS, From: m.From, Text: m.Body}
	if seal.Is(m.Body) {
		parts.Text = ""
	}
	return parts
}

// shownText is what a person sees of a message, of at most limit characters, and whether there is
// more: the part in which the code or the link stands, else the plain one if there is any.
func shownText(m otp.Message, limit int) (text string, more bool) {
	plain, cut := otp.Clean(m.Text, limit)
	if strings.TrimSpace(m.HTML) == "" {
		return plain, cut
	}
	html, cutHTML := otp.Text(m.HTML, limit)
	if strings.TrimSpace(m.Text) == "" {
		return html, cutHTML
	}
	v := otp.Extract(m)
	_, inPlain := otp.Excerpt(m.Text, v, 1)
	whole, _ := otp.Text(m.HTML, 0)
	if _, inHTML := otp.Excerpt(whole, v, 1); inHTML && !inPlain {
		return html, cutHTML
	}
	return plain, cut
}

// suspicions says why a message must not be believed, whatever it is an answer to.
func suspicions(m otp.Message) []suspicion.Reason {
	v := otp.Extract(m)
	plain, _ := otp.Clean(m.Text, 0)
	html, _ := otp.Text(m.HTML, 0)
	return suspicion.Of(v, suspicion.SenderOf(m, v, m.Subject, plain, html))
}
