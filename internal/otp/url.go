package otp

import (
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// urlFacts is what a URL says by itself.
type urlFacts struct {
	do    bool // a word for the action in path or query keys
	named bool // that word is long enough to be meant: verify, confirm, reset
	no    bool // a word for something else
	never bool // a word that no label outweighs: unsubscribe, deny
	token int  // 0 none, 1 an identifier, 2 something opaque
}

var neverWords = map[string]bool{"unsubscribe": true, "unsub": true, "optout": true, "deny": true, "decline": true, "cancel": true, "revoke": true, "undo": true, "reject": true, "lock": true, "rsvp": true}

func readURL(raw string) urlFacts {
	var f urlFacts
	rest := raw
	if i := strings.Index(rest, "://"); i >= 0 {
		rest = rest[i+3:]
	}
	path := ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		path = strings.TrimPrefix(rest[i:], "/")
	}
	path, query := splitQuery(path)
	segments := strings.Split(path, "/")
	for i, seg := range segments {
		f.words(seg)
		f.token = max(f.token, tokenKind(seg, i == len(segments)-1))
	}
	for pair := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == '#' || r == '?' || r == ';' || r == '/' }) {
		key, val, ok := strings.Cut(pair, "=")
		key = strings.ToLower(key)
		if !ok {
			f.words(key)
			f.token = max(f.token, tokenKind(key, false))
			continue
		}
		if strings.HasPrefix(key, "utm_") || key == "lang" || key == "locale" || key == "ref" || key == "source" || key == "email" {
			continue
		}
		if !isTarget(val) {
			f.words(val)
		}
		kind := tokenKind(val, true)
		if words().exact[key]&clURLTokenKey != 0 && len(val) >= 4 && kind < 2 {
			kind = 2
		}
		f.token = max(f.token, kind)
		if words().exact[key]&clURLVerb != 0 {
			f.do = true
		}
	}
	return f
}

// isTarget reports a path that says where to go afterwards.
func isTarget(val string) bool {
	return len(val) > 2 && (val[0] == '/' || strings.EqualFold(val[:3], "%2f"))
}

func splitQuery(s string) (path, query string) {
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

// words looks up the words of a path segment: verify-email, resetPassword.
func (f *urlFacts) words(seg string) {
	if len(seg) > 60 {
		return
	}
	if decoded, err := url.PathUnescape(seg); err == nil {
		seg = decoded
	}
	for _, w := range splitWords(seg) {
		cl := words().exact[w]
		f.do = f.do || cl&clURLVerb != 0
		f.named = f.named || cl&clURLVerb != 0 && namedWords(w)
		f.no = f.no || cl&clURLOther != 0
		f.never = f.never || neverWords[w]
	}
}

// namedWords tells words that stand for the action itself from those that only
// go with it, as "account" and "go" do.
func namedWords(w string) bool {
	for _, stem := range [...]string{"verif", "confirm", "activ", "reset", "magic", "approv", "invit", "passw", "validat", "bestatig", "bestaetig", "restable", "potvrd", "potwierd", "conferm"} {
		if strings.HasPrefix(w, stem) {
			return true
		}
	}
	return false
}

// splitWords splits at punctuation and at capitals inside a word, and adds
// the whole. Accents are folded.
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

// tokenKind judges whether a path segment or value is a token: 2 opaque, 1 an
// identifier, 0 a word.
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
		case r == '-' || r == '_' || r == '.' || r == '~' || r == '%' || r == '=' || r == ':' || r == '(' || r == ')':
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
	switch {
	case n >= 16 && (digits > 0 && changes >= 3 || upper > 0 && lower > 0 && changes >= 3 && seps <= 2):
		return 2
	case n >= 6 && digits > 0 && digits < n && changes >= 2:
		return 2
	case n >= 20 && seps == 0 && vowels*5 < n:
		return 2
	case digits == n && n >= 5:
		return 1
	case n >= 6 && digits > 0 && lower+upper > 0 && seps == 0:
		return 1
	case last && n >= 3 && digits > 0 && upper > 0:
		return 1
	case last && n >= 4 && digits > 0 && lower > 0 && (changes >= 2 || isDigit(rune(s[0]))):
		return 1
	case last && n >= 5 && upper > 0 && lower > 0 && changes >= 2 && seps == 0:
		return 1
	}
	return 0
}

// newLink fills in what can be said about a chosen URL.
func newLink(l *linkCandidate, m Message, c Context) *Link {
	out := &Link{URL: stripInvisible(l.url), Label: cleanLine(l.label, 80), Confidence: linkConfidence(l.score)}
	out.Unwrapped = unwrap(out.URL)
	target := out.URL
	if out.Unwrapped != "" {
		target = out.Unwrapped
	}
	out.Host, out.Punycode = hostOf(target)
	ascii := out.Host
	if out.Punycode != "" {
		ascii = out.Punycode
	}
	out.Domain = registrable(ascii)
	out.MatchesSender = matches(out.Domain, m.From, c.Service)
	out.Reason = strings.Join(l.notes, "; ")
	if out.Reason == "" {
		out.Reason = "the only link that acts"
	}
	return out
}

// unwrap returns the target of a known wrapper, else "".
func unwrap(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	host := strings.ToLower(u.Hostname())
	var target string
	switch {
	case strings.HasSuffix(host, ".safelinks.protection.outlook.com"):
		target = u.Query().Get("url")
	case (host == "google.com" || strings.HasPrefix(host, "www.google.")) && u.Path == "/url":
		target = u.Query().Get("q")
		if target == "" {
			target = u.Query().Get("url")
		}
	}
	if !isWeb(target) {
		return ""
	}
	return stripInvisible(target)
}

// hostOf returns the host as a person reads it and, if it has labels in other
// scripts, its ASCII form.
func hostOf(raw string) (host, punycode string) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", ""
	}
	name := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	ascii, err := idna.Punycode.ToASCII(name)
	if err != nil {
		ascii = name
	}
	shown, err := idna.Punycode.ToUnicode(ascii)
	if err != nil || shown == "" {
		shown = ascii
	}
	shown = stripInvisible(shown)
	if shown != ascii {
		return shown, ascii
	}
	return ascii, ""
}

func registrable(host string) string {
	d, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return host
	}
	return d
}

// matches compares a registrable domain with the sender's and with a named
// service ("GitHub", "github.com").
func matches(domain, from, service string) bool {
	if domain == "" {
		return false
	}
	if addr, err := mail.ParseAddress(from); err == nil {
		from = addr.Address
	}
	if _, host, ok := strings.Cut(from, "@"); ok {
		host = strings.Trim(strings.ToLower(host), " >.")
		if ascii, err := idna.Punycode.ToASCII(host); err == nil && registrable(ascii) == domain {
			return true
		}
	}
	service = strings.ToLower(strings.TrimSpace(service))
	if service == "" {
		return false
	}
	if strings.Contains(service, ".") {
		return registrable(strings.TrimPrefix(service, "www.")) == domain
	}
	name, _, _ := strings.Cut(domain, ".")
	return name == strings.Join(strings.Fields(strings.ReplaceAll(service, "-", " ")), "") || name == strings.ReplaceAll(service, " ", "-")
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
