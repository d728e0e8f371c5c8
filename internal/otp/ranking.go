package otp

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// value is all places that show one code.
type value struct {
	code          string
	best          *candidate
	score         float64
	found         []finding // of the best place, and what several places say together
	other, direct bool      // one place calls it another kind of number, or a code
	kinds         uint8     // of pages that show it, one bit each
}

// dropLists rejects candidates of one shape that stand alone on four or more lines in a row:
// recovery codes.
func dropLists(found []*candidate) {
	for i := 0; i < len(found); {
		j := i + 1
		for j < len(found) && found[j].alone && found[i].alone && len(found[j].code) == len(found[i].code) && found[j].code != found[i].code && found[j].start-found[j-1].end < 12 {
			j++
		}
		if j-i >= 4 {
			for _, c := range found[i:j] {
				c.rejected = "one of a list of codes"
			}
		}
		i = j
	}
}

// dropWords rejects words in capitals that stand in the line of a value with digits, or next to it:
// "OTP ICICI 482913".
func dropWords(found []*candidate) {
	beside := func(c, o *candidate) bool {
		return o.shape < shapeLetters && o.rejected == "" && withinLines(o.page.form[min(c.end, o.end):max(c.start, o.start)])
	}
	for i, c := range found {
		if c.shape == shapeLetters && c.sep == 0 &&
			(i > 0 && beside(c, found[i-1]) || i+1 < len(found) && beside(c, found[i+1])) {
			c.rejected = "a word beside a number"
		}
	}
}

// withinLines reports whether at most one line ends in a text.
func withinLines(text []rune) bool {
	lines := 0
	for _, r := range text {
		if r == '\n' {
			lines++
		}
	}
	return lines <= 1
}

const textAndHTML uint8 = 1<<pageText | 1<<pageHTML

// rank sums the places of each value and sorts the values.
func (s *scoring) rank() []*value {
	byCode := make(map[string]*value)
	var out []*value
	expired := make(map[string]bool)
	for _, c := range s.candidates {
		if c.rejected != "" {
			expired[c.code] = expired[c.code] || c.rejected == rejectedExpired || c.rejected == rejectedKey
			continue
		}
		val := byCode[c.code]
		if val == nil {
			val = &value{code: c.code, best: c, score: c.score}
			byCode[c.code] = val
			out = append(out, val)
		}
		if c.score > val.score {
			val.best, val.score = c, c.score
		}
		val.kinds |= 1 << c.page.kind
		val.other = val.other || slices.ContainsFunc(c.found, func(f finding) bool { return f.feature == featOtherAt })
		val.direct = val.direct || c.direct
	}
	out = slices.DeleteFunc(out, func(v *value) bool { return expired[v.code] })
	visible := false // a value that is seen is plausible
	for _, val := range out {
		val.found = slices.Clip(val.best.found)
		if val.kinds&(1<<pageSubject) != 0 && val.kinds != 1<<pageSubject {
			val.found = append(val.found, finding{featSubjectToo, 1})
		}
		if val.other && !val.direct && !slices.ContainsFunc(val.found, func(f finding) bool { return f.feature == featOtherAt }) {
			val.found = append(val.found, finding{featOtherAt, 1})
		}
		if val.kinds&textAndHTML == textAndHTML {
			val.found = append(val.found, finding{featBothParts, 1})
		}
		val.score = s.weights.sum(val.found)
		visible = visible || val.best.page.kind != pageHidden && val.score >= CodeThreshold
	}
	for _, val := range out {
		if visible && val.kinds == 1<<pageHidden {
			val.score = min(val.score, CodeThreshold) - 3
		}
	}
	slices.SortStableFunc(out, func(a, b *value) int { return cmp.Compare(b.score, a.score) })
	return out
}

// confidence maps a score to 0..1, with 0.5 at CodeThreshold.
func confidence(score float64) float64 { return sigmoid((score - CodeThreshold) * 0.75) }

// sigmoid maps the distance to a threshold to 0..0.99, with two decimals.
func sigmoid(x float64) float64 {
	return math.Round(min(1/(1+math.Exp(-x)), 0.99)*100) / 100
}

// rivals reports whether another value is plausible and not clearly behind the best.
func (v *value) rivals(top *value) bool {
	room := margin
	if top.best.direct && v.best.direct {
		room = marginLabelled
	}
	return v.score >= CodeThreshold && top.score-v.score < room &&
		!strings.Contains(top.code, v.code) && !strings.Contains(v.code, top.code)
}
