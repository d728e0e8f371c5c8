package otp

import (
	"slices"
	"strconv"
	"strings"
)

// attrs are the attributes the walker looks at.
type attrs struct {
	href, class, id, alt, typ, value string
	style                            style
	hidden, button                   bool
}

type display uint8

const (
	displayUnset display = iota
	displayBlock
	displayInline
	displayInlineBlock
	displayCell
)

// sight is whether a property that an inner element may undo lets text be seen.
type sight uint8

const (
	sightUnset sight = iota
	sightNone
	sightSome
)

// style is what an inline style means to a reader.
type style struct {
	hidden     bool
	msoHidden  bool // in Outlook, which is shown another form of the same button
	visibility sight
	font       sight // font size
	display    display
	emph       bool
	plain      bool // normal weight: undoes inherited emphasis
	button     bool
	pre        bool
	color      string
	background string
}

func parseStyle(css string) style {
	var s style
	var zeroHeight, clipped, background, padding bool
	for decl := range strings.SplitSeq(css, ";") {
		name, val, ok := strings.Cut(decl, ":")
		if !ok {
			continue
		}
		name = strings.TrimSpace(name)
		val = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(val), "!important"))
		switch name {
		case "display":
			s.readDisplay(val)
		case "visibility":
			s.visibility = sightSome
			if val == "hidden" || val == "collapse" {
				s.visibility = sightNone
			}
		case "mso-hide":
			s.msoHidden = val == "all"
		case "opacity":
			if n, ok := number(val); ok && n == 0 {
				s.hidden = true
			}
		case "font-size":
			s.readFont(val)
		case "font-weight":
			n, ok := number(val)
			s.emph = s.emph || strings.HasPrefix(val, "bold") || ok && n >= 600
			s.plain = val == "normal" || ok && n <= 400
		case "font-family":
			s.emph = s.emph || strings.Contains(val, "mono") || strings.Contains(val, "consolas") || strings.Contains(val, "courier") || strings.Contains(val, "menlo")
		case "letter-spacing":
			n, ok := number(val)
			s.emph = s.emph || ok && (n >= 2 || n > 0.1 && strings.HasSuffix(val, "em"))
		case "height", "max-height", "width", "max-width":
			if n, ok := number(val); ok && n == 0 && !strings.HasSuffix(val, "%") {
				zeroHeight = true
			}
		case "overflow":
			clipped = val == "hidden"
		case "color":
			s.hidden = s.hidden || val == "transparent"
			s.color = colorOf(val)
		case "text-indent", "left", "top", "margin-left":
			if n, ok := number(val); ok && n <= -999 {
				s.hidden = true
			}
		case "background", "background-color", "border":
			if name != "border" {
				s.background = colorOf(val)
			}
			background = background || val != "transparent" && val != "none" && val != "0"
		case "padding":
			padding = true
		case "white-space":
			s.pre = strings.HasPrefix(val, "pre")
		}
	}
	s.hidden = s.hidden || zeroHeight && clipped
	s.button = padding && (background || s.display == displayInlineBlock || s.display == displayBlock)
	return s
}

// colorOf returns a colour in one form where it is easily known, else "".
func colorOf(val string) string {
	switch {
	case val == "white":
		return "#ffffff"
	case val == "black":
		return "#000000"
	case len(val) == 4 && val[0] == '#':
		return string([]byte{'#', val[1], val[1], val[2], val[2], val[3], val[3]})
	case len(val) == 7 && val[0] == '#':
		return val
	}
	return ""
}

func (s *style) readDisplay(val string) {
	switch val {
	case "none":
		s.hidden = true
	case "block", "table", "list-item", "table-row", "grid":
		s.display = displayBlock
	case "inline":
		s.display = displayInline
	case "inline-block", "inline-table", "inline-flex":
		s.display = displayInlineBlock
	case "table-cell":
		s.display = displayCell
	}
}

func (s *style) readFont(val string) {
	s.font = sightSome
	switch n, ok := number(val); {
	case !ok:
		s.emph = s.emph || val == "large" || val == "larger" || strings.HasSuffix(val, "x-large")
	case n == 0, n <= 1 && strings.HasSuffix(val, "px"):
		s.font = sightNone
	case strings.HasSuffix(val, "em"):
		s.emph = s.emph || n >= 1.4
	case strings.HasSuffix(val, "%"):
		s.emph = s.emph || n >= 140
	default:
		s.emph = s.emph || n >= 20
	}
}

// number reads the number a CSS value begins with.
func number(val string) (float64, bool) {
	i := 0
	for i < len(val) && (val[i] >= '0' && val[i] <= '9' || val[i] == '.' || i == 0 && val[i] == '-') {
		i++
	}
	if i == 0 || i > 12 {
		return 0, false
	}
	n, err := strconv.ParseFloat(val[:i], 64)
	return n, err == nil
}

// hidingSelectors adds the class and id selectors of a style sheet whose rules hide what they
// select. Rules inside @media are for other screens.
func hidingSelectors(known map[string]bool, sheet string) map[string]bool {
	depth, media, start := 0, 0, 0
	selector := ""
	for i := 0; i < len(sheet); i++ {
		switch sheet[i] {
		case '{':
			sel := strings.TrimSpace(sheet[start:i])
			depth++
			if strings.HasPrefix(sel, "@") {
				media = depth
			}
			selector, start = sel, i+1
		case '}':
			if depth > 0 && media == 0 && parseStyle(strings.ToLower(sheet[start:i])).hidden {
				known = addSelectors(known, selector)
			}
			if depth > 0 {
				if depth == media {
					media = 0
				}
				depth--
			}
			start = i + 1
		case '/':
			if i+1 < len(sheet) && sheet[i+1] == '*' {
				end := strings.Index(sheet[i+2:], "*/")
				if end < 0 {
					return known
				}
				if strings.TrimSpace(sheet[start:i]) == "" {
					start = i + 2 + end + 2
				}
				i += 2 + end + 1
			}
		}
	}
	return known
}

func addSelectors(known map[string]bool, list string) map[string]bool {
	for sel := range strings.SplitSeq(list, ",") {
		sel = strings.TrimSpace(sel)
		if dot := strings.IndexAny(sel, ".#"); dot > 0 && !strings.ContainsAny(sel, " >+~:[") {
			sel = sel[dot:] // div.preheader
		}
		if len(sel) < 2 || sel[0] != '.' && sel[0] != '#' || strings.ContainsAny(sel[1:], " .#>+~:[") || len(known) > 200 {
			continue
		}
		if known == nil {
			known = make(map[string]bool)
		}
		known[sel] = true
	}
	return known
}

func (w *walker) hiddenByCSS(a *attrs) bool {
	if len(w.css) == 0 {
		return false
	}
	return w.css["#"+a.id] ||
		slices.ContainsFunc(strings.Fields(a.class), func(name string) bool { return w.css["."+name] })
}
