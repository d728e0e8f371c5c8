package otp

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"sync"
)

// languages/README.md says how these files are written. They are read at the first message, not at
// the start.
//
//go:embed languages/*.txt
var languageFiles embed.FS

// lexicon is the built table of all languages.
type lexicon struct {
	heads *trie            // entries that begin at the start of a word
	tails *trie            // entries that may begin inside a word
	exact map[string]class // whole strings: prefixes, URL words
}

var words = sync.OnceValue(func() *lexicon {
	lex, err := loadLexicon(languageFiles)
	if err != nil {
		// The files are compiled in and read by a test; an unreadable one leaves an empty table
		// rather than a crash on input.
		return &lexicon{heads: newTrie(), tails: newTrie(), exact: map[string]class{}}
	}
	return lex
})

func loadLexicon(files fs.FS) (*lexicon, error) {
	lex := &lexicon{heads: newTrie(), tails: newTrie(), exact: make(map[string]class)}
	names, err := fs.Glob(files, "languages/*.txt")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		if err := lex.read(name, string(data)); err != nil {
			return nil, err
		}
	}
	lex.heads.freeze()
	lex.tails.freeze()
	return lex, nil
}

// read adds the entries of one file: one a line, below the header of their list.
func (l *lexicon) read(file, data string) error {
	var section class
	for line := range strings.Lines(data) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			if section = sections[strings.Trim(line, "[]")]; section == 0 {
				return fmt.Errorf("otp: %s: unknown section %s", file, line)
			}
		case section == 0:
			return fmt.Errorf("otp: %s: %q stands above the first section", file, line)
		default:
			l.add(line, section)
		}
	}
	return nil
}

func (l *lexicon) add(entry string, cl class) {
	entry, inside := strings.CutPrefix(entry, "*")
	entry, open := strings.CutSuffix(entry, "*")
	key := foldRunes(entry)
	if len(key) == 0 {
		return
	}
	if cl&exactClasses != 0 {
		l.exact[string(key)] |= cl
		return
	}
	if inside || unspaced(key[0]) {
		l.tails.add(key, cl, open)
	} else {
		l.heads.add(key, cl, open)
	}
}

// hit is one entry found in a page, as rune offsets.
type hit struct {
	start, end int
	class      class
}

// find appends the entries in text (folded runes), in order, without those that lie wholly inside a
// longer one of the same kind.
func (l *lexicon) find(text []rune, labels, cues []hit) ([]hit, []hit) {
	var labelEnd, cueEnd int
	var before uint8 // kind of the rune before
	for i, r := range text {
		kind := kindOf(r)
		prev := before
		before = kind
		if kind&kindWord == 0 && r != '%' {
			continue
		}
		label, cue := hit{start: i}, hit{start: i}
		start := prev&kindWord == 0 || (prev|kind)&kindUnspaced != 0 || prev&kindDigit != 0 && kind&kindDigit == 0
		if start || afterClitic(text, i) {
			l.heads.longest(text, i, &label, &cue)
		}
		l.tails.longest(text, i, &label, &cue)
		if label.end > labelEnd {
			labels = append(labels, label)
			labelEnd = label.end
		}
		if cue.end > cueEnd {
			cues = append(cues, cue)
			cueEnd = cue.end
		}
	}
	return labels, cues
}

// cueClasses returns the classes of all cues in a short text.
func cueClasses(text []rune) class {
	var cl class
	_, cues := words().find(text, nil, nil)
	for _, h := range cues {
		cl |= h.class
	}
	return cl
}
