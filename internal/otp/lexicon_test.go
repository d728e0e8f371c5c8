package otp

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The compiled-in files load, and every class has words.
func TestLanguageFilesLoad(t *testing.T) {
	lex, err := loadLexicon(languageFiles)
	require.NoError(t, err)
	var seen class
	for _, n := range append(lex.heads.nodes, append(lex.tails.nodes, lex.stops.nodes...)...) {
		seen |= n.whole | n.open
	}
	for _, cl := range lex.exact {
		seen |= cl
	}
	for name, cl := range sections {
		assert.NotZero(t, seen&cl, "no entry in a list %s", name)
	}
}

func TestMalformedLanguageFiles(t *testing.T) {
	for _, data := range []string{"[code]\na\n", "a\n[code-noun]\n", "[]\na\n"} {
		_, err := loadLexicon(fstest.MapFS{"languages/x.txt": {Data: []byte(data)}})
		require.ErrorContains(t, err, "languages/x.txt", data)
	}
}

// So that a diff shows what changed, and nothing is listed twice.
func TestLanguageFilesAreSortedAndUnique(t *testing.T) {
	names, err := fs.Glob(languageFiles, "languages/*.txt")
	require.NoError(t, err)
	for _, name := range names {
		data, err := fs.ReadFile(languageFiles, name)
		require.NoError(t, err)
		lists := map[string]bool{}
		list, last := "", ""
		for line := range strings.Lines(string(data)) {
			entry, ended := strings.CutSuffix(line, "\n")
			require.True(t, ended, "%s: the last line has no end", name)
			switch {
			case entry == "" || entry[0] == '#':
			case entry[0] == '[':
				require.False(t, lists[entry], "%s: %s stands twice", name, entry)
				list, last, lists[entry] = entry, "", true
			default:
				require.Equal(t, strings.TrimSpace(entry), entry, "%s %s", name, list)
				require.Less(t, last, entry, "%s %s: sort the entries by bytes, without doubles (LC_ALL=C sort -u)", name, list)
				last = entry
			}
		}
	}
}

// Stars, borders, accents, clitics and commas of entries.
func TestEntriesMatchAsWritten(t *testing.T) {
	lex, err := loadLexicon(fstest.MapFS{"languages/x.txt": {Data: []byte(`
# a comment
[code-noun]
code
*kod
stem*
رمز
验证

[other-number]
promo code
gift*

[link-verb]
yes it's me
`)}})
	require.NoError(t, err)
	find := func(text string) (out []string) {
		folded := foldRunes(text)
		labels, cues := lex.find(folded, allLanguages, nil, nil)
		for _, h := range append(labels, cues...) {
			out = append(out, string(folded[h.start:h.end]))
		}
		return out
	}
	assert.Equal(t, []string{"code"}, find("the Code, unicode encoded"), "whole words")
	assert.Equal(t, []string{"kod"}, find("Engångskod kodak"), "the end of a word")
	assert.Equal(t, []string{"stemmed"}, find("stemmed"), "the start of a word")
	assert.Equal(t, []string{"promo code"}, find("PROMO-CODE"), "the longest wins, a hyphen is a space")
	assert.Equal(t, []string{"رمز"}, find("الرمز"))
	assert.Equal(t, []string{"验证"}, find("您的验证是"), "no spaces needed")
	assert.Equal(t, []string{"code"}, find("code482033"), "a digit ends a word")
	assert.Equal(t, []string{"yes, it's me"}, find("Yes, it’s me"))
}

// eachEntry calls visit for the entries of all language files.
func eachEntry(t *testing.T, visit func(file, list, entry string)) {
	names, err := fs.Glob(languageFiles, "languages/*.txt")
	require.NoError(t, err)
	for _, name := range names {
		data, err := fs.ReadFile(languageFiles, name)
		require.NoError(t, err)
		list := ""
		for line := range strings.Lines(string(data)) {
			switch line = strings.TrimSpace(line); {
			case line == "" || line[0] == '#':
			case line[0] == '[':
				list = strings.Trim(line, "[]")
			default:
				visit(name, list, line)
			}
		}
	}
}

// A negative word that is an ordinary word of another language without its accents would kill the
// codes of that language.
func TestNegativeEntriesAreNoStopWordsElsewhere(t *testing.T) {
	files := map[string][]string{} // of a folded stop word
	eachEntry(t, func(file, list, entry string) {
		if list == "stop-word" {
			word := string(foldRunes(entry))
			files[word] = append(files[word], file)
		}
	})
	require.Greater(t, len(files), 400)
	eachEntry(t, func(file, list, entry string) {
		if sections[list]&negativeClasses == 0 {
			return
		}
		key, open := strings.CutSuffix(string(foldRunes(strings.TrimPrefix(entry, "*"))), "*")
		for word, in := range files {
			if word != key && !(open && strings.HasPrefix(word, key)) || len(in) == 1 && in[0] == file {
				continue
			}
			assert.Fail(t, "collision", "%s [%s] %s is the stop word %s of %v", file, list, entry, word, in)
		}
	})
}
