package sandbox

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// Bounds of a mail: reading it takes time in proportion to depth times size.
const (
	maxMailDepth = 30
	maxMailParts = 5000
)

var errMailBounds = errors.New("sandbox: the mail has too many parts")

// readMail reads a mail as a mail program shows it: text, HTML, and every other part as an
// attachment, forwarded messages included. A damaged mail is read as far as possible
// (docs/decisions.md#mime-parser).
func readMail(raw []byte) (Email, error) {
	body := newHeaderRepair(bytes.NewReader(raw), "")
	h, err := textproto.NewReader(body).ReadMIMEHeader()
	if err != nil && !errors.Is(err, io.EOF) {
		return Email{}, err
	}
	var p mailParts
	if err := p.add(h, body, "", 0); err != nil {
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

// add takes a part over, with all the parts inside it. parent is the media type of the part that it
// stands in.
func (p *mailParts) add(h textproto.MIMEHeader, body io.Reader, parent string, depth int) error {
	if p.count++; p.count > maxMailParts || depth > maxMailDepth {
		return errMailBounds
	}
	kind, params := headerParams(h.Get("Content-Type"))
	if !strings.Contains(kind, "/") {
		kind = "text/plain"
	}
	if strings.HasPrefix(kind, "multipart/") && params["boundary"] != "" {
		return p.addAll(multipart.NewReader(newHeaderRepair(body, params["boundary"]), params["boundary"]), kind, depth+1)
	}
	disposition, names := headerParams(h.Get("Content-Disposition"))
	name := cmp.Or(names["filename"], params["name"])
	switch strings.ToLower(h.Get("Content-Transfer-Encoding")) {
	case "base64":
		body = base64.NewDecoder(base64.RawStdEncoding, base64Repair{body})
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	}
	content, _ := io.ReadAll(body) // as far as it can be decoded
	isBody := name == "" && disposition != "attachment"
	switch {
	case isBody && kind == "text/html":
		appendText(&p.html, decodeText(content, params["charset"]))
	case isBody && (kind == "text/plain" || strings.HasPrefix(kind, "multipart/")):
		appendText(&p.text, decodeText(content, params["charset"]))
	case isBody && disposition == "" && parent == "multipart/alternative":
		// the same text once more in another format, for instance AMP
	default:
		if name == "" && kind == "message/rfc822" {
			name = "message.eml"
		}
		inline := disposition == "inline" || disposition == "" && h.Get("Content-Id") != ""
		p.files = append(p.files, File{Filename: name, ContentType: kind, Content: content, Inline: inline})
	}
	return nil
}

func (p *mailParts) addAll(parts *multipart.Reader, kind string, depth int) error {
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			return nil // the end, or damage that hides the rest
		}
		if err := p.add(part.Header, part, kind, depth); err != nil {
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

func decodeWords(v string) string {
	d := mime.WordDecoder{CharsetReader: func(charset string, r io.Reader) (io.Reader, error) {
		e, err := htmlindex.Get(charset)
		if err != nil {
			return nil, err
		}
		return e.NewDecoder().Reader(r), nil
	}}
	if out, err := d.DecodeHeader(v); err == nil {
		v = out
	}
	return decodeText([]byte(v), "")
}

// decodeText makes UTF-8 of a text. What is in no known charset and not UTF-8 is read as browsers
// read it.
func decodeText(b []byte, charset string) string {
	charset = strings.ToLower(charset)
	e, err := htmlindex.Get(charset)
	if err != nil || charset == "us-ascii" || charset == "utf-8" {
		e = charmap.Windows1252
		if charset == "utf-8" || utf8.Valid(b) {
			return strings.ToValidUTF8(string(b), "\uFFFD")
		}
	}
	b, _ = e.NewDecoder().Bytes(b) // puts U+FFFD where it cannot decode
	return string(b)
}
