package otp

import (
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
	for _, n := range append(lex.heads.nodes, lex.tails.nodes...) {
		seen |= n.whole | n.open
	}
	for _, cl := range lex.exact {
		seen |= cl
	}
	for name, cl := range classNames {
		assert.NotZero(t, seen&cl, "no word of class %s", name)
	}
}

func TestAnUnknownClassIsAnError(t *testing.T) {
	_, err := loadLexicon(fstest.MapFS{"languages/x.txt": {Data: []byte("code: a\nnoun: b\n")}})
	require.ErrorContains(t, err, "languages/x.txt")
}

// Stars, borders, accents, clitics and commas of entries.
func TestEntriesMatchAsWritten(t *testing.T) {
	lex, err := loadLexicon(fstest.MapFS{"languages/x.txt": {Data: []byte(`
# a comment
noun: code, *kod, stem*, رمز, 验证
decoy: promo code, gift*
do: yes it's me
`)}})
	require.NoError(t, err)
	find := func(text string) (out []string) {
		folded := foldRunes(text)
		labels, cues := lex.find(folded, nil, nil)
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
