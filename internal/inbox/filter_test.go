package inbox_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"ravi-mcp/internal/inbox"
)

func TestFromRejectsLookalikes(t *testing.T) {
	t.Parallel()
	cases := []struct {
		filter, from string
		sms, want    bool
	}{
		{"", "user@x.test", false, true},
		{"github.com", "GitHub <noreply@github.com>", false, true},
		{"GitHub.com", "GitHub <NoReply@Mail.GitHub.com>", false, true},
		{"@github.com", "noreply@github.com", false, true},
		{"github.com", "x@notgithub.com", false, false},
		{"github.com", "github.com <x@evil.test>", false, false},
		{"github.com", "x@github.com.evil.test", false, false},
		{"noreply@github.com", "GitHub <noreply@github.com>", false, true},
		{"noreply@github.com", "noreply+abc@github.com", false, true},
		{"noreply@github.com", "support@github.com", false, false},
		{"noreply@github.com", `"noreply@github.com" <x@evil.test>`, false, false},
		{"github", "GitHub <noreply@github.com>", false, true},
		{"GITHUB", "x@notgithub.com", false, true}, // a part of the line, as asked
		{"gitlab", "GitHub <noreply@github.com>", false, false},
		{"+1 (555) 123-4567", "+15551234567", true, true},
		{"15551234567", "+15551234567", true, true},
		{"555 123 4567", "+15551234567", true, false}, // numbers are whole
		{"0171 2345678", "+491712345678", true, false},
		{"4567", "+15551234567", true, false},
		{"22395", "２２３９５", true, false},
		{"22395", "22395 <x@evil.test>", false, false}, // a number is no mail's sender
		{"22395", "22395@evil.test", false, false},
		{"noreply@github.com", "noreply@github.com", true, false}, // an address is no SMS's sender
		{"github.com", "github.com", true, false},
		// From headers with more than one meaning pass no address and no domain.
		{"github.com", "a@evil.test, noreply@github.com", false, false},
		{"github.com", "noreply@github.com, a@evil.test", false, false},
		{"github.com", "<a@evil.test> <noreply@github.com>", false, false},
		{"github.com", "noreply@github.com <a@evil.test>", false, false},
		{"evil.test", "noreply@github.com <a@evil.test>", false, false},
		{"github.com", "a@evil.test <noreply@github.com>", false, false},
		{"github.com", "<@evil.test:noreply@github.com>", false, false},
		{"github.com", "All: noreply@github.com;", false, false},
		{"github.com", `"a@evil.test,"@github.com`, false, false},
		{"github.com", "noreply@github.com (a@evil.test)", false, false},
		{"github.com", "a@evil.test@github.com", false, false},
		{"github.com", "noreply@github.com\nFrom: a@evil.test", false, false},
		{"noreply@github.com", "a@evil.test, noreply@github.com", false, false},
		{"github.com", "x@gİthub.com", false, false},
		{"noreply@github.com", "noreply@gİthub.com", false, false},
		{"github.com", "x@ｇｉｔｈｕｂ.com", false, true}, // as a browser maps it
		{"github.com", "Acme, Inc. [bot] <x@github.com>", false, true},
		{"github.com", `"a@evil.test" <x@github.com>`, false, true},
		{"+1 555 000 0000", "+15551234567", true, false},
		{"acme", "ACME", true, true},
		// What stands in every From line is no part of a name; two letters are one as a word.
		{".", "GitHub <noreply@github.com>", false, false},
		{"@", "GitHub <noreply@github.com>", false, false},
		{"@.<", "GitHub <noreply@github.com>", false, false},
		{"com", "GitHub <noreply@github.com>", false, false},
		{"com", "GitHub <noreply@github.com.au>", false, false},
		{"com", "Com Hem <noreply@hem.se>", false, true},
		{"co", "GitHub <noreply@github.co.uk>", false, false},
		{"e", "GitHub <noreply@github.com>", false, false},
		{"hp", "HP Support <noreply@mailer.test>", false, true},
		{"x", "X", true, true},
		{"微信", "微信安全中心", true, true},
		{"22395", "22395", true, true},
	}
	for _, c := range cases {
		assert.Equal(t, c.want, inbox.FromMatches(c.filter, c.from, c.sms), "filter %q, from %q", c.filter, c.from)
	}
}

