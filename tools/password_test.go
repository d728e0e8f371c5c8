package tools_test

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
)

type generated struct {
	Password  string
	Generated shape
}

// shape is what a result says of a generated password.
type shape struct {
	Length  int
	Classes []string
}

const (
	lower   = "abcdefghijklmnopqrstuvwxyz"
	upper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	decimal = "0123456789"
	signs   = "-_.!@*+="
	ascii   = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
)

// 38,400 characters: every one of the 70 comes up as often as it should, at every place. The bounds
// are fixed where a fair generator fails once in more than a million runs, and a modulo bias (of
// 256 on 70: 33 %) always.
func TestGeneratedPasswordsAreUniform(t *testing.T) {
	a := newSystem(t, sandbox.Config{}).connect(local())
	all := lower + upper + decimal + signs
	count, pairs, seen := map[rune]float64{}, 0.0, map[string]bool{}
	total := 0.0
	for range 300 {
		p := ok[generated](t, a.call("generate_password", args{"length": 128})).Password
		require.Len(t, p, 128)
		require.False(t, seen[p], "twice the same")
		seen[p] = true
		for i, c := range p {
			require.Contains(t, all, string(c))
			count[c]++
			total++
			if i > 0 && rune(p[i-1]) == c {
				pairs++
			}
		}
	}
	expected := total / float64(len(all))
	chi := 0.0
	for _, c := range all {
		chi += (count[c] - expected) * (count[c] - expected) / expected
	}
	assert.Less(t, chi, 150.0, "69 degrees of freedom: the mean is 69, the standard deviation 12")
	assert.InDelta(t, total/70, pairs, 130, "a character does not depend on the one before it")
}

// siteRules are random rules of a site, as arguments and as the classes that they leave.
func siteRules(rt *rapid.T) (arguments args, classes map[string]string) {
	exclude := rapid.StringOfN(rapid.RuneFrom([]rune(lower+upper+decimal+ascii+"ß€")), 0, 20, -1).Draw(rt, "exclude")
	symbols := rapid.StringOfN(rapid.RuneFrom([]rune(ascii)), 0, 40, -1).Draw(rt, "symbols")
	arguments, classes = args{"exclude_characters": exclude, "allowed_symbols": symbols}, map[string]string{}
	for _, class := range []struct{ flag, name, all string }{
		{"no_lowercase", "lowercase", lower}, {"no_uppercase", "uppercase", upper}, {"no_digits", "digits", decimal},
		{"no_special", "symbols", cmp.Or(symbols, signs)},
	} {
		if rapid.Bool().Draw(rt, class.flag) {
			arguments[class.flag] = true
			if class.flag == "no_special" {
				delete(arguments, "allowed_symbols")
			}
			continue
		}
		for _, c := range class.all {
			if !strings.ContainsRune(exclude+classes[class.name], c) {
				classes[class.name] += string(c)
			}
		}
	}
	return arguments, classes
}

func TestPropertyGeneratedPasswordsKeepTheRules(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	clocked(h, -1)
	a := h.worker("maker")
	saved := ok[credential](t, a.call("save_credential", args{"domain": "old.example", "password": "old"}))
	rapid.Check(t, func(rt *rapid.T) {
		arguments, classes := siteRules(rt)
		length := rapid.IntRange(8, 128).Draw(rt, "length")
		tool := rapid.SampledFrom([]string{"generate_password", "save_credential", "update_credential"}).Draw(rt, "tool")
		switch tool {
		case "generate_password":
			arguments["length"] = length
		case "save_credential":
			maps.Copy(arguments, args{"domain": "new.example", "if_exists": "replace", "generate_length": length, "show": true})
		default:
			maps.Copy(arguments, args{"id": saved.Credential.ID, "generate_password": true, "generate_length": length, "show": true})
		}
		r := a.call(tool, arguments)
		allowed := strings.Join(slices.Collect(maps.Values(classes)), "")
		if len(allowed) < 10 {
			require.Equal(rt, fault.InvalidArgument, refused(t, r).Code)
			return
		}
		got := ok[generated](t, r)
		require.Len(rt, got.Password, length)
		require.Empty(rt, strings.Trim(got.Password, allowed), "other characters")
		for class, all := range classes {
			require.True(rt, strings.ContainsAny(got.Password, all), class)
		}
		require.Equal(rt, length, got.Generated.Length)
		require.ElementsMatch(rt, slices.Collect(maps.Keys(classes)), got.Generated.Classes)
	})
}

