package tools

import (
	"crypto/rand"
	"math/big"
	"strings"

	"ravi-mcp/secret"
)

const (
	defaultPasswordLength = 24
	lowerLetters          = "abcdefghijklmnopqrstuvwxyz"
	upperLetters          = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits                = "0123456789"
	// special holds signs that common sign-up forms accept and no shell,
	// URL or JSON writer has to escape.
	special = "-_.!@*+="
)

// generatePassword returns a random password of that length (24 for 0) with at
// least one character of each class. All such passwords are equally likely:
// whole candidates are drawn uniformly and those without a class are rejected.
func generatePassword(length int) secret.Secret {
	if length == 0 {
		length = defaultPasswordLength
	}
	const alphabet = lowerLetters + upperLetters + digits + special
	for {
		var b strings.Builder
		for range length {
			b.WriteByte(alphabet[randomIndex(len(alphabet))])
		}
		candidate := b.String()
		if strings.ContainsAny(candidate, lowerLetters) && strings.ContainsAny(candidate, upperLetters) &&
			strings.ContainsAny(candidate, digits) && strings.ContainsAny(candidate, special) {
			return secret.New(candidate)
		}
	}
}

// randomIndex returns a uniform number in [0, n).
func randomIndex(n int) int {
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic("crypto/rand failed: " + err.Error()) // documented never to happen (Go 1.24)
	}
	return int(i.Int64())
}
