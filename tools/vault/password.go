package vault

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/tools/tool"
)

const (
	defaultPasswordLength = 24
	// fewestCharacters is how many different characters a password is chosen from at least; digits
	// alone are just enough.
	fewestCharacters = 10

	lowerLetters = "abcdefghijklmnopqrstuvwxyz"
	upperLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits       = "0123456789"
	// special holds signs that common sign-up forms accept and no shell, URL or JSON writer has to
	// escape.
	special = "-_.!@*+="
)

// characterRules are the arguments that say what a generated password is made of; without any, of
// letters, digits and signs.
type characterRules struct {
	NoUppercase       bool   `json:"no_uppercase,omitempty" jsonschema_description:"Leave A to Z out of a generated password."`
	NoLowercase       bool   `json:"no_lowercase,omitempty" jsonschema_description:"Leave a to z out of a generated password."`
	NoDigits          bool   `json:"no_digits,omitempty" jsonschema_description:"Leave 0 to 9 out of a generated password."`
	NoSpecial         bool   `json:"no_special,omitempty" jsonschema_description:"Leave signs such as - and @ out of a generated password."`
	ExcludeCharacters string `json:"exclude_characters,omitempty" jsonschema:"maxLength=64" jsonschema_description:"Single characters that the site does not take, written together."`
}

// classes returns what is left of each class of characters. A class of which nothing is left is
// dropped, as Ravi's generator does.
func (r characterRules) classes() ([]string, error) {
	var out []string
	count := 0
	for _, class := range []struct {
		off        bool
		characters string
	}{{r.NoLowercase, lowerLetters}, {r.NoUppercase, upperLetters}, {r.NoDigits, digits}, {r.NoSpecial, special}} {
		left := strings.Map(func(c rune) rune {
			if class.off || strings.ContainsRune(r.ExcludeCharacters, c) {
				return -1
			}
			return c
		}, class.characters)
		if left != "" {
			out = append(out, left)
			count += len(left)
		}
	}
	if count < fewestCharacters {
		return nil, fault.New(fault.InvalidArgument,
			fmt.Sprintf("The rules leave fewer than %d characters to choose from (`no_uppercase`, `no_lowercase`, `no_digits`, `no_special`, `exclude_characters`).", fewestCharacters),
			"Allow more characters, or choose a password yourself.")
	}
	return out, nil
}

func (r characterRules) forRavi(length int) ravi.PasswordRules {
	return ravi.PasswordRules{
		Length: length, NoUppercase: r.NoUppercase, NoLowercase: r.NoLowercase, NoDigits: r.NoDigits, NoSpecial: r.NoSpecial,
		Exclude: r.ExcludeCharacters,
	}
}

// generatePassword returns a random password of that length (24 for 0) with at least one character
// of each class. All such passwords are equally likely: whole candidates are drawn uniformly and
// those without a class are rejected.
func generatePassword(length int, classes []string) secret.Secret {
	length = cmp.Or(length, defaultPasswordLength)
	alphabet := strings.Join(classes, "")
	for {
		candidate := make([]byte, length)
		for i := range candidate {
			candidate[i] = alphabet[randomIndex(len(alphabet))]
		}
		lacks := func(class string) bool { return !strings.ContainsAny(string(candidate), class) }
		if !slices.ContainsFunc(classes, lacks) {
			return secret.New(string(candidate))
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

// choosePassword returns the password that was given as field, or for "" a generated one. Rules
// beside a given password would have no effect, which the caller has to know.
func choosePassword(field, given string, length int, rules characterRules) (secret.Secret, error) {
	if given == "" {
		classes, err := rules.classes()
		if err != nil {
			return secret.Secret{}, err
		}
		return generatePassword(length, classes), nil
	}
	if rules != (characterRules{}) {
		return secret.Secret{}, fault.New(fault.InvalidArgument, fmt.Sprintf("Rules for a generated password have no effect beside `%s`.", field),
			fmt.Sprintf("Leave out `%s` to have a password generated, or leave out the rules.", field))
	}
	return secret.New(given), tool.CheckLine(field, given)
}
