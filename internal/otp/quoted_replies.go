package otp

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// threadKind is what the subject says about the message.
type threadKind uint8

const (
	threadNone threadKind = iota
	threadReply
	threadForward
)

// subjectThread reads the prefix of a subject ("Re:", "AW:", "Fwd:", "転送:") and returns what is
// behind it. The first prefix decides.
func subjectThread(subject string) (kind threadKind, rest string) {
	rest = strings.TrimSpace(subject)
	for range 4 {
		head, tail, ok := cutPrefix(rest)
		if !ok {
			break
		}
		cl := words().exact[string(foldRunes(head))]
		if cl&(clSubjectReply|clSubjectForward) == 0 {
			break
		}
		if kind == threadNone {
			kind = threadReply
			if cl&clSubjectForward != 0 {
				kind = threadForward
			}
		}
		rest = strings.TrimSpace(tail)
	}
	return kind, rest
}

// cutPrefix splits a subject at its first colon if that comes early. A count as in "Re[2]:" does
// not belong to the prefix.
func cutPrefix(s string) (head, tail string, ok bool) {
	i := strings.IndexAny(s, ":：")
	if i < 0 || i > 40 {
		return "", "", false
	}
	_, size := utf8.DecodeRuneInString(s[i:])
	head, tail = s[:i], s[i+size:]
	if b := strings.IndexAny(head, "[(^"); b > 0 {
		head = head[:b]
	}
	return strings.TrimSpace(head), tail, true
}

// lines returns the bounds of all lines of the page.
func (p *page) lines() [][2]int {
	out := p.rows[:0]
	start := 0
	for i, r := range p.form {
		if r == '\n' {
			out = append(out, [2]int{start, i})
			start = i + 1
		}
	}
	p.rows = append(out, [2]int{start, len(p.form)})
	return p.rows
}

// hasForwardLine reports whether the page holds a "Forwarded message" line.
func (p *page) hasForwardLine() bool {
	return slices.ContainsFunc(p.cues, func(h hit) bool {
		if h.class&clForwardedMessage == 0 {
			return false
		}
		start, end := p.lineBounds(h.start)
		return end-start < 120
	})
}

// cutQuotes masks the quoted part of a reply. In a forward nothing is cut and only the marks at the
// start of lines go.
func (p *page) cutQuotes(kind threadKind) {
	lines := p.lines()
	for i, ln := range lines {
		if ln[0] == ln[1] {
			continue
		}
		if depth := quoteMarks(p.form[ln[0]:ln[1]]); depth > 0 && (p.kind == pageText || kind != threadNone) {
			if kind == threadForward {
				p.mask(ln[0], ln[0]+depth, ' ')
			} else {
				p.mask(ln[0], ln[1], '\n')
			}
			continue
		}
		if kind == threadForward {
			continue
		}
		switch {
		case p.isAttribution(lines, i, kind):
			p.mask(ln[0], ln[1], '\n')
			if next := p.nextLine(lines, i); next >= 0 && quoteMarks(p.form[lines[next][0]:lines[next][1]]) > 0 {
				continue // the marked lines go one by one; what is between them is the reply
			}
			p.mask(ln[0], len(p.form), '\n')
			return
		case p.isSeparator(ln), kind == threadReply && i > 0 && p.isHeaderBlock(lines, i):
			p.mask(ln[0], len(p.form), '\n')
			return
		}
	}
}

// quoteMarks returns the length of the "> > " marks at the start of a line.
func quoteMarks(line []rune) int {
	n := 0
	for n < len(line) && (line[n] == '>' || line[n] == '＞' || n > 0 && line[n] == ' ') {
		n++
	}
	return n
}

func (p *page) nextLine(lines [][2]int, i int) int {
	for i++; i < len(lines); i++ {
		if lines[i][1] > lines[i][0] {
			return i
		}
	}
	return -1
}

// isAttribution reports whether a line (or it and the next) is an "On Monday Kim wrote:" line.
func (p *page) isAttribution(lines [][2]int, i int, kind threadKind) bool {
	ln := lines[i]
	if ln[1]-ln[0] > 240 {
		return false
	}
	if p.endsWrote(ln, kind) {
		return true
	}
	// Mail programs break the line before or inside the address.
	next := p.nextLine(lines, i)
	if next != i+1 || lines[next][1]-lines[next][0] > 120 || !p.endsInColon(lines[next]) || !p.hasDigit(ln) ||
		p.hasDigit(lines[next]) && p.endsWrote(lines[next], kind) {
		return false
	}
	return p.endsWrote([2]int{ln[0], lines[next][1]}, kind) && p.form[ln[1]-1] != '.'
}

