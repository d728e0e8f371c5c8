package suspicion_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"ravi-mcp/internal/otp"
	"ravi-mcp/internal/suspicion"
)

// A link to a look-alike of the named service, or of the sender, is no answer.
func TestLinkToLookalikeIsSuspicious(t *testing.T) {
	t.Parallel()
	const confirm = "Confirm your email address to sign in to GitHub: "
	text := sms("32665", "", confirm)
	for _, c := range []struct {
		service string
		sender  suspicion.Sender
		host    string
		want    bool
	}{
		{"github.com", text, "githubb.com", true},
		{"github.com", text, "github.com.evil.example", true},
		{"github.com", text, "xn--gthub-n4a.com", true},
		{"github.com", text, "github-verify.com", true},
		{"GitHub", text, "githubb.com", true},
		{"GitHub", text, "github.com.evil.example", true},
		{"github.com", mail("x@github.com"), "githubb.com", true},
		{"github.com", mail("x@github.com"), "gihtub.com", true},
		{"github.com", mail("x@github.com"), "github.com.evil.example", true},
		{"github.com", mail("x@github.com"), "login.github.com.evil.example", true},
		{"github.com", mail("x@github.com"), "xn--gthub-n4a.com", true},
		{"github.com", mail("x@github.com"), "github-verify.com", true},
		{"", mail("x@github.com"), "githubb.com", true},
		{"", mail("x@github.com"), "xn--gthub-n4a.com", true},
		{"", mail("x@github.com"), "github.com.evil.example", true},
		{"", sms("1", "acme.example", ""), "acmee.example", false}, // too short to judge by one letter
		{"", sms("1", "larchwood.example", ""), "larchwod.example", true},
		// The service's own, its other suffixes, its place at a provider, and others.
		{"github.com", text, "github.com", false},
		{"github.com", mail("x@github.com"), "mail.github.com", false},
		{"github.com", mail("x@github.com"), "github.io", false},
		{"github.com", mail("x@github.com"), "githubapp.com", false},
		{"github.com", mail("x@github.com"), "github.zendesk.com", false},
		{"github.com", mail("x@github.com"), "github.eu.auth0.com", false},
		{"github.com", mail("x@github.com"), "github.firebaseapp.com", false},
		{"github.com", mail("x@github.com"), "u1.ct.sendgrid.net", false},
		{"", mail("x@github.com"), "github.dev", false},
		{"", mail("x@github.com"), "mailer.test", false},
	} {
		link := &otp.Link{URL: "https://" + c.host + "/verify?t=1"}
		reasons := suspicion.Of(otp.Verdict{Link: link}, c.sender)
		if why := suspicion.NewService(c.service).JudgeLink(link, c.sender); why != "" {
			reasons = append(reasons, why)
		}
		if c.want {
			assert.Contains(t, reasons, suspicion.LinkElsewhere, "%+v", c)
		} else {
			assert.Empty(t, reasons, "%+v", c)
		}
		// What the result says of the link agrees.
		_, means := suspicion.NewService(c.service).Relate(c.host, c.sender)
		assert.Equal(t, c.want, means[max(0, len(means)-len("do not open it")):] == "do not open it", "%+v: %s", c, means)
	}
}

// A name followed by a public suffix is what a person reads as the whole domain.
func TestNameBeforeSuffixIsLookalike(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		service, from string
		want          suspicion.Reason
	}{
		{"GitHub", "x@github.com.evil.example", suspicion.LookalikeSender},
		{"GitHub", "x@mail.github.com.evil.example", suspicion.LookalikeSender},
		{"GitHub", "x@github.co.uk.evil.example", suspicion.LookalikeSender},
		{"GitHub", "x@www.github.io.evil.co.uk", suspicion.LookalikeSender},
		{"Bank of America", "a@bankofamerica.com.evil.example", suspicion.LookalikeSender},
		{"Bank of America", "a@bank-of-america.com.evil.example", suspicion.LookalikeSender},
		{"GitHub", "x@github.com-login.example", suspicion.LookalikeSender},
		{"GitHub", "x@github.or.jp.evil.example", suspicion.LookalikeSender},
		{"x.com", "a@x.com-login.example", suspicion.LookalikeSender},
		{"bücher.example", "x@xn--bcher-kva.example.evil.test", suspicion.LookalikeSender},
		{"GitHub", "x@github", ""},
		{"GitHub", "x@github.co.uk", ""},
		{"X", "a@x.com.evil.example", suspicion.LookalikeSender},
		{"x.com", "a@x.com.evil.example", suspicion.LookalikeSender},
		{"GitHub", "x@github.helpdesk.example", ""},
		{"GitHub", "x@github.mail.helpdesk.example", ""},
	} {
		got := suspicion.NewService(c.service).Judge(mail(c.from, "Your GitHub, X or Bank of America code is 482913"))
		assert.Equal(t, c.want, got, "%+v", c)
	}
}

// A display name that is another's address is made to be read for it, whatever the service.
func TestAddressInDisplayNameIsLookalike(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]bool{
		`"noreply@github.com" <x@evil.example>`:                true,
		`"GitHub <noreply@github.com>" <x@evil.example>`:       true,
		`"GitHub (noreply＠github.com)" <x@evil.example>`:       true,
		`noreply@github.com <x@evil.example>`:                  true,
		`"a@evil.example, noreply@github.com" <x@b.test>`:      true,
		`"x@evil.example noreply@gıthub.com" <x@evil.example>`: true,
		"\"noreply@g\u00adithub.com\" <x@evil.example>":        true,
		`"noreply@github.com" <noreply@github.com>`:            false,
		`"noreply@github.com" <bounce@mail.github.com>`:        false,
		"\"noreply@Git\u00adHub.com\" <noreply@github.com>":    false,
		`GitHub <noreply@github.com>`:                          false,
		`"Ada @ Larch" <ada@larch.example>`:                    false,
		`noreply@github.com`:                                   false,
		`"Booking.com" <x@mailer.example>`:                     false,
	} {
		reasons := reasonsOf(message{Channel: "email", From: from, Subject: "Your GitHub code", Text: "Your code is 482913."}, "GitHub")
		assert.Equal(t, want, len(reasons) > 0 && reasons[0] == suspicion.LookalikeSender, "%s %v", from, reasons)
	}
	assert.NotContains(t, reasonsOf(message{Channel: "sms", From: "a@b.test <c@d.test>", Text: "Your code is 482913."}, ""), suspicion.LookalikeSender)
}
