package otp

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/publicsuffix"
)

// maskAddresses hides URLs, e-mail addresses and domain names from the search for codes, and notes
// bare http and https URLs as links.
func (p *page) maskAddresses() {
	for i := 0; i < len(p.form); {
		if p.form[i] <= ' ' {
			i++
			continue
		}
		// One run of runes without whitespace at a time. Most are words.
		start, kinds := i, uint8(0)
		for i < len(p.form) && p.form[i] > ' ' {
			kinds |= kindOf(p.form[i])
			i++
		}
		if kinds&kindAddress != 0 {
			p.maskRun(start, i)
		}
	}
}

// maskRun masks what is an address inside one run of non-space runes.
func (p *page) maskRun(start, end int) {
	for i := start; i < end; i++ {
		scheme := p.schemeAt(i, end)
		if scheme == 0 {
			continue
		}
		stop := p.urlEnd(i, end)
		if stop > i+scheme {
			if rest := p.brokenRest(i, stop, end); rest > stop {
				stop = rest // half a link opens nothing
			} else {
				p.bareLink(i, stop)
			}
			p.mask(i, stop, maskRune)
		}
		i = max(stop-1, i)
	}
	p.maskNames(start, end)
}

// schemeAt returns the length of "http://", "https://" or "www." at i.
func (p *page) schemeAt(i, end int) int {
	switch p.form[i] {
	case 'h', 'H', 'w', 'W':
	default:
		return 0
	}
	if i > 0 && joinsCode(p.form[i-1]) {
		return 0
	}
	for _, s := range [...]string{"https://", "http://", "www."} {
		if i+len(s) < end && strings.EqualFold(string(p.form[i:i+len(s)]), s) {
			return len(s)
		}
	}
	return 0
}

// urlEnd finds where a bare URL ends: at a rune that no URL holds unescaped, less the punctuation
// that closes the sentence.
func (p *page) urlEnd(start, limit int) int {
	end := start
	for end < limit && kindOf(p.form[end])&kindEndsURL == 0 && kindOf(p.show[end])&(kindEndsURL|kindUnspaced) == 0 {
		end++
	}
	round, square := balance(p.form[start:end])
	for ; end > start; end-- {
		switch last := p.form[end-1]; {
		case last == ')' && round < 0:
			round++
		case last == ']' && square < 0:
			square++
		case strings.ContainsRune("'*_~", last) && !p.opensWith(start, last), !strings.ContainsRune(".,;:!?'*_~>।؟۔", last):
			return end
		}
	}
	return end
}

// opensWith reports whether the mark that ends a URL stands before it too, as "*https://…*" does;
// alone it belongs to the URL.
func (p *page) opensWith(start int, mark rune) bool {
	return start > 0 && p.form[start-1] == mark
}

// balance counts brackets that open less those that close.
func balance(s []rune) (round, square int) {
	for _, r := range s {
		switch r {
		case '(':
			round++
		case ')':
			round--
		case '[':
			square++
		case ']':
			square--
		}
	}
	return round, square
}

// brokenRest returns the end of the line behind a long URL that a mail program broke: letters and
// digits, and nothing else.
func (p *page) brokenRest(start, stop, limit int) int {
	if stop != limit || stop-start < 60 || stop >= len(p.form) || p.form[stop] != '\n' {
		return stop
	}
	i, letters, digits := stop+1, false, false
	for ; i < len(p.form) && p.form[i] != '\n'; i++ {
		if p.form[i] >= 0x80 || !isWordRune(p.form[i]) {
			return stop
		}
		letters, digits = letters || isLetter(p.form[i]), digits || isDigit(p.form[i])
	}
	if !letters || !digits {
		return stop
	}
	return i
}

func (p *page) bareLink(start, end int) {
	if len(p.anchors) >= maxAnchors || p.flags[start]&(flagAnchor|flagMasked) != 0 ||
		!strings.EqualFold(string(p.show[start:min(end, start+4)]), "http") {
		return
	}
	p.anchors = append(p.anchors, anchor{url: string(p.show[start:end]), start: start, end: end, bare: true})
}

// maskNames masks e-mail addresses, domain names and @handles in a run.
func (p *page) maskNames(start, end int) {
	for i := start; i < end; {
		if !nameRune(p.form[i]) {
			i++
			continue
		}
		j, at, dot := i, -1, -1
		for j < end && (nameRune(p.form[j]) || p.form[j] == '@' || p.form[j] == '.' && j+1 < end && nameRune(p.form[j+1])) {
			switch p.form[j] {
			case '@':
				at = j
			case '.':
				dot = j
			}
			j++
		}
		switch {
		case at > i && dot > at:
			p.mask(i, j, maskRune)
		case dot > i && p.isDomain(i, dot, j):
			// The path of a bare domain belongs to it.
			for j < end && p.form[j] > ' ' && !unspaced(p.form[j]) && (p.form[j] == '/' || p.form[j-1] == '/' || p.inPath(i, j)) {
				j++
			}
			p.mask(i, j, maskRune)
		}
		i = j
	}
}

// inPath reports whether j lies behind a slash that follows the name at i.
func (p *page) inPath(i, j int) bool {
	if !slices.Contains(p.form[max(i+1, j-199):j], '/') {
		return false
	}
	return nameRune(p.form[j]) ||
		strings.ContainsRune("-?=&%.#~+", p.form[j]) && j+1 < len(p.form) && nameRune(p.form[j+1])
}

// isDomain reports whether name.tld at i is a domain: a known suffix, and not the border of two
// sentences without a space ("482033.Do not share").
func (p *page) isDomain(i, dot, end int) bool {
	tld := p.show[dot+1 : end]
	if len(tld) < 2 || len(tld) > 24 ||
		!slices.ContainsFunc(p.form[i:dot], func(r rune) bool { return !isDigit(r) && r != '.' }) ||
		slices.ContainsFunc(tld, func(r rune) bool { return !joinsCode(r) }) {
		return false
	}
	if unicode.IsUpper(tld[0]) && !unicode.IsUpper(tld[len(tld)-1]) {
		return false
	}
	name := strings.ToLower(string(tld))
	if name == "example" || name == "test" || name == "invalid" || name == "localhost" {
		return true
	}
	suffix, icann := publicsuffix.PublicSuffix(name)
	_, known := publicsuffix.PublicSuffix("x." + name) // the default rule takes any last label for a suffix
	return icann && suffix == name && known
}
