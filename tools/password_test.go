package tools_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
)

type generated struct {
	Password, Source string
	Identity         *struct{ UUID string }
	ResolvedBy       string `json:"resolved_by"`
}

const (
	lower   = "abcdefghijklmnopqrstuvwxyz"
	upper   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	decimal = "0123456789"
	signs   = "-_.!@*+="
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

func TestPropertyGeneratedPasswordsKeepTheRules(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.worker("maker")
	rapid.Check(t, func(rt *rapid.T) {
		length := rapid.IntRange(8, 128).Draw(rt, "length")
		exclude := rapid.StringOfN(rapid.RuneFrom([]rune(lower+upper+decimal+signs+"ß€")), 0, 20, -1).Draw(rt, "exclude")
		arguments := args{"length": length, "exclude_characters": exclude, "source": rapid.SampledFrom([]string{"local", "ravi"}).Draw(rt, "source")}
		off := map[string]bool{}
		left := 0
		for class, all := range map[string]string{"no_lowercase": lower, "no_uppercase": upper, "no_digits": decimal, "no_special": signs} {
			if off[class] = rapid.Bool().Draw(rt, class); off[class] {
				arguments[class] = true
				continue
			}
			for _, c := range all {
				if !strings.ContainsRune(exclude, c) {
					left++
				}
			}
		}
		r := a.call("generate_password", arguments)
		if left < 10 {
			require.Equal(rt, fault.InvalidArgument, refused(t, r).Code)
			return
		}
		got := ok[generated](t, r)
		require.Equal(rt, arguments["source"], got.Source)
		require.Equal(rt, got.Source == "ravi", got.Identity != nil)
		require.Len(rt, got.Password, length)
		if exclude != "" {
			require.False(rt, strings.ContainsAny(got.Password, exclude))
		}
		for class, all := range map[string]string{"no_lowercase": lower, "no_uppercase": upper, "no_digits": decimal} {
			possible := !off[class] && strings.Trim(all, exclude) != ""
			require.Equal(rt, possible, strings.ContainsAny(got.Password, all), class)
		}
	})
}

func TestALocalPasswordNeedsNoIdentityAndNoRavi(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.connect(local())
	got := ok[generated](t, a.call("generate_password", nil))
	assert.Len(t, got.Password, 24)
	assert.Nil(t, got.Identity)
	assert.Empty(t, h.ravi.Server.Requests())
	assert.Equal(t, fault.IdentityRequired, refused(t, a.call("generate_password", args{"source": "ravi"})).Code)
}
