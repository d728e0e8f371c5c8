package otp_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/otp"
)

func link(from, subject, body string) *otp.Link {
	return otp.Extract(otp.Message{Channel: otp.Email, From: from, Subject: subject, HTML: body}).Link
}

// The link that acts wins over those that review, refuse or unsubscribe.
func TestActingLinkWins(t *testing.T) {
	t.Parallel()
	l := link("Larch <no-reply@mail.larch.example>", "Confirm your email", `
		<a href="https://larch.example/"><img alt="Larch" src="x.png"></a>
		<a href="https://larch.example/confirm?t=9f83ab21c7&amp;u=1">Confirm email</a>
		<a href="https://larch.example/report?t=9f83ab21c7">This wasn't me</a>
		<a href="https://larch.example/unsubscribe?t=9f83ab21c7">Confirm unsubscribe</a>`)
	require.NotNil(t, l)
	assert.Equal(t, "https://larch.example/confirm?t=9f83ab21c7&u=1", l.URL, "entities are decoded, nothing else changes")
	assert.Equal(t, "Confirm email", l.Label)
	assert.Equal(t, "larch.example", l.Domain)
	assert.Empty(t, l.Punycode)
	assert.NotEmpty(t, l.Reason)
}

func TestLinksThatDoNotAct(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"plain log-in page":    `<a href="https://larch.example/login">Log in</a>`,
		"review":               `<p>Not you? <a href="https://larch.example/review?e=5518aa">Review this sign-in</a></p>`,
		"unsubscribe":          `<a href="https://larch.example/u/9f83ab21c7">Confirm unsubscribe</a>`,
		"account closure":      `<a href="https://larch.example/close/9f83ab21c7">Close account</a>`,
		"page for typing":      `<p>Enter the code at <a href="https://larch.example/v/9f83ab21c7">this page</a></p>`,
		"javascript":           `<a href="javascript:confirm('9f83ab21c7')">Confirm email</a>`,
		"data":                 `<a href="data:text/html,9f83ab21c7">Confirm email</a>`,
		"hidden":               `<div style="display:none"><a href="https://larch.example/c/9f83ab21c7">Confirm email</a></div>`,
		"marketing":            `<a href="https://larch.example/o/9f83ab21c7">Claim offer</a>`,
		"answer to an event":   `<p>RSVP</p><a href="https://larch.example/e/9f83ab21c7">Accept</a><a href="https://larch.example/e/9f83ab21c8">Maybe</a>`,
		"password alarm":       `<p>If this wasn't you, <a href="https://larch.example/r/9f83ab21c7">reset your password</a>.</p>`,
		"no token, no tracker": `<a href="https://larch.example/confirm">Confirm</a>`,
	} {
		assert.Nil(t, link("x@larch.example", "News from Larch", body), name)
	}
}

// A host is shown as it reads, with its ASCII form beside it, and compared by registrable domain.
func TestHostsAreShownAndCompared(t *testing.T) {
	t.Parallel()
	body := func(u string) string { return `<a href="` + u + `">Verify email</a>` }
	l := link("x@github.com", "Verify", body("https://gіthub.com/v/9f83ab21c7")) // Cyrillic і
	require.NotNil(t, l)
	assert.Equal(t, "gіthub.com", l.Host)
	assert.Equal(t, "xn--gthub-n2e.com", l.Punycode)
	assert.Equal(t, "xn--gthub-n2e.com", l.Domain)

	domain := func(u string) string { return link("x@other.example", "Verify", body(u)).Domain }
	assert.Equal(t, "github.com", domain("https://login.github.com/v/9f83ab21c7"))
	assert.Equal(t, "b.co.uk", domain("https://www.b.co.uk/v/9f83ab21c7"), "a public suffix is no domain")
	assert.Equal(t, "evil.example", domain("https://github.com@evil.example/v/9f83ab21c7"), "user info is no host")
}

func TestLinkWrappersAreUnwrapped(t *testing.T) {
	t.Parallel()
	l := link("x@larch.example", "Verify", `<a href="https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Flarch.example%2Fverify%3Ft%3D9f83ab21c7&amp;data=05">Verify</a>`)
	require.NotNil(t, l)
	assert.Equal(t, "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Flarch.example%2Fverify%3Ft%3D9f83ab21c7&data=05", l.URL)
	assert.Equal(t, "https://larch.example/verify?t=9f83ab21c7", l.Unwrapped)
	assert.Equal(t, "eur01.safelinks.protection.outlook.com", l.Host, "the wrapper is where it leads first")
	assert.NotEqual(t, "larch.example", l.Domain, "what a wrapper says of its target proves nothing")
	l = link("x@larch.example", "Verify", `<a href="https://www.google.com/url?q=https://larch.example/verify/9f83ab21c7&amp;sa=D">Verify</a>`)
	require.NotNil(t, l)
	assert.Equal(t, "https://larch.example/verify/9f83ab21c7", l.Unwrapped)
	l = link("x@github.com", "Verify", `<a href="https://www.google.attacker.example/url?q=https://github.com/verify/9f83ab21c7">Verify</a>`)
	require.NotNil(t, l)
	assert.Empty(t, l.Unwrapped, "a host that only begins as a wrapper's")
	assert.Equal(t, "www.google.attacker.example", l.Host)
	assert.Equal(t, "attacker.example", l.Domain)
}

func TestLinkWithoutReadableHostIsNone(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"git hub.com", "a..example", "exa%00mple.com", "[::1", "1.2.3", "-\u200d.example", strings.Repeat("a", 64) + ".example"} {
		assert.Nil(t, link("x@larch.example", "Verify", `<a href="https://`+host+`/verify/9f83ab21c7">Verify email</a>`), host)
	}
}

func TestBareURLEndsBeforePunctuation(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Verify here: https://larch.example/v/9f83ab21c7.":       "https://larch.example/v/9f83ab21c7",
		"Verify (https://larch.example/v/9f83ab21c7).":           "https://larch.example/v/9f83ab21c7",
		"Verify <https://larch.example/v/9f83ab21c7>, please":    "https://larch.example/v/9f83ab21c7",
		"Verify: https://larch.example/v/(9f83ab21c7)":           "https://larch.example/v/(9f83ab21c7)",
		"请点击验证：https://larch.example/v/9f83ab21c7。":              "https://larch.example/v/9f83ab21c7",
		"Sign in to Larch:\nhttps://larch.example/v/9f83ab21c7!": "https://larch.example/v/9f83ab21c7",
	} {
		v := sms(text)
		require.NotNil(t, v.Link, text)
		assert.Equal(t, want, v.Link.URL)
		assert.Equal(t, otp.KindLink, v.Kind)
	}
	v := sms("Your Larch code is 6617. Or tap https://larch.example/v/Q2x")
	assert.Equal(t, otp.KindCodeAndLink, v.Kind)
	assert.Equal(t, "6617", v.Code)
}
