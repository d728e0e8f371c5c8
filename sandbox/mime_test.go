package sandbox

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// newMailbox is a server with one identity and the SMTP side of it.
func newMailbox(t testing.TB) (*Server, *mailSession) {
	t.Helper()
	s, err := New(Config{KeptRequests: -1})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	a, err := s.Account(AccountConfig{})
	require.NoError(t, err)
	id, err := s.CreateIdentity(a.Email, NewIdentity{Name: "mailbox"})
	require.NoError(t, err)
	m := &mailSession{s: s}
	require.NoError(t, m.Rcpt(id.Inbox, nil))
	return s, m
}

// lines makes a message.
func lines(all ...string) string { return strings.Join(all, "\r\n") + "\r\n" }

func encoded(t *testing.T, e encoding.Encoding, text string) string {
	t.Helper()
	out, err := e.NewEncoder().String(text)
	require.NoError(t, err)
	return out
}

func TestReadMailDecodes(t *testing.T) {
	t.Parallel()
	const russian, nihongo = "Ваш код: 481516", "確認コード: 481516"
	body := func(contentType, transfer, content string) string {
		return lines("From: a@b.example", "Content-Type: "+contentType, "Content-Transfer-Encoding: "+transfer, "", content)
	}
	b64 := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for name, c := range map[string]struct{ mail, text string }{
		"no MIME at all":         {lines("From: a@b.example", "", "481516"), "481516"},
		"quoted-printable":       {body("text/plain; charset=utf-8", "quoted-printable", "Gr=C3=BC=C3=9Fe, Ihr Code ist =\r\n481516"), "Grüße, Ihr Code ist 481516"},
		"base64":                 {body("text/plain; charset=utf-8", "BASE64", b64(russian)), russian},
		"windows-1251":           {body("text/plain; charset=windows-1251", "8bit", encoded(t, charmap.Windows1251, russian)), russian},
		"windows-1251 quoted":    {body(`text/plain; charset="Windows-1251"`, "quoted-printable", "=C2=E0=F8 =EA=EE=E4: 481516"), russian},
		"koi8-r":                 {body("text/plain; charset=KOI8-R", "base64", b64(encoded(t, charmap.KOI8R, russian))), russian},
		"iso-2022-jp":            {body("text/plain; charset=ISO-2022-JP", "7bit", encoded(t, japanese.ISO2022JP, nihongo)), nihongo},
		"shift_jis":              {body("text/plain; charset=Shift_JIS", "base64", b64(encoded(t, japanese.ShiftJIS, nihongo))), nihongo},
		"gb18030":                {body("text/plain; charset=gb18030", "8bit", encoded(t, simplifiedchinese.GB18030, "验证码 481516")), "验证码 481516"},
		"8 bits, no charset":     {body("text/plain", "8bit", "caf\xe9 481516"), "café 481516"},
		"8 bits in us-ascii":     {body("text/plain; charset=us-ascii", "8bit", "caf\xe9 481516"), "café 481516"},
		"UTF-8, no charset":      {body("text/plain", "8bit", russian), russian},
		"damaged UTF-8":          {body("text/plain; charset=utf-8", "8bit", "a\xffb 481516"), "a\uFFFDb 481516"},
		"unknown charset":        {body("text/plain; charset=x-klingon", "7bit", "481516"), "481516"},
		"windows-1252":           {body("text/plain; charset=windows-1252", "8bit", "\x80 5"), "€ 5"},
		"unknown encoding":       {body("text/plain; charset=utf-8", "x-rot13", "481516"), "481516"},
		"damaged base64":         {body("text/plain; charset=utf-8", "base64", "NDgx*NTE2"), "481516"},
		"base64 without end":     {body("text/plain; charset=utf-8", "base64", "Y29kZSA0ODE1MTY"), "code 481516"},
		"damaged content type":   {body(`text/plain; charset=windows-1251; charset=x; foo bar`, "8bit", encoded(t, charmap.Windows1251, russian)), russian},
		"no content type":        {lines("From: a@b.example", "Content-Type:", "", "481516"), "481516"},
		"multipart, no boundary": {lines("Content-Type: multipart/mixed", "", "481516"), "481516"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readMail([]byte(c.mail))
			require.NoError(t, err)
			assert.Equal(t, c.text, got.Text)
			assert.Empty(t, got.Attachments)
		})
	}
}

