package mail

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestGuessable(t *testing.T) {
	for _, v := range []string{
		"", "482913", "7391-2846", "sunshine", "Sunshine2019", "P@ssw0rd!", "correct horse battery", "CorrectHorse-Battery9!", "1234567890123456",
		"letmeinletmeinletmein", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa", "Anna-1984-Anna-1984", "11.22.33.11.22.33", "Summer2026Summer2026",
		"0123-4567-8901-2345", "+431234567890", "internationalization",
	} {
		assert.True(t, guessable(v), v)
	}
	random := make([]byte, 24)
	for range 1000 {
		_, _ = rand.Read(random)
		assert.False(t, guessable(base64.RawURLEncoding.EncodeToString(random)))
		assert.False(t, guessable(hex.EncodeToString(random)))
	}
}