func TestServiceIsNameOrDomain(t *testing.T) {
	t.Parallel()
	cases := []struct {
		service, from, subject, text string
		want                         bool
	}{
		{"GitHub", "noreply@github.com", "", "", true},
		{"github.com", "noreply@mail.github.com", "", "", true},
		{"https://github.com/login?x=1", "noreply@github.com", "", "", true},
		{"www.github.com", "a@b.test", "", "Your GitHub code", false}, // a domain binds
		{"github.com", "a@b.test", "[github.com] sign in", "", false},
		{"github.com", "GitHub <a@b.test>", "", "", false},
		{"GitHub", "GitHub <a@b.test>", "", "Your code", false}, // a display name proves nothing
		{"GitHub", "a@b.test", "", "Your GitLab code", false},
		{"hub", "a@b.test", "", "Your GitHub code", false},
		{"X", "a@b.test", "", "Log in to X with 123456", true},
		{"X", "a@b.test", "", "Log in to Xing with 123456", false},
		{"Acme Bank", "no-reply@acme-bank.co.uk", "", "", true},
		{"Acme Bank", "a@b.test", "", "ACME\n  BANK: 123456", true},
		{"Acme Bank", "a@b.test", "", "AcmeBank: 123456", true},
		{"微信", "a@b.test", "", "【微信】验证码123456", true},
		{"ＧｉｔＨｕｂ", "a@b.test", "", "github 123456", true},
		{"acme.com", "x@acme.evil.test", "", "", false},
		{"", "x@acme.test", "", "", true},
	}
	for _, c := range cases {
		assert.Equal(t, c.want, inbox.ServiceMatches(c.service, c.from, c.subject, c.text), "%+v", c)
	}
}

func TestPartCounters(t *testing.T) {
	t.Parallel()
	for in, want := range map[string][3]any{
		"(1/2) Hello":     {1, 2, "Hello"},
		"Hello (2/2)":     {2, 2, "Hello"},
		"[2/3]Hello":      {2, 3, "Hello"},
		"1/2: Hello":      {1, 2, "Hello"},
		"1/2 Hello":       {1, 2, "Hello"},
		"(3/2) Hello":     {0, 0, ""},
		"(1/12) Hello":    {0, 0, ""},
		"24/7 support":    {0, 0, ""},
		"Hello":           {0, 0, ""},
		"(":               {0, 0, ""},
		"":                {0, 0, ""},
		")(":              {0, 0, ""},
		"Pay 1/2 now (a)": {0, 0, ""},
	} {
		no, of, rest, _ := inbox.Counter(in)
		assert.Equal(t, want, [3]any{no, of, rest}, in)
	}
}

func FuzzCounter(f *testing.F) {
	f.Add("(1/2) Hello")
	f.Add("Hello [2/2]")
	f.Fuzz(func(t *testing.T, s string) {
		no, of, rest, ok := inbox.Counter(s)
		if ok {
			assert.True(t, no >= 1 && no <= of && of <= 10 && len(rest) < len(s))
		}
	})
}

// Whatever the texts are, every SMS is in exactly one logical message.
func FuzzJoin(f *testing.F) {
	f.Add("(1/2) Your code is 12", "(2/2) 3456", "Hello", byte(1), byte(2))
	f.Add(filler(150), "Your code is 123456", filler(153), byte(0), byte(9))
	f.Add("Your verification code is 1234", "(1/10) x", "[2/10] y", byte(11), byte(0))
	f.Fuzz(func(t *testing.T, a, b, c string, gapB, gapC byte) {
		ids, texts := inbox.Join([]string{a, b, c}, []time.Duration{0, time.Duration(gapB) * time.Second, time.Duration(gapC) * time.Second})
		seen := map[int64]int{}
		for _, parts := range ids {
			for _, id := range parts {
				seen[id]++
			}
		}
		assert.Equal(t, map[int64]int{1: 1, 2: 1, 3: 1}, seen)
		assert.Len(t, texts, len(ids))
	})
}
