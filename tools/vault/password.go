package vault

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"unicode"

	"ravi-mcp/internal/fault"
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
	// special holds symbols that common sign-up forms accept and no shell, URL or JSON writer has
	// to escape. The description of allowed_symbols names them.
	special = "-_.!@*+="
)

// characterRules are the arguments that say what a generated password is made of; without any, of
// letters, digits and symbols.
type characterRules struct {
	NoUppercase       bool   `json:"no_uppercase,omitempty" jsonschema_description:"No A to Z."`
	NoLowercase       bool   `json:"no_lowercase,omitempty" jsonschema_description:"No a to z."`
	NoDigits          bool   `json:"no_digits,omitempty" jsonschema_description:"No 0 to 9."`
	NoSpecial         bool   `json:"no_special,omitempty" jsonschema_description:"No symbols."`
	AllowedSymbols    string `json:"allowed_symbols,omitempty" jsonschema:"maxLength=64" jsonschema_description:"Symbols that the site takes (default -_.!@*+=)."`
	ExcludeCharacters string `json:"exclude_characters,omitempty" jsonschema:"maxLength=64" jsonschema_description:"Characters that it does not take."`
}

// passwordShape says in a result what a generated password is made of, without showing it.
type passwordShape struct {
	Length  int      `json:"length"`
	Classes []string `json:"classes"`

	alphabets []string // of the classes, in the same order
}

// shape returns what the rules leave of each class of characters, for a password of that length (24
// for 0). A class of which nothing is left is dropped.
func (r characterRules) shape(length int) (*passwordShape, error) {
	if err := r.checkSymbols(); err != nil {
		return nil, err
	}
	shape := passwordShape{Length: cmp.Or(length, defaultPasswordLength)}
	count := 0
	for _, class := range []struct {
		name       string
		off        bool
		characters string
	}{
		{"lowercase", r.NoLowercase, lowerLetters}, {"uppercase", r.NoUppercase, upperLetters}, {"digits", r.NoDigits, digits},
		{"symbols", r.NoSpecial, cmp.Or(r.AllowedSymbols, special)},
	} {
		left := ""
		for _, c := range class.characters {
			if !class.off && !strings.ContainsRune(r.ExcludeCharacters+left, c) {
				left += string(c)
			}
		}
		if left != "" {
			shape.Classes = append(shape.Classes, class.name)
			shape.alphabets = append(shape.alphabets, left)
			count += len(left)
		}
	}
	if count < fewestCharacters {
		return nil, fault.New(fault.InvalidArgument,
			fmt.Sprintf("The rules leave fewer than %d characters to choose from (`no_uppercase`, `no_lowercase`, `no_digits`, `no_special`, `allowed_symbols`, `exclude_characters`).", fewestCharacters),
			"Allow more characters, or choose a password yourself.")
	}
	return &shape, nil
}

// checkSymbols refuses what is no symbol: a letter, digit or space among them would end up in
// passwords of a site that does not take it.
func (r characterRules) checkSymbols() error {
	noSymbol := func(c rune) bool { return c > unicode.MaxASCII || !unicode.IsPunct(c) && !unicode.IsSymbol(c) }
	switch {
	case r.NoSpecial && r.AllowedSymbols != "":
		return fault.New(fault.InvalidArgument, "`allowed_symbols` has no effect beside `no_special`.", "Leave one of them out.")
	case strings.ContainsFunc(r.AllowedSymbols, noSymbol):
		return fault.New(fault.InvalidArgument, "`allowed_symbols` must hold ASCII symbols only.",
			"Pass the symbols alone, written together, as in -_!; letters and digits are left out with no_uppercase, no_lowercase and no_digits.")
	}
	return nil
}

// generate returns a random password with at least one character of each class. All such passwords
// are equally likely: whole candidates are drawn uniformly and those without a class are rejected.
func (s *passwordShape) generate() secret.Secret {
	alphabet := strings.Join(s.alphabets, "")
	for {
		candidate := make([]byte, s.Length)
		for i := range candidate {
			candidate[i] = alphabet[randomIndex(len(alphabet))]
		}
		lacks := func(class string) bool { return !strings.ContainsAny(string(candidate), class) }
		if !slices.ContainsFunc(s.alphabets, lacks) {
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

// choosePassword returns the password that was given as field, or for "" a generated one with its
// shape. Rules beside a given password would have no effect, which the caller has to know.
func choosePassword(field, given string, length int, rules characterRules) (secret.Secret, *passwordShape, error) {
	if given == "" {
		shape, err := rules.shape(length)
		if err != nil {
			return secret.Secret{}, nil, err
		}
		return shape.generate(), shape, nil
	}
	if rules != (characterRules{}) {
		return secret.Secret{}, nil, fault.New(fault.InvalidArgument, fmt.Sprintf("Rules for a generated password have no effect beside `%s`.", field),
			fmt.Sprintf("Leave out `%s` to have a password generated, or leave out the rules.", field))
	}
	return secret.New(given), nil, tool.CheckLine(field, given)
}
