package sandbox

import (
	"crypto/rand"
	"math/big"
	"strconv"
	"strings"
)

const (
	upperCase = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	lowerCase = "abcdefghijklmnopqrstuvwxyz"
	digits    = "0123456789"
	special   = "!@#$%^&*()-_=+[]{}:,.?"
)

// generatePassword makes a random password with at least one character of every class.
func generatePassword(length int, classes ...string) string {
	all := strings.Join(classes, "")
	out := make([]byte, length)
	for i := range out {
		from := all
		if i < len(classes) {
			from = classes[i]
		}
		out[i] = from[randomInt(len(from))]
	}
	for i := len(out) - 1; i > 0; i-- { // shuffle, so that the classes do not stand in order
		j := randomInt(i + 1)
		out[i], out[j] = out[j], out[i]
	}
	return string(out)
}

func randomInt(below int) int {
	n, _ := rand.Int(rand.Reader, big.NewInt(int64(below))) // never fails (crypto/rand)
	return int(n.Int64())
}

// generate makes a password without storing it (docs/ravi-api.md#passwords).
func (c *call) generate() (reply, error) {
	length, classes := 16, []string(nil)
	if v := c.query.Get("length"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			return reply{}, field("length", "A valid integer is required.")
		}
		if n < 8 || n > 128 {
			return reply{}, field("length", "Ensure this value is between 8 and 128.")
		}
		length = n
	}
	exclude := c.query.Get("exclude_chars")
	for _, class := range []struct{ name, chars string }{
		{"uppercase", upperCase}, {"lowercase", lowerCase}, {"digits", digits}, {"special", special},
	} {
		on, given := c.flag(class.name)
		if given && !on {
			continue
		}
		left := strings.Map(func(ch rune) rune {
			if strings.ContainsRune(exclude, ch) {
				return -1
			}
			return ch
		}, class.chars)
		if left != "" {
			classes = append(classes, left)
		}
	}
	if len(classes) == 0 {
		return reply{}, detail(400, "At least one character type must be enabled.")
	}
	return ok(map[string]string{"password": generatePassword(length, classes...)})
}
