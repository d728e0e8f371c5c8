package otp_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"ravi-mcp/internal/otp"
)

func TestExcerptStandsAroundWhatWasFound(t *testing.T) {
	t.Parallel()
	filler := strings.Repeat("Lorem ipsum dolor. ", 40)
	for _, c := range []struct {
		text, code, display, want string
		found                     bool
	}{
		{"Your code is 482913.", "482913", "482913", "Your code is 482913.", true},
		{"Your  code\nis\t482 913.", "482913", "482 913", "Your code is 482 913.", true},
		{"Order 14829130. Your code is 482913", "482913", "482913", "Order 14829130. Your code is 482913", true},
		{"Nothing here", "482913", "482913", "", false},
		{"您的验证码是482913，请勿泄露", "482913", "482913", "您的验证码是482913，请勿泄露", true},
	} {
		got, found := otp.Excerpt(c.text, otp.Verdict{Code: c.code, Display: c.display}, 200)
		assert.Equal(t, c.found, found, c.text)
		assert.Equal(t, c.want, got)
	}
	for _, text := range []string{filler + "Your code is 482913. " + filler, "482913 " + filler, filler + "482913", strings.Repeat("验", 500) + "482913" + strings.Repeat("码", 500)} {
		got, found := otp.Excerpt(text, otp.Verdict{Code: "482913"}, 200)
		assert.True(t, found)
		assert.Contains(t, got, "482913")
		assert.LessOrEqual(t, utf8.RuneCountInString(got), 200)
		assert.Greater(t, utf8.RuneCountInString(got), 100)
		assert.NotContains(t, got, "\n")
	}
	link := otp.Verdict{Link: &otp.Link{URL: "https://larch.example/v/9f83", Label: "Confirm email"}}
	got, _ := otp.Excerpt("Hello.\nConfirm email\nBye", link, 200)
	assert.Equal(t, "Hello. Confirm email Bye", got)
	got, _ = otp.Excerpt("Open https://larch.example/v/9f83 now", link, 200)
	assert.Equal(t, "Open https://larch.example/v/9f83 now", got)
}
