package otp

import (
	"embed"
	"io/fs"
	"sort"
	"strings"
	"sync"
)

// The words live in languages/*.txt, a file per language or family, one class
// per line: "class: entry, entry, …". Lines may repeat a class; # starts a
// comment. An entry is a word or phrase in its native spelling; case, accents
// and hyphens do not matter, and commas in messages are read over ("Yes, it's
// me" is the entry "yes it's me"). A star at its end lets the word go on (stems
// of inflected languages), a star in front lets it be the end of a longer word
// (compounds). Scripts written without spaces need no stars.
//
// All languages are looked up at once, so an entry must not be an ordinary
// word of another language: fold it in mind ("đến" is "den") and prefer
// phrases to short words. The longest entry at a place wins, so "promo code"
// hides the "code" in it.

//go:embed languages/*.txt
var languageFiles embed.FS

// class is a set of word classes, one bit each.
type class uint64

const (
	clStrong   class = 1 << iota // names a verification code: "verification code", "OTP"
	clNoun                       // may name one: "code", "PIN", "password"
	clAct                        // asks for or needs one: "enter", "sign in", "verify"
	clIs                         // stands between label and code: "is", "ist", "です"
	clDecoy                      // labels another number: "order", "ending in", "zip code"
	clScene                      // the message is about something else: parcel, coupon, meeting
	clDead                       // after a code: it does not work any more
	clOld                        // before a code: it is the old or the wrong one
	clCond                       // makes a dead word conditional: "if", "once"
	clUnit                       // after a number: quantity, money, street
	clMoney                      // before or after a number: currency
	clMonth                      // month and weekday names
	clHint                       // goes with codes: "do not share", "valid for"
	clOr                         // offers the link beside a code: "or open"
	clDo                         // link: verify, confirm, activate, reset, accept, approve
	clSignin                     // link: sign in, log in
	clClick                      // link: click here, open, continue
	clNo                         // link: unsubscribe, not me, help, shop
	clTypeAt                     // link: a page where the code is typed
	clReply                      // subject prefix of a reply
	clForward                    // subject prefix of a forward
	clWrote                      // "wrote:" lines
	clOriginal                   // "Original Message" lines
	clFwdLine                    // "Forwarded message" lines
	clHeader                     // header names quoted in mails: From:, Sent:, Subject:
	clPrefix                     // letters before a hyphen that make it no code: INV-, ORD-
	clURLDo                      // word in a URL that acts
	clURLNo                      // word in a URL that does not
	clURLKey                     // query key that carries a token
	clRSVP                       // answers to an invitation to an event
	clHand                       // the code is for a driver, courier or shop, not for a page
	clEither                     // "or", between a code and a link
	clMeans                      // "with": the number behind is what to use
	clFore                       // stands before "code" without making it another kind of code
	clBooking                    // names a verification code, or the letters of a booking
	clPlain                      // ordinary words that are never a code after "code"
)

var classNames = map[string]class{
	"strong": clStrong, "noun": clNoun, "act": clAct, "is": clIs, "decoy": clDecoy, "scene": clScene,
	"dead": clDead, "old": clOld, "cond": clCond, "unit": clUnit, "money": clMoney, "month": clMonth,
	"hint": clHint, "or": clOr, "do": clDo, "signin": clSignin, "click": clClick, "no": clNo, "typeat": clTypeAt,
	"reply": clReply, "forward": clForward, "wrote": clWrote, "original": clOriginal, "fwdline": clFwdLine,
	"header": clHeader, "prefix": clPrefix, "urldo": clURLDo, "urlno": clURLNo, "urlkey": clURLKey, "plain": clPlain, "booking": clBooking, "rsvp": clRSVP, "fore": clFore, "either": clEither, "means": clMeans, "hand": clHand,
}

// exactClasses are looked up as whole strings only, never in running text.
const exactClasses = clReply | clForward | clHeader | clPrefix | clURLDo | clURLNo | clURLKey | clFore | clEither | clMeans

// lexicon is the built table of all languages.
type lexicon struct {
	heads *trie            // entries that begin at the start of a word
	tails *trie            // entries that may begin inside a word
	exact map[string]class // whole strings: prefixes, URL words
}

var words = sync.OnceValue(func() *lexicon {
	lex, err := loadLexicon(languageFiles)
	if err != nil {
		// The files are compiled in and read by a test; an unreadable one
		// leaves an empty table rather than a crash on input.
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
	sort.Strings(names)
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

type lexiconError struct{ file, line string }

func (e *lexiconError) Error() string { return "otp: " + e.file + ": unknown class in line " + e.line }

func (l *lexicon) read(file, data string) error {
	for line := range strings.Lines(data) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, list, _ := strings.Cut(line, ":")
		cl, ok := classNames[strings.TrimSpace(name)]
		if !ok {
			return &lexiconError{file, line}
		}
		for entry := range strings.SplitSeq(list, ",") {
			l.add(strings.TrimSpace(entry), cl)
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

// labelClasses decide what a number is; the longest entry at a place hides
// what lies inside it. All other classes are cues about the message. They are
// looked up on their own, so that "do not share this code" hides no "code".
const labelClasses = clStrong | clNoun | clAct | clIs | clDecoy | clUnit | clMoney | clMonth | clBooking

// find appends the entries in text (folded runes), in order, without those
// that lie wholly inside a longer one of the same kind.
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
