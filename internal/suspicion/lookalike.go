package suspicion

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/net/publicsuffix"
	"golang.org/x/text/unicode/norm"

	"ravi-mcp/internal/host"
)

// lists.txt holds letters that look like ASCII ones, words that look-alikes add, and providers that
// count clicks.
//
//go:embed lists.txt
var listsFile string

type lists struct {
	letters  map[rune]string
	added    map[string]bool
	trackers map[string]bool
}

var tables = sync.OnceValue(func() *lists {
	l := &lists{letters: make(map[rune]string), added: make(map[string]bool), trackers: make(map[string]bool)}
	section := ""
	for line := range strings.Lines(listsFile) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0 || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			section = fields[0]
		case section == "[letters]":
			for _, r := range fields[1] {
				l.letters[r] = fields[0]
			}
		case section == "[added]":
			for _, w := range fields {
				l.added[w] = true
			}
		case section == "[trackers]":
			for _, w := range fields {
				l.trackers[w] = true
			}
		}
	}
	return l
})

// tracker reports whether a host belongs to a provider that counts clicks for senders of mail.
func tracker(ascii string) bool { return tables().trackers[host.Domain(ascii)] }

// skeleton is a name as the eye takes it: accents gone, letters of other scripts and digits as the
// letters that they look like. Names with one skeleton look alike; it is of no use but to compare.
func skeleton(name string) string {
	letters := tables().letters
	var b strings.Builder
	for _, r := range norm.NFKD.String(folded(name)) {
		if like, ok := letters[r]; ok {
			b.WriteString(like)
		} else if !unicode.Is(unicode.Mn, r) {
			b.WriteRune(r)
		}
	}
	return strings.NewReplacer("rn", "m", "vv", "w").Replace(b.String())
}

// resembles reports whether a host that is not the service's looks as if it were: the service's
// name in other letters, with one letter changed, with a word added, under another suffix or as a
// sub-domain. Where the caller gave a name only, a word added has to be one that look-alikes add.
func (s Service) resembles(ascii string) bool {
	if s.heads(ascii) {
		return true
	}
	suffix, _ := publicsuffix.PublicSuffix(ascii)
	for label := range strings.SplitSeq(host.Unicode(strings.TrimSuffix(ascii, "."+suffix)), ".") {
		// A name alone may have a sub-domain at another's: acme.helpdesk.example.
		if (s.domain != "" || label != s.joined) && s.looksLike(label, s.domain != "") {
			return true
		}
	}
	return false
}

// heads reports whether a host begins with a domain that is the service's, or by its name could be,
// and goes on: github.com.mailer.example, github.com-login.example.
func (s Service) heads(ascii string) bool {
	labels := strings.Split(ascii, ".")
	suffix, _ := publicsuffix.PublicSuffix(ascii)
	for i, label := range labels[:len(labels)-1] {
		rest := labels[i+1:]
		if !s.Named() || host.Unicode(label) != s.joined || strings.Join(rest, ".") == suffix {
			continue
		}
		if s.domain != "" {
			from := strings.Join(labels[i:], ".")
			if strings.HasPrefix(from, s.domain+".") || strings.HasPrefix(from, s.domain+"-") {
				return true
			}
			continue
		}
		first, _, hyphen := strings.Cut(rest[0], "-")
		if hyphen && (first == "com" || first == "net" || first == "org") {
			return true
		}
		for n := range min(2, len(rest)-1) {
			next := strings.Join(rest[:n+1], ".")
			if public, icann := publicsuffix.PublicSuffix("x." + next); icann && public == next {
				return true
			}
		}
	}
	return false
}

// namesAnother reports whether the display name of a mail's sender is, or holds, an address of
// another domain than the mailbox.
func namesAnother(from string) bool {
	open := strings.LastIndexByte(from, '<')
	if open < 0 {
		return false
	}
	_, at, _ := host.Mailbox(from[open:])
	name := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, folded(from[:open]))
	for _, address := range mailAddress.FindAllString(name, -1) {
		if _, shown, ok := host.Mailbox(address); ok && host.Domain(shown) != host.Domain(at) {
			return true
		}
	}
	return false
}

// looksLike compares one label. With anyWord, any word beside the name makes a look-alike.
func (s Service) looksLike(label string, anyWord bool) bool {
	want, got := skeleton(s.joined), skeleton(label)
	joined := compact(got)
	switch n := len([]rune(want)); {
	case n < 3:
		return false
	case joined == want, n >= 5 && (oneEdit(joined, want) || oneEdit(compact(folded(label)), s.joined)):
		return true
	case n >= 5 && anyWord && strings.Contains(joined, want):
		return true
	case n >= 4:
		before, after, found := strings.Cut(joined, want)
		if found && before+after != "" && (before == "" || addedWords(before)) && (after == "" || addedWords(after)) {
			return true
		}
	}
	words := strings.FieldsFunc(got, func(r rune) bool { return r == '-' || r == '_' })
	return slices.Contains(words, want) && (anyWord || slices.ContainsFunc(words, addedWords))
}

// addedWords reports whether s is made of words that look-alikes add, and digits.
func addedWords(s string) bool {
	s = strings.Trim(s, "0123456789")
	if s == "" || tables().added[s] {
		return true
	}
	for i := 2; i < len(s)-1; i++ {
		if tables().added[s[:i]] && addedWords(s[i:]) {
			return true
		}
	}
	return false
}

// imitatedBy reports whether a sender in letters looks like the service's name and is not it.
func (s Service) imitatedBy(from string) bool {
	is := func(name string) bool { return compact(name) == s.joined }
	return !slices.ContainsFunc(spellings(folded(from)), is) && s.looksLike(strings.ReplaceAll(folded(from), " ", "-"), false)
}

// oneEdit reports whether a becomes b by one letter added, dropped, changed, or swapped with its
// neighbour.
func oneEdit(a, b string) bool {
	x, y := []rune(a), []rune(b)
	if len(x) > len(y) {
		x, y = y, x
	}
	i := 0
	for i < len(x) && x[i] == y[i] {
		i++
	}
	switch len(y) - len(x) {
	case 1:
		return slices.Equal(x[i:], y[i+1:])
	case 0:
		return i < len(x) && (slices.Equal(x[i+1:], y[i+1:]) ||
			i+1 < len(x) && x[i] == y[i+1] && x[i+1] == y[i] && slices.Equal(x[i+2:], y[i+2:]))
	}
	return false
}

// foreignLetters reports whether a label of a host mixes Latin letters with others that look like
// them, or is made of nothing but such letters under a suffix in ASCII. Names of one script are
// names.
func foreignLetters(ascii string) bool {
	if !strings.Contains(ascii, "xn--") {
		return false
	}
	labels := strings.Split(host.Unicode(ascii), ".")
	suffixIsASCII := !strings.ContainsFunc(labels[len(labels)-1], func(r rune) bool { return r >= 0x80 })
	for _, label := range labels[:len(labels)-1] {
		latin, like, other := 0, 0, 0
		for _, r := range label {
			_, looks := tables().letters[r]
			switch {
			case unicode.Is(unicode.Latin, r):
				latin++
			case looks && r >= 0x80:
				like++
			case unicode.IsLetter(r):
				other++
			}
		}
		if like > 0 && (latin > 0 || other == 0 && suffixIsASCII) {
			return true
		}
	}
	return false
}