// A class that has to occur may be as small as one character, which makes it more frequent than its
// size says; within a class all characters are equally likely. The sum over all rules has the mean
// and the variance of its degrees of freedom, and a fair generator fails once in a million runs.
func TestPasswordsByRandomRulesAreUniform(t *testing.T) {
	a := newSystem(t, sandbox.Config{}).connect(local())
	chi, freedom := 0.0, 0.0
	rapid.Check(t, func(rt *rapid.T) {
		arguments, classes := siteRules(rt)
		arguments["length"] = 128
		count := map[rune]float64{}
		for range 10 {
			r := a.call("generate_password", arguments)
			if r.IsError {
				return
			}
			for _, c := range ok[generated](t, r).Password {
				count[c]++
			}
		}
		for _, class := range classes {
			total := 0.0
			for _, c := range class {
				total += count[c]
			}
			expected := total / float64(len(class))
			if expected < 20 {
				continue // too few for the test
			}
			for _, c := range class {
				chi += (count[c] - expected) * (count[c] - expected) / expected
			}
			freedom += float64(len(class) - 1)
		}
	})
	require.Greater(t, freedom, 100.0)
	assert.InDelta(t, freedom, chi, 5*math.Sqrt(2*freedom))
}

func TestAllowedSymbolsAreSymbols(t *testing.T) {
	a := newSystem(t, sandbox.Config{}).worker("careful")
	saved := ok[credential](t, a.call("save_credential", args{"domain": "shop.example", "allowed_symbols": "-_!"}))
	for _, c := range []struct {
		args args
		rule string
	}{
		{args{"allowed_symbols": "a-"}, "symbols only"},
		{args{"allowed_symbols": "-7"}, "symbols only"},
		{args{"allowed_symbols": "-, _"}, "symbols only"},
		{args{"allowed_symbols": "§"}, "symbols only"},
		{args{"allowed_symbols": "-", "no_special": true}, "no effect"},
	} {
		for tool, more := range map[string]args{
			"generate_password": {}, "save_credential": {"domain": "x.example"}, "update_credential": {"id": saved.Credential.ID, "generate_password": true},
		} {
			maps.Copy(more, c.args)
			body := refused(t, a.call(tool, more))
			assert.Equal(t, fault.InvalidArgument, body.Code)
			assert.Contains(t, body.Message, c.rule, "%s %v", tool, c.args)
		}
	}
	body := refused(t, a.call("update_credential", args{"id": saved.Credential.ID, "new_notes": "n", "allowed_symbols": "-"}))
	assert.Contains(t, body.Message, "without `generate_password`")
}

// The site says what it takes; the result says that the password is like that, and does not show
// it.
func TestResultSaysWhatThePasswordIsMadeOf(t *testing.T) {
	a := newSystem(t, sandbox.Config{}).worker("maker")
	saved := ok[credential](t, a.call("save_credential", args{"domain": "shop.example", "generate_length": 12, "no_uppercase": true, "allowed_symbols": "!"}))
	require.NotNil(t, saved.Generated)
	assert.Equal(t, shape{12, []string{"lowercase", "digits", "symbols"}}, *saved.Generated)
	assert.Empty(t, saved.Password)
	got := ok[changed](t, a.call("update_credential", args{"domain": "shop.example", "generate_password": true, "no_special": true}))
	assert.Equal(t, shape{24, []string{"lowercase", "uppercase", "digits"}}, *got.Generated)
	assert.Nil(t, ok[changed](t, a.call("update_credential", args{"domain": "shop.example", "new_password": "given"})).Generated)
	given := ok[credential](t, a.call("save_credential", args{"domain": "other.example", "password": "given"}))
	assert.Nil(t, given.Generated)
}

func TestGeneratedPasswordNeedsNoIdentity(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	got := ok[generated](t, h.connect(local()).call("generate_password", nil))
	assert.Len(t, got.Password, 24)
	assert.Equal(t, 24, got.Generated.Length)
	assert.Empty(t, h.ravi.Server.Requests())
}
