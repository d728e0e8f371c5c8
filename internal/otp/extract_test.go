package otp_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/otp"
)

func sms(text string) otp.Verdict {
	return otp.Extract(otp.Message{Channel: otp.SMS, From: "55010", Text: text})
}

func html(subject, body string) otp.Verdict {
	return otp.Extract(otp.Message{Channel: otp.Email, From: "Larch <no-reply@larch.example>", Subject: subject, HTML: body})
}

// How codes are written: every row is one rule.
func TestCodeNormalization(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, code, display string }{
		"spaces go":                     {"Your Larch code is 550 271", "550271", "550 271"},
		"hyphens go between digits":     {"Your Larch code is 40-77-13", "407713", "40-77-13"},
		"en dash too":                   {"Your Larch code is 550–271", "550271", "550–271"},
		"no-break space too":            {"Your Larch code is 550\u00a0271", "550271", "550 271"},
		"leading zeros stay":            {"Your Larch code is 004915", "004915", "004915"},
		"a year is a code when named":   {"Your Larch code is 2027", "2027", "2027"},
		"Arabic digits":                 {"رمز التحقق: ٧٢٠١٤٥", "720145", "٧٢٠١٤٥"},
		"Persian digits":                {"کد تایید: ۳۸۱۹۰۲", "381902", "۳۸۱۹۰۲"},
		"Devanagari digits":             {"आपका ओटीपी ४८०२१९ है", "480219", "४८०२१९"},
		"full-width digits":             {"認証コードは１２４９８０です", "124980", "１２４９８０"},
		"prefix of one letter":          {"G-123456 is your Larch code", "123456", "G-123456"},
		"prefix of three letters":       {"Your OTP is ABC-123456", "123456", "ABC-123456"},
		"letters keep hyphens and case": {"Your Larch code is 8Q2-km7", "8Q2-km7", "8Q2-km7"},
		"letters lose spaces":           {"Your Larch code is 7K2 M9Q", "7K2M9Q", "7K2 M9Q"},
		"words":                         {"Your Larch sign-in code is maple-otter-drum-42", "maple-otter-drum-42", "maple-otter-drum-42"},
		"zero width between digits":     {"Your Larch code is 4\u200b4\u200d1\u20609\u00ad03", "441903", "441903"},
		"tag characters around":         {"Your Larch code is \U000e0031\U000e0032441903\U000e0033", "441903", "441903"},
	} {
		v := sms(c.text)
		assert.Equal(t, c.code, v.Code, name)
		assert.Equal(t, c.display, v.Display, name)
		assert.Equal(t, otp.KindCode, v.Kind, name)
		assert.NotEmpty(t, v.Reason, name)
		require.NotEmpty(t, v.Candidates, name)
		assert.Equal(t, c.code, v.Candidates[0].Code, name)
	}
}

// Origin-bound: the last line, @ first, one space, # and the code.
func TestOriginBoundLineIsTheAnswer(t *testing.T) {
	t.Parallel()
	v := sms("1234 is your Larch code.\n\n@login.larch.example #948120 @shop.example %x")
	assert.Equal(t, "948120", v.Code)
	assert.Equal(t, "login.larch.example", v.OriginHost)
	assert.InDelta(t, 1, v.Confidence, 0)

	for name, text := range map[string]string{
		"two spaces":          "Larch code 551920\n@larch.example  #118204",
		"text before the @":   "Larch code 551920\nsee @larch.example #118204",
		"not the last line":   "@larch.example #118204\nLarch code 551920",
		"no hash":             "Larch code 551920\n@larch.example 118204",
		"not a host":          "Larch code 551920\n@larch #118204",
		"code of other runes": "Larch code 551920\n@larch.example #11<b>82</b>",
	} {
		v := sms(text)
		assert.Empty(t, v.OriginHost, name)
		assert.NotEqual(t, 1.0, v.Confidence, name)
	}
	v = otp.Extract(otp.Message{Channel: otp.Email, Text: "hello\n@larch.example #118204"})
	assert.Empty(t, v.OriginHost, "the format belongs to text messages")
}

// The app hash of SMS Retriever is never a code.
func TestRetrieverHashIsDropped(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "318007", sms("<#> Your Larch code is 318 007\nq8WmZt3+Kdv").Code)
	assert.Equal(t, "7H20KD", sms("[#] Code 7H20KD for Larch\nX0pLr9aTz4N").Code)
	assert.Equal(t, "331902", sms("Larch code 331-902\n4sgLq1p5sV6").Code)
	assert.Empty(t, sms("<#> Welcome to Larch\n4sgLq1p5sV6").Code)
}

