package suspicion

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"ravi-mcp/internal/otp"
)

// hiddenText is what a mail holds and no person sees as text: comments, elements that are not
// displayed, and the visible ones once more, since only a browser could tell them apart. It is read
// for what it asks, and is no evidence of anything else.
func hiddenText(m otp.Message) string {
	if m.HTML == "" {
		return ""
	}
	var b strings.Builder
	tokens := html.NewTokenizer(strings.NewReader(m.HTML[:min(len(m.HTML), otp.MaxInput)]))
	skip := false
	for b.Len() < maxRead {
		switch kind := tokens.Next(); kind {
		case html.ErrorToken:
			return b.String()
		case html.TextToken:
			if !skip {
				b.Write(tokens.Text())
			}
		case html.CommentToken:
			if text := string(tokens.Text()); !strings.Contains(text, "<") { // else it is markup for one program
				b.WriteString("\n\n" + text + "\n\n")
			}
		case html.StartTagToken, html.EndTagToken, html.SelfClosingTagToken:
			name, _ := tokens.TagName()
			switch atom.Lookup(name) {
			case atom.Script, atom.Style:
				skip = kind == html.StartTagToken
			case atom.B, atom.Strong, atom.I, atom.Em, atom.Span, atom.A, atom.Font, atom.U:
				b.WriteByte(' ')
			default:
				b.WriteString("\n\n")
			}
		}
	}
	return b.String()
}

// tagged reports text in tag characters (U+E0020 to U+E007E), which nothing shows and a model
// reads. Flags of regions have six of them at most.
func tagged(m otp.Message) bool {
	for _, part := range []string{m.Subject, m.Text, m.HTML} {
		run := 0
		for _, r := range part {
			if run++; r < 0xE0020 || r > 0xE007E {
				run = 0
			}
			if run > 8 {
				return true
			}
		}
	}
	return false
}
