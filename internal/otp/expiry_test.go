package otp_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"ravi-mcp/internal/otp"
)

// Each code that will expire stands beside an almost equal one that has.
func TestExpiryInTheFutureOrPast(t *testing.T) {
	for _, pair := range []struct{ alive, dead string }{
		{"Your code: 318204, invalid after 9:15", "Your code 318204 is invalid."},
		{"Code 318204 has expired? Ask for a new one.", "Code 318204 has expired. Ask for a new one."},
		{"Your code is 318204. Expired codes are refused.", "Your code 318204 expired 5 minutes ago."},
		{"Dein Code 318204 ist in 3 Minuten ungültig", "Dein Code 318204 ist ungültig"},
		{"Votre code 318204 sera invalide dans 10 minutes", "Votre code 318204 est invalide"},
		{"Код 318204, через 5 минут недействителен", "Код 318204 недействителен"},
		{"验证码 318204，逾时失效", "验证码 318204 已失效"},
		{"Mã OTP 318204 hết hạn sau 3 phút", "Mã OTP 318204 đã hết hạn"},
	} {
		assert.Equal(t, "318204", otp.Extract(otp.Message{Channel: otp.SMS, Text: pair.alive}).Code, pair.alive)
		assert.Empty(t, otp.Extract(otp.Message{Channel: otp.SMS, Text: pair.dead}).Code, pair.dead)
	}
}

func TestNoQuotationWithoutWriter(t *testing.T) {
	v := otp.Extract(otp.Message{Channel: otp.Email, Subject: "Dein Code", Text: "Am 4. Juni hast du geschrieben:\nDein Code: 318204"})
	assert.Equal(t, "318204", v.Code)
	v = otp.Extract(otp.Message{Channel: otp.Email, Text: "Danke\n\nAm 4. Juni schrieb Acme <id@acme.example>:\nDein Code: 318204"})
	assert.Empty(t, v.Code)
}

func TestReturnedMail(t *testing.T) {
	m := otp.Message{Channel: otp.Email, From: "Mail <mailer-daemon@mx.example>", Subject: "Nicht zugestellt: Your code is 318204"}
	assert.Empty(t, otp.Extract(m).Code)
	m.From = "no-reply@acme.example"
	assert.Equal(t, "318204", otp.Extract(m).Code)
}

// The floor for messages around kinds of fault; it only ever rises.
func TestMessagesAroundKindsOfFault(t *testing.T) {
	all := measure(t, "kinds")
	assert.GreaterOrEqual(t, all.ExactShare(), 0.98)
}
