package otp

import (
	"net/url"
	"strings"
	"unicode"
)

// urlFacts is what a URL says by itself.
type urlFacts struct {
	acts        bool // a word for the action in path or query keys
	namesAction bool // that word is long enough to be meant: verify, confirm, reset
	invites     bool // that word is one of invitations
	tracker     bool // it leads on to another URL
	other       bool // a word for something else
	neverActs   bool // a word that no label outweighs: unsubscribe, deny
	token       int  // 0 none, 1 an identifier, 2 something opaque
}

// blockingWords are those of a URL that no label outweighs.
var blockingWords = setOf("unsubscribe", "unsub", "optout", "deny", "decline", "cancel", "revoke", "undo", "reject", "lock", "rsvp")

func readURL(raw string) urlFacts {
	var f urlFacts
	if _, rest, ok := strings.Cut(raw, "://"); ok {
		raw = rest
	}
	path, query := "", ""
	if i := strings.IndexAny(raw, "/?#"); i >= 0 {
		path = strings.TrimPrefix(raw[i:], "/")
	}
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path, query = path[:i], path[i+1:]
	}
	segments := strings.Split(path, "/")
	for i, seg := range segments {
		f.words(seg)
		f.token = max(f.token, tokenKind(seg, i == len(segments)-1))
	}
	for pair := range strings.FieldsFuncSeq(query, func(r rune) bool { return strings.ContainsRune("&#?;/", r) }) {
		key, val, ok := strings.Cut(pair, "=")
		key = strings.ToLower(key)
		if !ok {
			f.words(key)
			f.token = max(f.token, tokenKind(key, false))
			continue
		}
		if strings.HasPrefix(key, "utm_") || plainKeys[key] {
			continue
		}
		if actionKeys[key] {
			f.words(val)
			continue
		}
		f.token = max(f.token, tokenKind(val, true))
		for _, w := range append(splitWords(key), key) {
			cl := words().exact[w]
			if cl&clURLTokenKey != 0 && len(val) >= 4 {
				f.token = 2
			}
			f.acts = f.acts || len(w) > 2 && cl&clURLVerb != 0
		}
	}
	f.other = f.other && !f.tracker
	return f
}

// plainKeys carry what is no token, actionKeys the name of an action.
var (
	plainKeys  = setOf("lang", "locale", "ref", "source", "email", "redirect", "next", "continue", "return", "returnto")
	actionKeys = setOf("action", "mode", "type", "op", "cmd", "do", "a", "flow", "event")
)

// words looks up the words of a path segment: verify-email, resetPassword. Inside a token only what
// stands before its first separator is looked at.
func (f *urlFacts) words(seg string) {
	if len(seg) > 60 {
		return
	}
	if decoded, err := url.PathUnescape(seg); err == nil {
		seg = decoded
	}
	if tokenKind(seg, false) > 0 {
		seg, _, _ = strings.Cut(seg, "-")
		if len(seg) < 4 || strings.ContainsFunc(seg, func(r rune) bool { return r < 'a' || r > 'z' }) {
			return
		}
	}
	for _, w := range splitWords(seg) {
		cl := words().exact[w]
		f.acts = f.acts || cl&clURLVerb != 0
		f.namesAction = f.namesAction || cl&clURLVerb != 0 && hasStem(w, actionStems)
		f.invites = f.invites || strings.HasPrefix(w, "invit") || w == "accept"
		f.other = f.other || cl&clURLOther != 0
		f.tracker = f.tracker || w == "click"
		f.neverActs = f.neverActs || blockingWords[w]
	}
}

// actionStems tell words that stand for the action itself from those that only go with it, as
// "account" and "go" do.
var actionStems = []string{"verif", "confirm", "activ", "reset", "magic", "approv", "invit", "accept", "passw", "validat",
	"bestatig", "bestaetig", "restable", "potvrd", "potwierd", "conferm"}

// splitWords splits at punctuation and at capitals inside a word, and adds the whole. Accents are
// folded.
func splitWords(seg string) []string {
	var out []string
	var cur []rune
	flush := func() {
		if len(cur) > 0 {
			out = append(out, string(foldRunes(string(cur))))
			cur = cur[:0]
		}
	}
	var last rune
	for _, r := range seg {
		switch {
		case !unicode.IsLetter(r):
			flush()
		case unicode.IsUpper(r) && unicode.IsLower(last):
			flush()
			cur = append(cur, r)
		default:
			cur = append(cur, r)
		}
		last = r
	}
	flush()
	if len(out) > 1 && len(out) <= 4 {
		out = append(out, strings.Join(out, ""))
	}
	return out
}

// tokenKind judges whether a path segment or value is a token: 2 opaque, 1 an identifier, 0 a word.
func tokenKind(s string, last bool) int {
	s = strings.TrimRight(s, ".,")
	digits, upper, lower, seps, changes, vowels := 0, 0, 0, 0, 0, 0
	prev := 0
	for _, r := range s {
		kind := 0
		switch {
		case r >= '0' && r <= '9':
			digits++
			kind = 1
		case r >= 'A' && r <= 'Z':
			upper++
			kind = 2
		case r >= 'a' && r <= 'z':
			lower++
			kind = 3
			if strings.ContainsRune("aeiouy", r) {
				vowels++
			}
		case strings.ContainsRune("-_.~%=:()", r):
			seps++
			continue
		default:
			return 0
		}
		if prev != 0 && kind != prev && !(prev == 2 && kind == 3) {
			changes++
		}
		prev = kind
	}
	n := digits + upper + lower
	opaque := digits > 0 && digits < n || upper > 0 && lower > 0 && changes >= 3 && seps <= 2 || n >= 16 && seps == 0 && vowels*5 < n
	switch {
	case n >= 8 && opaque && (seps == 0 || changes >= 2):
		return 2
	case digits == n && n >= 5,
		n >= 5 && opaque && seps == 0,
		last && n >= 3 && digits > 0 && upper > 0,
		last && n >= 4 && digits > 0 && lower > 0 && (changes >= 2 || isDigit(rune(s[0]))),
		last && n >= 5 && upper > 0 && lower > 0 && changes >= 2 && seps == 0:
		return 1
	}
	return 0
}
