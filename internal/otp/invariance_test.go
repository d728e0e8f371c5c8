package otp_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"ravi-mcp/internal/otp"
)

// Each frame holds one code where %s stands.
var codeFrames = []string{
	"Your Acme code: %s", "Your Acme verification code is %s.", "%s is your Acme verification code.", "Use %s to sign in to Acme.",
	"Enter %s to verify your phone.", "OTP: %s. Do not share it.", "Ihr Bestätigungscode lautet %s.", "Votre code de vérification est %s",
	"Tu código de verificación es %s. Caduca en 5 minutos.", "Il tuo codice di verifica è %s", "Kod weryfikacyjny: %s", "Din kod är: %s",
	"Код подтверждения: %s", "Doğrulama kodunuz: %s", "您的验证码是%s，5分钟内有效。", "認証コードは%sです。", "인증번호 %s", "رمز التحقق: %s",
	"Mã xác nhận của bạn: %s", "Kode verifikasi Anda: %s. Jangan bagikan kode ini.",
}

// random returns a string of n runes of an alphabet, with a digit in it if the alphabet has any.
func random(r *rand.Rand, alphabet string, n int) string {
	for {
		out := make([]byte, n)
		for i := range out {
			out[i] = alphabet[r.IntN(len(alphabet))]
		}
		if s := string(out); strings.ContainsAny(s, "0123456789") || !strings.ContainsAny(alphabet, "0123456789") {
			return s
		}
	}
}

const (
	digits = "0123456789"
	upper  = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lower  = "abcdefghijklmnopqrstuvwxyz"
)

// shareOf reports how many of n trials hold, as a share.
func shareOf(n int, holds func(i int) bool) float64 {
	held := 0
	for i := range n {
		if holds(i) {
			held++
		}
	}
	return float64(held) / float64(n)
}

const steady = 0.995 // share of trials in which the verdict may not change

func TestVerdictDoesNotDependOnCode(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for name, next := range map[string]func() string{
		"six digits":        func() string { return random(r, digits, 6) },
		"five digits":       func() string { return random(r, digits, 5) },
		"eight digits":      func() string { return random(r, digits, 8) },
		"grouped digits":    func() string { return random(r, digits, 3) + " " + random(r, digits, 3) },
		"capitals, digits":  func() string { return random(r, upper+digits, 6) },
		"small, digits":     func() string { return random(r, lower+digits, 6) },
		"eight, any":        func() string { return random(r, upper+digits, 8) },
		"five, any":         func() string { return random(r, lower+digits, 5) },
		"letters, digits":   func() string { return random(r, upper, 3) + random(r, digits, 3) },
		"one letter behind": func() string { return random(r, digits, 5) + random(r, upper, 1) },
		"two groups":        func() string { return random(r, upper+digits, 4) + "-" + random(r, upper+digits, 4) },
	} {
		for _, frame := range codeFrames {
			share := shareOf(500, func(int) bool {
				code := next()
				return sms(fmt.Sprintf(frame, code)).Code == strings.ReplaceAll(code, " ", "")
			})
			assert.GreaterOrEqual(t, share, steady, "%s: %s", name, frame)
		}
	}
}