// Two different values that are about equally plausible are never guessed at.
func TestTwoPlausibleCodesAreAmbiguous(t *testing.T) {
	t.Parallel()
	v := sms("Login code 551029. Transfer code 118204.")
	assert.Equal(t, otp.KindAmbiguous, v.Kind)
	assert.Empty(t, v.Code)
	require.Len(t, v.Candidates, 2)
	assert.ElementsMatch(t, []string{"551029", "118204"}, []string{v.Candidates[0].Code, v.Candidates[1].Code})

	v = sms("Old code 190044 no longer works, your new code is 728350")
	assert.Equal(t, "728350", v.Code, "an old code is no rival")
	v = sms("Your code is 441903. Again: 441 903")
	assert.Equal(t, "441903", v.Code, "the same value twice is no rival")
}

// A reply speaks for itself, a forward for what it carries.
func TestQuotesAreCutAndForwardsKept(t *testing.T) {
	t.Parallel()
	mail := func(subject, text string) string {
		return otp.Extract(otp.Message{Channel: otp.Email, From: "kim@work.example", Subject: subject, Text: text}).Code
	}
	assert.Empty(t, mail("Re: Larch code", "Worked!\n\n> Your code is 660 118"))
	assert.Equal(t, "204771", mail("Re: login", "Try this one: 204 771\n\nOn Mon, Jan 4, 2027 Kim wrote:\n> code 118 390 fails"))
	assert.Equal(t, "660114", mail("Fwd: code", "---------- Forwarded message ---------\nFrom: a@larch.example\n\nYour code is 660 114"))
	assert.Equal(t, "660114", mail("fyi", "---------- Forwarded message ---------\nFrom: a@larch.example\n\nYour code is 660 114"))
	assert.Empty(t, mail("Re: Larch code 660118", "thanks, that one worked"), "the subject of a reply is old")
	assert.Equal(t, "660118", mail("Fwd: Larch code 660118", "see the subject"))
	assert.Empty(t, mail("SV: kod", "Tack!\n\nDen 9 feb. 2027 skrev Kim:\n\nDin kod är 660118"))
}

// What a person does not see is not read for codes; what tables and spans split is put together.
func TestHTMLVisibleTextIsRead(t *testing.T) {
	t.Parallel()
	hide := []string{"display:none", "visibility:hidden", "font-size:0", "opacity:0", "mso-hide:all", "max-height:0;overflow:hidden", "color:transparent", "text-indent:-9999px"}
	for _, style := range hide {
		v := html("Hello", `<p>Nothing to see.</p><div style="`+style+`">18 items 118822</div>`)
		assert.Empty(t, v.Code, style)
		text, _ := otp.Text(`<p>shown</p><div style="`+style+`">18 items 118822</div>`, 0)
		assert.Equal(t, "shown", text, style)
	}
	assert.Equal(t, "660120", html("Your code", `<div style="display:none">Your last code was 118822</div><p>Your code is</p><h1>660 120</h1>`).Code)
	assert.Equal(t, "904417", html("Log in", `<p>Your code</p><table><tr><td>9<td>0<td>4<td>4<td>1<td>7</table>`).Code)
	assert.Equal(t, "930418", html("Log in", `<p>Your code is <b><span>93</span><span>0418</span></b></p>`).Code)
	assert.Equal(t, "330918", html("Log in", `<p>Your code</p><table><tr><td>330</td><td>&nbsp;</td><td>918</td></tr></table>`).Code)
	assert.Equal(t, "660120", html("Log in", `<style>.pre{display:none}</style><p class="pre">code 118822</p><p>Your code is 660120</p>`).Code)
	assert.Equal(t, "660120", html("Log in", `<!-- code 118822 --><!--[if mso]><p>code 118822</p><![endif]--><p style="color:#102938">Your code is 660120</p><img alt="code 118822">`).Code)
	text, _ := otp.Text("<table><tr><td>Code</td><td>330917</td></tr></table><ul><li>a<li>b</ul>x<br>y", 0)
	assert.Equal(t, "Code\t330917\na\nb\nx\ny", text)
	text, cut := otp.Text("<p>"+strings.Repeat("ab ", 50)+"</p>", 10)
	assert.True(t, cut)
	assert.Equal(t, 10, len([]rune(text)))
}
