package mail

import (
	"math"
	"unicode"
)

// randomBits is how hard a value must be to guess, in bits, to be looked for in the messages of a
// caller that cannot be shown it. Within its budgets a caller tries 2^40 guesses in a year, of up
// to 25 MB a message.
const randomBits = 48

// guessable reports whether a value may be found by trying: whether it is short, or looks like
// words, names, dates and numbers. It errs on the side of yes. A run of letters counts as a word,
// with more for what follows in it; a run of digits as a year at most; a repetition as nothing.
func guessable(value string) bool {
	bits, known := 0.0, make(map[string]bool)
	var run []rune
	end := func() {
		if text := string(run); text != "" && !known[text] {
			known[text] = true
			bits += runBits(run)
		}
		run = nil
	}
	for _, c := range value {
		if len(run) > 0 && class(c) != class(run[0]) {
			end()
		}
		run = append(run, c)
	}
	end()
	return bits < randomBits
}

func class(c rune) int {
	switch {
	case unicode.IsLetter(c):
		return 0
	case unicode.IsDigit(c):
		return 1
	}
	return 2
}

func runBits(run []rune) float64 {
	n := float64(len(run))
	switch class(run[0]) {
	case 1:
		return math.Min(3.3*n, 7)
	case 2:
		return math.Min(4*n, 6)
	}
	const word = 11 // bits: 2,000 common words
	bits := math.Min(4.7*n, word) + 1.5*math.Max(n-8, 0)
	for i := 1; i < len(run); i++ {
		if unicode.IsUpper(run[i]) && unicode.IsLower(run[i-1]) {
			bits += 3
		}
	}
	return bits
}
