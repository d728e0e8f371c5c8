package mail

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"

	"ravi-mcp/internal/otp"
	"ravi-mcp/ravi"
	"ravi-mcp/tools/tool"
)

// message is what is to be sent, before it is: where it goes, and all that others will read. The
// same function makes it for the question to a person and for the sending, so that its hash says
// whether both are about the same (Decision.Content).
type message struct {
	does    string             // what it does, in words for a person, such as "Sends an email"
	to      outgoing           // whom a person may have to decide about
	about   *ravi.EmailMessage // what is answered or forwarded; nil for a new message
	subject string             // "" where Ravi makes it
	body    string
	texts   []string // what else is read in it
	files   []file
}

// withFiles returns the words for the files.
func (m message) withFiles() string {
	if len(m.files) == 0 {
		return ""
	}
	names := tool.Convert(m.files, func(f file) string { return tool.Shown(f.name) })
	return fmt.Sprintf(" with the files %s,", strings.Join(names, ", "))
}

// shown returns sentences about the content: a person decides about what they see.
func (m message) shown() []string {
	var all []string
	if m.about != nil {
		all = append(all, fmt.Sprintf("It is about the email %s from %s.", tool.Shown(m.about.Subject), tool.Shown(m.about.From)))
	}
	if m.subject != "" {
		all = append(all, fmt.Sprintf("Its subject is %s.", tool.Shown(m.subject)))
	}
	body := m.body
	if strings.Contains(body, "<") {
		body, _ = otp.Text(body, 0)
	}
	if strings.TrimSpace(body) != "" {
		all = append(all, fmt.Sprintf("It begins: %s.", tool.ShownLines(body)))
	}
	return all
}

// hash is the same for messages with the same content, files and recipients only.
func (m message) hash() [sha256.Size]byte {
	type hashed struct {
		Name, Media string
		Content     [sha256.Size]byte
	}
	var about []any
	if m.about != nil { // without what reading changes
		about = []any{m.about.ID, m.about.From, m.about.ReplyTo, m.about.Subject}
	}
	whole, err := json.Marshal([]any{
		m.does, m.to.addresses, m.to.number, m.to.replyWarning, about, m.subject, m.body, m.texts,
		tool.Convert(m.files, func(f file) hashed { return hashed{f.name, f.media, sha256.Sum256(f.content)} }),
	})
	if err != nil {
		panic("mail: unreachable: " + err.Error()) // texts, numbers and times only
	}
	return sha256.Sum256(whole)
}
