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
	heads   *trie            // entries that begin at the start of a word
	tails   *trie            // entries that may begin inside a word
	stops   *trie            // ordinary words, by which a language is known
	exact   map[string]class // whole strings: prefixes, URL words
	names   []string         // of the files, in order of their bits in languages
	byWords languages        // those that have stop words
}

func newLexicon() *lexicon {
	return &lexicon{heads: newTrie(), tails: newTrie(), stops: newTrie(), exact: make(map[string]class)}
}

var words = sync.OnceValue(func() *lexicon {
	lex, err := loadLexicon(languageFiles)
	if err != nil {
		// The files are compiled in and read by a test; an unreadable one leaves an empty table
		// rather than a crash on input.
		return newLexicon()
	}
	return lex
})

func loadLexicon(files fs.FS) (*lexicon, error) {
	lex := newLexicon()
	var err error
	if lex.names, err = fs.Glob(files, "languages/*.txt"); err != nil {
		return nil, err
	}
	for i, name := range lex.names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		if err := lex.read(name, string(data), 1<<i); err != nil {
			return nil, err
		}
	}
	lex.heads.freeze()
	lex.tails.freeze()
	lex.stops.freeze()
	return lex, nil
}

// read adds the entries of one file: one a line, below the header of their list.
func (l *lexicon) read(file, data string, spoken languages) error {
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
			l.add(line, section, spoken)
		}
	}
	return nil
}

func (l *lexicon) add(entry string, cl class, spoken languages) {
	entry, sure := strings.CutPrefix(entry, "?")
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
	if len(key) > maxAmbiguous && cl != clStopWord && !sure {
		spoken = allLanguages
	}
	switch {
	case cl == clStopWord:
		l.stops.add(key, cl, spoken, open, false)
		l.byWords |= spoken
	case inside || unspaced(key[0]):
		l.tails.add(key, cl, spoken, open, sure)
	default:
		l.heads.add(key, cl, spoken, open, sure)
	}
}

// hit is one entry found in a page, as rune offsets.
type hit struct {
	start, end int
	class      class
}

// find appends the entries in text (folded runes), in order, without those that lie wholly inside a
// longer one of the same kind. Negative entries count in the languages given.
func (l *lexicon) find(text []rune, spoken languages, labels, cues []hit) ([]hit, []hit) {
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
			l.heads.longest(text, i, spoken, &label, &cue)
		}
		l.tails.longest(text, i, spoken, &label, &cue)
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
func cueClasses(text []rune, spoken languages) class {
	var cl class
	_, cues := words().find(text, spoken, nil, nil)
	for _, h := range cues {
		cl |= h.class
	}
	return cl
}