func (p *page) hasDigit(ln [2]int) bool { return slices.ContainsFunc(p.form[ln[0]:ln[1]], isDigit) }

// endsWrote reports whether a line ends with a word for "wrote" and a colon, and either looks dated
// or stands in a reply.
func (p *page) endsWrote(ln [2]int, kind threadKind) bool {
	return ln[1]-ln[0] >= 4 && p.endsInColon(ln) && (kind == threadReply || p.namesWriter(ln)) &&
		p.classesIn(ln[0], ln[1])&clAttribution != 0 && !p.labelIn(ln)
}

// labelIn reports a word for a code in a line: what ends in a colon there introduces the code.
func (p *page) labelIn(ln [2]int) bool {
	return slices.ContainsFunc(p.hits, func(h hit) bool {
		return h.class&(clCodeName|clCodeNoun) != 0 && h.start >= ln[0] && h.end <= ln[1]
	})
}

// namesWriter reports a line with an address, with a year and a clock time, or above a marked
// quotation. A number alone is in "enter this within 5 minutes:" too.
func (p *page) namesWriter(ln [2]int) bool {
	line := p.form[ln[0]:ln[1]]
	if !slices.ContainsFunc(line, isDigit) {
		return false
	}
	next := ln[1]
	for next < len(p.form) && p.form[next] == '\n' {
		next++
	}
	if slices.Contains(line, '@') || next < len(p.form) && quoteMarks(p.form[next:next+1]) > 0 {
		return true
	}
	year, clock := false, false
	for i := 0; i+3 < len(line); i++ {
		year = year || yearLike(string(line[i:i+4])) && !slices.ContainsFunc(line[i:i+4], isNoDigit)
		clock = clock || isClock(line[i:])
	}
	return year && clock
}

// isClock reports digits, a colon and two digits: the "2:30" of a clock time.
func isClock(s []rune) bool {
	return len(s) >= 4 && isDigit(s[0]) && s[1] == ':' && isDigit(s[2]) && isDigit(s[3])
}

func (p *page) endsInColon(ln [2]int) bool {
	end := ln[1]
	for end > ln[0] && p.form[end-1] == ' ' {
		end--
	}
	return end > ln[0] && p.form[end-1] == ':'
}

// isSeparator reports whether a line is "-----Original Message-----" in some language.
func (p *page) isSeparator(ln [2]int) bool {
	return ln[1]-ln[0] <= 100 && strings.ContainsRune("-_=", p.form[ln[0]]) &&
		p.classesIn(ln[0], ln[1])&clOriginalMessage != 0
}

// isHeaderBlock reports whether the quoted headers of an earlier message begin at line i: at least
// three header names within the next six lines.
func (p *page) isHeaderBlock(lines [][2]int, i int) bool {
	if !p.startsHeader(lines[i]) {
		return false
	}
	found := 0
	for _, ln := range lines[i:min(i+6, len(lines))] {
		if p.startsHeader(ln) {
			found++
		}
	}
	return found >= 3
}

func (p *page) startsHeader(ln [2]int) bool {
	for i := ln[0]; i < ln[1] && i < ln[0]+24; i++ {
		if i == ln[0] && !isLetter(p.form[i]) && p.form[i] != '*' {
			return false
		}
		if p.form[i] == ':' {
			name := strings.Trim(string(p.fold[ln[0]:i]), " *")
			return words().exact[name]&clMailHeader != 0
		}
	}
	return false
}

// automatic reports a message that a mail system or an absent person's program sent: what it quotes
// is old.
func automatic(m Message) bool {
	from := strings.ToLower(m.From)
	if strings.Contains(from, "mailer-daemon@") || strings.Contains(from, "postmaster@") {
		return true
	}
	head := strings.TrimSpace(m.Subject)
	if i := strings.IndexAny(head, ":：(（"); i > 0 {
		head = strings.TrimSpace(head[:i])
	}
	return len(head) <= 80 && words().exact[string(foldRunes(head))]&clSubjectAuto != 0
}
