package otp

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An entry is a word or a phrase. One that is most of a committed message was written for it, and
// reads no other.
func TestNoMessageIsQuotedInLanguageFiles(t *testing.T) {
	long := map[string]string{} // folded entries, and their files
	eachEntry(t, func(file, list, entry string) {
		if list == "code-name" || list == "code-noun" {
			return // a message may be nothing but a label and its number
		}
		if key := strings.Trim(string(foldRunes(entry)), "*?"); len([]rune(key)) >= 18 {
			long[key] = file + " [" + list + "]"
		}
	})
	for _, name := range []string{"sample", "own", "kinds", "pairs", "hostile"} {
		f, err := os.Open("../../testdata/otp/" + name + ".jsonl")
		require.NoError(t, err)
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 4<<20)
		for lines.Scan() {
			message := string(foldRunes(lines.Text()))
			_, text, _ := strings.Cut(message, "\"text\": \"")
			text, _, _ = strings.Cut(text, "\", \"html\"")
			for key, in := range long {
				if len(key)*10 >= len(text)*8 && strings.Contains(text, key) {
					assert.Fail(t, "quoted", "%s %s: %s in %s", name, in, key, text)
				}
			}
		}
		require.NoError(t, lines.Err())
		require.NoError(t, f.Close())
	}
}