func TestReadMailDecodesHeaders(t *testing.T) {
	t.Parallel()
	got, err := readMail([]byte(lines(
		"From mail@server Mon Nov  2 10:00:00 2026", "this line belongs to no field",
		"From: =?ISO-2022-JP?B?GyRCJSIlXiU+JXMbKEI=?= <noreply@shop.example>",
		"Reply-To: =?koi8-r?B?7cHHwdrJzg==?= <help@shop.example>",
		"Subject: =?windows-1251?Q?=C2=E0=F8_=EA=EE=E4?=", " =?utf-8?B?OiA0ODE1MTY=?=",
		"Message-ID:", " <1@shop.example>", "References: <a@b> <c@d>", "In-Reply-To: <c@d>", "", "text")))
	require.NoError(t, err)
	assert.Equal(t, Email{From: "アマゾン <noreply@shop.example>", ReplyTo: "Магазин <help@shop.example>", Subject: "Ваш код: 481516",
		MessageID: "<1@shop.example>", InReplyTo: "<c@d>", References: []string{"<a@b>", "<c@d>"}, Text: "text"}, got)
}

func TestReadMailFindsEveryPart(t *testing.T) {
	t.Parallel()
	file := func(name, kind, content string, inline bool) File {
		return File{Filename: name, ContentType: kind, Content: []byte(content), Inline: inline}
	}
	const mixed = "Content-Type: multipart/mixed; boundary=out"
	for name, c := range map[string]struct {
		mail string
		want Email
	}{
		"inline image": {lines(`Content-Type: multipart/related; boundary="r"`, "",
			"--r", "Content-Type: multipart/alternative; boundary=a", "",
			"--a", "", "code 481516", "--a", "Content-Type: text/x-amp-html", "", "<html amp4email>",
			"--a", "Content-Type: text/html; charset=iso-8859-1", "", "<p>caf\xe9</p>", "--a--",
			"--r", "Content-Type: image/png; name=logo.png", "Content-ID: <logo>", "Content-Transfer-Encoding: base64", "", "AAEC", "--r--"),
			Email{Text: "code 481516", HTML: "<p>café</p>", Attachments: []File{file("logo.png", "image/png", "\x00\x01\x02", true)}}},
		"nested forward": {lines(mixed, "", "--out", "", "see below", "--out", "Content-Type: message/rfc822", "",
			"Subject: original", "Content-Type: multipart/mixed; boundary=in", "", "--in", "", "code 481516", "--in--", "--out--"),
			Email{Text: "see below", Attachments: []File{file("message.eml", "message/rfc822",
				"Subject: original\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n--in\r\n\r\ncode 481516\r\n--in--", false)}}},
		"file names": {lines(mixed, "", "--out", "Content-Disposition: attachment; filename*=utf-8''%D1%81%D1%87%D1%91%D1%82.txt", "", "1",
			"--out", `Content-Type: text/plain; name="=?utf-8?Q?=C3=BCber.txt?="`, "", "2",
			"--out", "Content-Type: application/pdf; name=Invoice (3).pdf", "", "3", "--out--"),
			Email{Attachments: []File{file("счёт.txt", "text/plain", "1", false), file("über.txt", "text/plain", "2", false), file("Invoice (3).pdf", "application/pdf", "3", false)}}},
		"no last boundary": {lines(mixed, "", "--out", "", "code 481516", "--out", "Content-Disposition: attachment; filename=a", "", "x"),
			Email{Text: "code 481516", Attachments: []File{file("a", "text/plain", "x", false)}}},
		"damaged part header": {lines(mixed, "", "--out", " stray", "nonsense", "Content-Type: text/html", "more nonsense", "", "<p>481516</p>", "--out--"),
			Email{HTML: "<p>481516</p>"}},
		"file in a charset": {lines(mixed, "", "--out", "Content-Type: text/plain; charset=iso-8859-1; name=a.txt", "", "caf\xe9", "--out--"),
			Email{Attachments: []File{file("a.txt", "text/plain", "caf\xe9", false)}}},
		"bare line feeds": {strings.ReplaceAll(lines(mixed, "", "--out", "", "code 481516", "--out--"), "\r", ""), Email{Text: "code 481516"}},
		"text after text": {lines(mixed, "", "--out", "", "code 481516", "--out", "", "footer", "--out--"), Email{Text: "code 481516\nfooter"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := readMail([]byte(c.mail))
			require.NoError(t, err)
			c.want.References = []string{}
			assert.Equal(t, c.want, got)
		})
	}
}

