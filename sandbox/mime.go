package sandbox

import (
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message"
	"github.com/emersion/go-message/charset"
	"github.com/emersion/go-message/textproto"
	"golang.org/x/text/encoding/charmap"
)

// Bounds of a mail: reading it takes time in proportion to depth times size.
const (
	maxMailDepth = 30
	maxMailParts = 5000
)

var errMailBounds = errors.New("sandbox: the mail has too many parts")

// readMail reads a mail as a mail program shows it: text, HTML, and every other
// part as an attachment, forwarded messages included. A damaged mail is read as
// far as possible (docs/decisions.md#mime-parser).
func readMail(r io.Reader) (Email, error) {
	body := newHeaderRepair(r, "")
	h, err := textproto.ReadHeader(body)
	if err != nil {
		return Email{}, err
	}
	var p mailParts
	if err := p.add(message.Header{Header: h}, body, "", 0); err != nil {
		return Email{}, err
	}
	text := func(name string) string { return strings.TrimSpace(decodeWords(h.Get(name))) }
	return Email{From: text("From"), ReplyTo: text("Reply-To"), CC: text("Cc"), Subject: text("Subject"),
		MessageID: text("Message-Id"), InReplyTo: text("In-Reply-To"), References: strings.Fields(text("References")),
		Text: strings.TrimSpace(p.text.String()), HTML: p.html.String(), Attachments: p.files}, nil
}

// mailParts are the parts of a mail by kind.
type mailParts struct {
	text, html strings.Builder
	files      []File
	count      int
}

// add takes a part over, with all the parts inside it. parent is the media type
// of the part that it stands in.
func (p *mailParts) add(h message.Header, body io.Reader, parent string, depth int) error {
	if p.count++; p.count > maxMailParts || depth > maxMailDepth {
		return errMailBounds
	}
	kind, params := headerParams(h.Get("Content-Type"))
	if !strings.Contains(kind, "/") {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" {
		return p.addAll(textproto.NewMultipartReader(newHeaderRepair(body, params["boundary"]), params["boundary"]), kind, depth+1)
	}
	disposition, names := headerParams(h.Get("Content-Disposition"))
	name := names["filename"]
	if name == "" {
		name = params["name"]
	}
	if strings.EqualFold(h.Get("Content-Transfer-Encoding"), "base64") {
		h.Del("Content-Transfer-Encoding")
		body = base64.NewDecoder(base64.RawStdEncoding, base64Repair{body})
	}
	h.SetContentType(kind, params)
	e, _ := message.New(h, body)     // with an unknown charset or encoding the content stays as it is
	content, _ := io.ReadAll(e.Body) // as far as it can be decoded
	isBody := name == "" && disposition != "attachment"
	switch {
	case isBody && kind == "text/html":
		appendText(&p.html, validText(string(content), params["charset"]))
	case isBody && (kind == "text/plain" || strings.HasPrefix(kind, "multipart/")):
		appendText(&p.text, validText(string(content), params["charset"]))
	case isBody && disposition == "" && parent == "multipart/alternative":
		// the same text once more in another format, for instance AMP
	default:
		if name == "" && kind == "message/rfc822" {
			name = "message.eml"
		}
		inline := disposition == "inline" || disposition == "" && h.Has("Content-Id")
		p.files = append(p.files, File{Filename: name, ContentType: kind, Content: content, Inline: inline})
	}
	return nil
}

func (p *mailParts) addAll(parts *textproto.MultipartReader, kind string, depth int) error {
	for {
		part, err := parts.NextPart()
		if err != nil {
			return nil // the end, or damage that hides the rest
		}
		if err := p.add(message.Header{Header: part.Header}, part, kind, depth); err != nil {
			return err
		}
	}
}

func appendText(b *strings.Builder, text string) {
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(text)
}

// headerParam finds the parameters that matter in a damaged header value.
var headerParam = regexp.MustCompile(`(?i)\b(boundary|charset|filename|name)[ \t]*=[ \t]*("[^"]*"?|[^;]*)`)

// headerParams splits a value such as that of Content-Type.
func headerParams(v string) (value string, params map[string]string) {
	value, params, err := mime.ParseMediaType(v)
	if err != nil {
		value, _, _ = strings.Cut(strings.TrimSpace(v), ";")
		value, _, _ = strings.Cut(strings.ToLower(value), " ")
		params = map[string]string{}
		for _, m := range headerParam.FindAllStringSubmatch(v, -1) {
			if name := strings.ToLower(m[1]); params[name] == "" {
				params[name] = strings.Trim(strings.TrimSpace(m[2]), `"`)
			}
		}
	}
	for name, v := range params {
		params[name] = decodeWords(v)
	}
	return value, params
}

// decodeWords decodes the encoded words of RFC 2047.
func decodeWords(v string) string {
	d := mime.WordDecoder{CharsetReader: charset.Reader}
	if out, err := d.DecodeHeader(v); err == nil {
		v = out
	}
	return validText(v, "")
}

// validText makes valid UTF-8 of a text that was decoded by its charset. One
// without a charset that is not UTF-8 is read as browsers read it.
func validText(v, charset string) string {
	if !utf8.ValidString(v) && (charset == "" || strings.EqualFold(charset, "us-ascii")) {
		v, _ = charmap.Windows1252.NewDecoder().String(v) // has a meaning for every byte
	}
	return strings.ToValidUTF8(v, "\uFFFD")
}
