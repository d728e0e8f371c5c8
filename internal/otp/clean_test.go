package otp_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"ravi-mcp/internal/otp"
)

func TestCleanRemovesInvisible(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain":                           "plain",
		"a\u200bb\u200c\u200dc\ufeff":     "abc",
		"\u202eevil\u202c\u2066x\u2069":   "evilx",
		"so\u00adft":                      "soft",
		"tag\U000e0041\U000e007f":         "tag",
		"vs\ufe0f\U000e0100":              "vs",
		"entity&#x200b;&#8238;end":        "entityend",
		"twice&amp;#x200b;end":            "twiceend",
		"split&#x20\u200b0b;end":          "splitend",
		"a &lt;b&gt;":                     "a <b>",
		"line\r\nline\rline\u2028x":       "line\nline\nline\nx",
		"bell\a\x1b[31mred\x00":           "bell[31mred",
		"bad\xff":                         "bad\ufffd",
		"&am\u200bp;lt;":                  "<",
		"filler\u3164\u115f\uffa0\u2800x": "fillerx",
	} {
		got, cut := otp.Clean(in, 0)
		assert.Equal(t, want, got, "%q", in)
		assert.False(t, cut)
	}
}

func TestCleanReportsTruncation(t *testing.T) {
	t.Parallel()
	got, cut := otp.Clean("äöü", 2)
	assert.Equal(t, "äö", got)
	assert.True(t, cut)
	got, cut = otp.Clean("äöü", 3)
	assert.Equal(t, "äöü", got)
	assert.False(t, cut)
	got, cut = otp.Clean(strings.Repeat("ä", otp.MaxInput), 0)
	assert.True(t, cut)
	assert.True(t, utf8.ValidString(got))
	assert.LessOrEqual(t, len(got), otp.MaxInput)
	_, cut = otp.Clean(strings.Repeat("\u200b", otp.MaxInput), 5)
	assert.True(t, cut)
}