func TestVerdictDoesNotDependOnToken(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	tokens := map[string]func() string{
		"hexadecimal": func() string { return random(r, "0123456789abcdef", 32) },
		"base62":      func() string { return random(r, upper+lower+digits, 22) },
		"base64url":   func() string { return random(r, upper+lower+digits+"-_", 43) },
		"short":       func() string { return random(r, upper+lower+digits, 10) },
	}
	acting := map[string]string{
		"Verify your email": `<a href="https://acme.example/verify?token=%s">Verify email</a>`,
		"Sign in to Acme":   `<p>This link expires in 10 minutes.</p><a href="https://acme.example/m/%s">Sign in</a>`,
		"Reset password":    `<a href="https://acme.example/password/%s">Choose a new password</a>`,
		"Einladung":         `<p>Kim hat Sie eingeladen.</p><a href="https://acme.example/invite/%s" class="btn">Einladung annehmen</a>`,
	}
	other := map[string]string{
		"Your order":     `<a href="https://acme.example/o/%s">Track order</a>`,
		"New sign-in":    `<a href="https://acme.example/r/%s">Review activity</a>`,
		"Your statement": `<p>Log in to read it.</p><a href="https://acme.example/s/%s">View statement</a>`,
	}
	for name, next := range tokens {
		for subject, body := range acting {
			share := shareOf(500, func(int) bool { return html(subject, fmt.Sprintf(body, next())).Link != nil })
			assert.GreaterOrEqual(t, share, steady, "%s: %s", name, subject)
		}
		for subject, body := range other {
			share := shareOf(500, func(int) bool { return html(subject, fmt.Sprintf(body, next())).Link == nil })
			assert.GreaterOrEqual(t, share, steady, "%s: %s", name, subject)
		}
	}
}

func TestVerdictDoesNotDependOnBrand(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 6))
	known := []string{"Google", "GitHub", "PayPal", "discord", "steam", "Telegram", "WhatsApp", "Amazon", "Uber", "Signal", "eBay", "LINE", "N26", "monobank"}
	syllables := []string{"ba", "ko", "ri", "tu", "ne", "lo", "vi", "sha", "dor", "mel", "qui", "zan", "pex", "ga"}
	brand := func() string {
		if r.IntN(4) == 0 {
			return known[r.IntN(len(known))]
		}
		name := ""
		for range 2 + r.IntN(2) {
			name += syllables[r.IntN(len(syllables))]
		}
		if r.IntN(2) == 0 {
			return name
		}
		return strings.ToUpper(name[:1]) + name[1:]
	}
	for _, frame := range []string{
		"Your %s code is 482913", "482913 is your %s code", "%s: 482913 is your login code", "[%s] Verification code: 482913", "Ihr %s-Code: 482913",
		"Votre code %s est 482913", "Tu código de %s es 482913", "Ваш код %s: 482913", "【%s】您的验证码是482913", "%s の認証コードは482913です", "%s kodunuz: 482913",
	} {
		share := shareOf(500, func(int) bool { return sms(fmt.Sprintf(frame, brand())).Code == "482913" })
		assert.GreaterOrEqual(t, share, steady, frame)
	}
}

// What one part shows the other may show too, and what stands below changes nothing.
func TestVerdictDoesNotDependOnPartsAndFooters(t *testing.T) {
	t.Parallel()
	footers := []string{"", "Acme Inc, 77 Beacon St, Boston, MA 02108", "© 2026 Acme. All rights reserved.", "Questions? Call 512-555-0166.",
		"You receive this mail because you have an account. Unsubscribe", "Acme GmbH, Hauptstr. 12, 10115 Berlin, HRB 48213", "株式会社アクメ 〒100-0001"}
	changed, all := 0, 0
	for _, name := range []string{"sample", "kinds", "pairs"} {
		for _, c := range readCases(t, name) {
			if c.Channel != "email" || c.HTML != "" || c.Text == "" || !c.Right(otp.Extract(c.Message())) {
				continue
			}
			m := c.Message()
			for i, footer := range footers {
				m.Text = c.Text + "\n\n--\n" + footer
				if i%2 == 1 && c.WantLink == "" && !strings.Contains(c.Text, "<") && !strings.Contains(c.Text, "http") {
					m.HTML, m.Text = "<p>"+strings.ReplaceAll(c.Text, "\n", "<br>")+"</p><p>"+footer+"</p>", ""
				}
				all++
				if v := otp.Extract(m); !c.Right(v) {
					changed++
					t.Log(footer, c.Miss(v))
				}
				m = c.Message()
			}
		}
	}
	assert.Greater(t, all, 500)
	assert.LessOrEqual(t, float64(changed)/float64(all), 1-steady)
}
