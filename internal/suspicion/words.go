package suspicion

import (
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// languages/README.md says what the lists mean.
//
//go:embed languages/*.txt
var languageFiles embed.FS

// class is the list that an entry stands in.
type class int

// The lists.
const (
	none class = iota
	clAgent
	clHelper
	clLead
	clCustomer
	clReads
	clIgnore
	clRules
	clPrior
	clMarker
	clSystem
	clForward
	clReply
	clSend
	clPost
	clSecret
	clItem
	clPlace
	clNeed
	clOrder
	clNever
	clAfter
	clIf
	clUser
	clTell
	clQuiet
	clOther
	// What is no word.
	clMail
	clNumber
	clURL
	clStop  // the end of a sentence
	clBreak // a comma, a colon, a dash
)

var classNames = map[string]class{
	"agent": clAgent, "helper": clHelper, "lead": clLead, "customer": clCustomer, "reads": clReads, "ignore": clIgnore, "rules": clRules,
	"prior": clPrior, "marker": clMarker, "system": clSystem, "forward": clForward, "reply": clReply, "send": clSend,
	"post": clPost, "secret": clSecret, "item": clItem, "place": clPlace, "need": clNeed, "order": clOrder, "never": clNever,
	"after": clAfter, "if": clIf, "user": clUser, "tell": clTell, "quiet": clQuiet, "other": clOther,
}

type entry struct {
	words    []string
	open     bool // the last word may go on
	class    class
	language int // everyLanguage for what is common
}

const everyLanguage = -1

// lexicon is the words of all languages. Each of them is read by itself.
type lexicon struct {
	entries   map[string][]entry // by the first letters
	languages int
	marks     []string // markers that are no words, looked up as they stand
}

var words = sync.OnceValue(func() *lexicon {
	lex, err := loadLexicon(languageFiles)
	if err != nil {
		return &lexicon{} // the files are compiled in, and a test reads them
	}
	return lex
})

func loadLexicon(files fs.FS) (*lexicon, error) {
	names, err := fs.Glob(files, "languages/*.txt")
	if err != nil {
		return nil, err
	}
	lex := &lexicon{entries: make(map[string][]entry)}
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		language := lex.languages
		if name == "languages/common.txt" {
			language = everyLanguage
		} else {
			lex.languages++
		}
		if err := lex.read(language, string(data)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return lex, nil
}

func (lex *lexicon) read(language int, data string) error {
	for line := range strings.Lines(data) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		name, list, _ := strings.Cut(line, ":")
		cl, ok := classNames[name]
		if !ok {
			return fmt.Errorf("no list %q", name)
		}
		for text := range strings.SplitSeq(list, ",") {
			text, open := strings.CutSuffix(strings.TrimSpace(text), "*")
			if strings.ContainsAny(text, "<>[]#_\"") {
				lex.marks = append(lex.marks, text)
				continue
			}
			e := entry{open: open, class: cl, language: language}
			for _, t := range tokenize(text) {
				if t.class == none {
					e.words = append(e.words, t.text)
				}
			}
			if len(e.words) > 0 {
				key := head(e.words[0])
				lex.entries[key] = append(lex.entries[key], e)
			}
		}
	}
	return nil
}

func head(word string) string {
	for i, n := 0, 0; i < len(word); n++ {
		if n == 2 {
			return word[:i]
		}
		_, size := utf8.DecodeRuneInString(word[i:])
		i += size
	}
	return word
}

// found is the longest entry of a language that begins with a token.
type found struct {
	class  class
	length int // in tokens; 0 for none
}

// match finds the longest entry of every language that begins with the first token.
func (lex *lexicon) match(tokens []token, best []found) {
	word := tokens[0].text
	hit := lex.longest(word, tokens, best)
	// Arabic and Hebrew write "and", "the" and "to" as part of the next word.
	if first, size := utf8.DecodeRuneInString(word); !hit && len(word) > 3*size && unicode.In(first, unicode.Arabic, unicode.Hebrew) {
		lex.longest(word[size:], tokens, best)
	}
}

func (lex *lexicon) longest(first string, tokens []token, best []found) (hit bool) {
	keys := [...]string{head(first), firstRune(first)}
	for i, key := range keys {
		if i > 0 && key == keys[0] {
			break
		}
		for _, e := range lex.entries[key] {
			if len(e.words) > len(tokens) || !e.matches(first, tokens) {
				continue
			}
			hit = true
			from, to := e.language, e.language+1
			if e.language == everyLanguage {
				from, to = 0, len(best)
			}
			for l := from; l < to; l++ {
				if len(e.words) > best[l].length {
					best[l] = found{e.class, len(e.words)}
				}
			}
		}
	}
	return hit
}

func firstRune(word string) string {
	_, size := utf8.DecodeRuneInString(word)
	return word[:size]
}

func (e *entry) matches(first string, tokens []token) bool {
	for i, want := range e.words {
		got := tokens[i].text
		if i == 0 {
			got = first
		}
		if got != want && !(e.open && i == len(e.words)-1 && strings.HasPrefix(got, want)) {
			return false
		}
	}
	return true
}

// token is a word, a letter of a script without spaces, or what is no word and has a class.
type token struct {
	text  string
	class class
	line  bool // it begins a line
}

var (
	mailAddress = regexp.MustCompile(`[\pL\pN._%+-]+@[\pL\pN-]+(?:\.[\pL\pN-]+)+`)
	webAddress  = regexp.MustCompile(`(?i)https?://[^\s<>"]+|\bwww\.[^\s<>"]+`)
	phoneNumber = regexp.MustCompile(`\+\pN[\pN \-.()/]{6,18}\pN|\b0\pN[\pN \-/]{7,16}\pN`)
)

// maxRead is how many bytes of a text are read: more than a model is shown.
const maxRead = 32 << 10

// tokenize folds a text and splits it. A line that is shorter than most lines of running text ends
// its sentence.
func tokenize(text string) []token {
	if len(text) > maxRead {
		text = strings.ToValidUTF8(text[:maxRead], "")
	}
	if strings.Contains(text, "://") || strings.Contains(text, "www.") {
		text = webAddress.ReplaceAllString(text, " \x03$0\x03 ")
	}
	if strings.Contains(text, "@") {
		text = mailAddress.ReplaceAllString(text, " \x01$0\x01 ")
	}
	text = phoneNumber.ReplaceAllString(text, " \x02 ")
	text = norm.NFC.String(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || unicode.In(r, unicode.Mn) && !unicode.In(r, unicode.Devanagari, unicode.Thai, unicode.Bengali, unicode.Tamil, unicode.Telugu) && r != '\u3099' && r != '\u309A' {
			return -1
		}
		return r
	}, norm.NFKD.String(cases.Fold().String(text))))
	var tokens []token
	lineStart, column := true, 0
	add := func(s string, cl class) {
		tokens = append(tokens, token{text: s, class: cl, line: lineStart})
		lineStart = false
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		column++
		switch {
		case r == '\x01' || r == '\x03':
			end := strings.IndexRune(text[i+1:], r)
			if end < 0 {
				return tokens
			}
			cl := clMail
			if r == '\x03' {
				cl = clURL
			}
			add(text[i+1:i+1+end], cl)
			size = end + 2
		case r == '\x02':
			add("", clNumber)
		case unspaced(r):
			add(text[i:i+size], none)
		case wordRune(r):
			end := i + size
			for end < len(text) {
				next, n := utf8.DecodeRuneInString(text[end:])
				if !wordRune(next) || unspaced(next) {
					break
				}
				end += n
			}
			add(text[i:end], none)
			size = end - i
		case r == '\n':
			if column < 40 || strings.HasPrefix(text[i+1:], "\n") {
				add("", clStop)
			}
			lineStart, column = true, 0
		case strings.ContainsRune(".!?;\u3002\u061f\u06d4\u0964\u037e…", r):
			if rest := text[i+size:]; unspacedStop(r) || rest == "" || strings.ContainsAny(rest[:1], " \n\t\"')]*_") || rest[0] >= 0x80 {
				add("", clStop)
			}
		case strings.ContainsRune(",:()-–—\u060c\u3001|/]}>\"", r):
			if r != '-' || i > 0 && text[i-1] == ' ' {
				add("", clBreak)
			}
		}
		i += size
	}
	return tokens
}

func unspacedStop(r rune) bool { return r == '\u3002' || r == '!' || r == '?' }

func wordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

func unspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai) || r == 'ー'
}
