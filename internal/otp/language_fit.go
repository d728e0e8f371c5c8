package otp

import "strings"

// languages is a set of language files, one bit each.
type languages uint32

// allLanguages is for texts too short to tell.
const allLanguages = ^languages(0)

// maxAmbiguous is the longest entry, in runes, that may be a word of another language; a longer one
// tells its language by itself.
const maxAmbiguous = 6

// maxFit bounds the runes of a page that its language is told by.
const maxFit = 1500

// fit returns the languages that texts can be in: all that have no stop words, since their script
// tells them, English, whose words all use, and those with at least half as many stop words in the
// text as the one with the most.
func (l *lexicon) fit(pages []*page) languages {
	var counts [32]int
	for _, p := range pages {
		l.countStops(p.fold[:min(len(p.fold), maxFit)], &counts)
	}
	most := 0
	for i := range l.names {
		most = max(most, counts[i])
	}
	if most < 2 {
		return allLanguages
	}
	fit := allLanguages &^ l.byWords
	for i, name := range l.names {
		if counts[i]*2 >= most || strings.HasSuffix(name, "/en.txt") {
			fit |= 1 << i
		}
	}
	return fit
}

func (l *lexicon) countStops(text []rune, counts *[32]int) {
	for i := 0; i < len(text); i++ {
		if !isLetter(text[i]) {
			continue
		}
		node := l.stops.root(text[i])
		for i++; i < len(text) && isWordRune(text[i]); i++ {
			if node != 0 {
				node = l.stops.child(node, text[i])
			}
		}
		if node == 0 {
			continue
		}
		for k, spoken := 0, l.stops.nodes[node].spoken; spoken != 0; k, spoken = k+1, spoken>>1 {
			counts[k] += int(spoken & 1)
		}
	}
}