// Mail of any shape is accepted or refused, and the server goes on.
func TestHostileMailStopsNothing(t *testing.T) {
	t.Parallel()
	multipart := func(inner string) string {
		return "From: a@b.example\r\nSubject: monster\r\nMIME-Version: 1.0\r\n" + inner
	}
	var many, deep, end strings.Builder
	many.WriteString("Content-Type: multipart/mixed; boundary=x\r\n\r\n")
	for i := range 1000 {
		fmt.Fprintf(&many, "--x\r\nContent-Type: text/plain\r\n\r\npart %d\r\n", i)
	}
	many.WriteString("--x--\r\n")
	for i := range 100 {
		fmt.Fprintf(&deep, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i)
	}
	for i := 99; i >= 0; i-- {
		fmt.Fprintf(&end, "--b%d--\r\n", i)
	}
	for name, message := range map[string]string{
		"1,000 parts":    multipart(many.String()),
		"deep nesting":   multipart(deep.String() + "Content-Type: text/plain\r\n\r\nbottom\r\n" + end.String()),
		"broken charset": multipart("Content-Type: text/plain; charset=no-such-\xff\r\nContent-Transfer-Encoding: base64\r\n\r\n/+//!!!!\r\n"),
		"endless header": "Subject: " + strings.Repeat("x", 1<<20) + "\r\n\r\nbody\r\n",
		"no header":      "\r\n\r\n",
		"1 MB":           multipart("Content-Type: text/plain\r\n\r\n" + strings.Repeat("lorem ipsum dolor\r\n", 1<<16)),
	} {
		t.Run(name, func(t *testing.T) {
			_, m := newMailbox(t)
			_ = m.Data(strings.NewReader(message))
			require.NoError(t, m.Data(strings.NewReader(lines("Subject: next", "", "hello"))))
		})
	}
}

// A mail that did not come to its end is not taken.
func TestInterruptedMailIsRefused(t *testing.T) {
	t.Parallel()
	s, m := newMailbox(t)
	broken := errors.New("connection lost")
	err := m.Data(io.MultiReader(strings.NewReader(lines("Subject: x", "", "half")), iotest.ErrReader(broken)))
	require.ErrorIs(t, err, broken)
	assert.Zero(t, s.Identities()[0].Messages)
}

func FuzzMIME(f *testing.F) {
	f.Add("Subject: =?utf-8?q?caf=C3=A9?=\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n<p>x</p>")
	f.Add("Content-Type: multipart/alternative; boundary=\"b\"\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: text/html\r\n\r\n<b>\r\n--b--")
	f.Add("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: attachment; filename*=utf-8''%2e%2e%2fx\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!\r\n--b--")
	f.Add("From: \xff\x00\r\nReferences: <a> <b\r\n\r\n")
	_, m := newMailbox(f)
	f.Fuzz(func(_ *testing.T, message string) {
		_ = m.Data(strings.NewReader(message))
	})
}
