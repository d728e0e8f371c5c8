package otp_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/otp"
	"ravi-mcp/internal/otp/corpus"
)

// hasInvisible reports runes that must never leave the package.
func hasInvisible(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool {
		return unicode.Is(unicode.Cf, r) || unicode.IsControl(r) && r != '\n' && r != '\t' || r == 0x034F || r >= 0xE0000 && r <= 0xE0FFF || r >= 0xFE00 && r <= 0xFE0F
	})
}

// checkVerdict holds for every message whatever it says.
func checkVerdict(t *testing.T, v otp.Verdict) {
	t.Helper()
	for _, r := range v.Code {
		require.True(t, r >= '0' && r <= '9' || unicode.IsLetter(r) || r == '-', "code %q", v.Code)
	}
	texts := []string{v.Code, v.Display, v.Reason, v.OriginHost}
	require.LessOrEqual(t, len(v.Candidates), otp.MaxCandidates)
	for i, c := range v.Candidates {
		texts = append(texts, c.Code, c.Display, c.Reason)
		require.GreaterOrEqual(t, c.Confidence, 0.0)
		require.LessOrEqual(t, c.Confidence, 1.0)
		require.NotEmpty(t, c.Code)
		if i > 0 {
			require.LessOrEqual(t, c.Confidence, v.Candidates[i-1].Confidence, "ranked")
		}
	}
	switch v.Kind {
	case otp.KindNone, otp.KindLink, otp.KindAmbiguous:
		require.Empty(t, v.Code)
	case otp.KindCode, otp.KindCodeAndLink:
		require.NotEmpty(t, v.Code)
		require.Equal(t, v.Code, v.Candidates[0].Code)
	default:
		t.Fatalf("kind %q", v.Kind)
	}
	require.NotEmpty(t, v.Reason)
	if l := v.Link; l != nil {
		texts = append(texts, l.URL, l.Unwrapped, l.Host, l.Punycode, l.Domain, l.Label, l.Reason)
		require.True(t, strings.HasPrefix(strings.ToLower(l.URL), "http"), l.URL)
		require.NotContains(t, l.Label, "\n")
		require.LessOrEqual(t, utf8.RuneCountInString(l.Label), 80)
	}
	for _, s := range texts {
		require.False(t, hasInvisible(s), "%q", s)
		require.True(t, utf8.ValidString(s), "%q", s)
	}
}

func seed(f *testing.F, add func(corpus.Case)) {
	for _, c := range readCases(f, "sample") {
		add(c)
	}
	for _, c := range readCases(f, "hostile") {
		add(c)
	}
}

func FuzzExtract(f *testing.F) {
	seed(f, func(c corpus.Case) { f.Add(c.Channel, c.From, c.Subject, c.Text, c.HTML) })
	f.Fuzz(func(t *testing.T, channel, from, subject, text, html string) {
		m := otp.Message{Channel: otp.Channel(channel), From: from, Subject: subject, Text: text, HTML: html}
		v := otp.Extract(m)
		checkVerdict(t, v)
		require.Equal(t, v, otp.Extract(m), "deterministic")
	})
}

func FuzzHTML(f *testing.F) {
	seed(f, func(c corpus.Case) { f.Add(c.HTML) })
	f.Fuzz(func(t *testing.T, html string) {
		text, _ := otp.Text(html, 0)
		require.False(t, hasInvisible(text), "%q", text)
		short, cut := otp.Text(html, 7)
		require.LessOrEqual(t, utf8.RuneCountInString(short), 7)
		require.True(t, strings.HasPrefix(text, short))
		if utf8.RuneCountInString(text) > 7 {
			require.True(t, cut)
		}
	})
}

func FuzzClean(f *testing.F) {
	seed(f, func(c corpus.Case) { f.Add(c.Text) })
	f.Add("&#x200b;&amp;#8238;\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		text, _ := otp.Clean(s, 0)
		require.False(t, hasInvisible(text), "%q", text)
		require.True(t, utf8.ValidString(text))
		short, cut := otp.Clean(s, 5)
		require.True(t, strings.HasPrefix(text, short))
		require.Equal(t, cut, short != text)
	})
}
