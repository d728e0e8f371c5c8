package ravi

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func cut(t testing.TB, in string) string {
	t.Helper()
	out, err := io.ReadAll(&textCutter{from: iotest.HalfReader(strings.NewReader(in))})
	require.NoError(t, err)
	return string(out)
}

func TestLongTextsAreCutBetweenCharacters(t *testing.T) {
	for name, unit := range map[string]string{
		"ascii": "x", "quote": `\"`, "backslash": `\\`, "unicode escape": `\u00e9`, "two bytes": "é", "four bytes": "😀", "mixed": `a\"é\u0041😀\\`,
	} {
		in := `{"a":"short \" one","long":"` + strings.Repeat(unit, maxText) + `","b":[1,"\\"]}`
		var got map[string]any
		require.NoError(t, json.Unmarshal([]byte(cut(t, in)), &got), name)
		long := got["long"].(string)
		assert.True(t, utf8.ValidString(long), name)
		assert.LessOrEqual(t, len(long), maxText, name)
		var whole string
		require.NoError(t, json.Unmarshal([]byte(`"`+strings.Repeat(unit, maxText)+`"`), &whole))
		assert.True(t, strings.HasPrefix(whole, long), name)
		assert.Equal(t, `short " one`, got["a"], name)
		assert.Equal(t, []any{1.0, `\`}, got["b"], name)
	}
}

// What has no long string passes unchanged; what is valid JSON stays so.
func FuzzTextCutter(f *testing.F) {
	f.Add(`{"a":"\u12",":"\\"}`)
	f.Add(`["\"","😀",{"x":null}]`)
	f.Fuzz(func(t *testing.T, in string) {
		if len(in) < maxText {
			require.Equal(t, in, cut(t, in))
		}
		long := strings.ReplaceAll(in, "x", strings.Repeat("x", maxText))
		if json.Valid([]byte(long)) {
			require.True(t, json.Valid([]byte(cut(t, long))))
		}
	})
}
