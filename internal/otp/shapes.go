package otp

import "unicode"

// needsLabel is for shapes that ordinary words have too.
func needsLabel(c *candidate) bool {
	switch c.shape {
	case shapeLetters, shapeWords:
		return true
	case shapeMixed:
		return c.sep != '-'
	case shapeGrouped:
		return c.unequal
	}
	return false
}

// readShape notes what a candidate looks like, in an offer or elsewhere.
func (c *candidate) readShape(offer bool) {
	n := len(c.code)
	switch c.shape {
	case shapeLetters:
		c.add(featLetters, true)
	case shapeWords:
	case shapeMixed:
		c.add(featMixed, c.sep == 0)
		c.add(featOffer, offer && promoLike(c.code))
		c.add(featMixedGroups, c.sep != 0)
	case shapePrefix:
		c.add(featListedPrefix, c.unequal) // "B-2207" may be a room
		c.add(featPrefix, !c.unequal)
	default:
		c.add(featSixDigits, n == 6)
		c.add(featUsualDigits, n == 4 || n == 5 || n == 8)
		c.add(featSevenDigits, n == 7)
		c.add(featGrouped, c.shape == shapeGrouped)
		c.add(featUneven, c.shape == shapeGrouped && c.unequal)
		c.add(featDigitByDigit, c.shape == shapeGrouped && !c.unequal && n >= 4 && c.end-c.start >= 2*n-1)
	}
}

// dateLike reports hyphenated pairs that read as a day and a month (14-02, 05-01-27) or as two
// years (2020-2024).
func dateLike(c *candidate) bool {
	if c.sep != '-' || c.shape != shapeGrouped {
		return false
	}
	two := func(i int) int { return int(c.code[i]-'0')*10 + int(c.code[i+1]-'0') }
	switch groups := c.end - c.start - len(c.code) + 1; {
	case groups == 2 && len(c.code) == 4, groups == 3 && len(c.code) == 6:
		a, b := two(0), two(2)
		return a >= 1 && b >= 1 && (a <= 31 && b <= 12 || a <= 12 && b <= 31)
	case groups == 2 && len(c.code) == 8:
		return yearLike(c.code[:4]) && yearLike(c.code[4:])
	}
	return false
}

// promoLike reports a word with a number at its end: SAVE20, WALD27.
func promoLike(code string) bool {
	letters := 0
	for _, r := range code {
		if isDigit(r) {
			break
		}
		letters++
	}
	return letters >= 3 && len(code)-letters <= 4
}

// transitions counts how often letters and digits change places: often in generated codes (e4k71p),
// seldom in words and versions.
func transitions(code string) int {
	n, last := 0, rune(0)
	for _, r := range code {
		if !isDigit(r) && !unicode.IsLetter(r) {
			continue
		}
		if last != 0 && isDigit(r) != isDigit(last) {
			n++
		}
		last = r
	}
	return n
}
