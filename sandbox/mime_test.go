package sandbox

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
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

// Mail of any shape is taken or refused, and the server goes on.
func TestMonstrousMailIsTakenOrRefused(t *testing.T) {
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
	for name, mail := range map[string]string{
		"1,000 parts":    multipart(many.String()),
		"deep nesting":   multipart(deep.String() + "Content-Type: text/plain\r\n\r\nbottom\r\n" + end.String()),
		"broken charset": multipart("Content-Type: text/plain; charset=no-such-\xff\r\nContent-Transfer-Encoding: base64\r\n\r\n/+//!!!!\r\n"),
		"endless header": "Subject: " + strings.Repeat("x", 1<<20) + "\r\n\r\nbody\r\n",
		"no header":      "\r\n\r\n",
		"1 MB":           multipart("Content-Type: text/plain\r\n\r\n" + strings.Repeat("lorem ipsum dolor\r\n", 1<<16)),
	} {
		t.Run(name, func(t *testing.T) {
			_, m := newMailbox(t)
			_ = m.Data(strings.NewReader(mail)) // taking it or refusing it are both right
			require.NoError(t, m.Data(strings.NewReader("Subject: next\r\n\r\nhello\r\n")), "the server goes on")
		})
	}
}

func FuzzMIME(f *testing.F) {
	f.Add("Subject: =?utf-8?q?caf=C3=A9?=\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n<p>x</p>")
	f.Add("Content-Type: multipart/alternative; boundary=\"b\"\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: text/html\r\n\r\n<b>\r\n--b--")
	f.Add("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: attachment; filename*=utf-8''%2e%2e%2fx\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!\r\n--b--")
	f.Add("From: \xff\x00\r\nReferences: <a> <b\r\n\r\n")
	_, m := newMailbox(f)
	f.Fuzz(func(_ *testing.T, mail string) {
		_ = m.Data(strings.NewReader(mail))
	})
}
