package suspicion_test

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/otp"
	"ravi-mcp/internal/suspicion"
)

type message struct {
	ID, Channel, From, Subject, Text, HTML string
	WantCode                               *string `json:"want_code"`
	WantLink                               *string `json:"want_link"`
}

func messages(t *testing.T, name string) []message {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "testdata", "otp", name))
	require.NoError(t, err)
	defer f.Close()
	var all []message
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var m message
		require.NoError(t, json.Unmarshal(lines.Bytes(), &m))
		all = append(all, m)
	}
	require.NoError(t, lines.Err())
	return all
}

func reasonsOf(m message, service string) []suspicion.Reason {
	in := otp.Message{Channel: otp.Channel(m.Channel), From: m.From, Subject: m.Subject, Text: m.Text, HTML: m.HTML}
	v := otp.Extract(in)
	text, _ := otp.Clean(m.Text, 0)
	html, _ := otp.Text(m.HTML, 0)
	sender := suspicion.SenderOf(in, v, m.Subject, text, html)
	reasons := suspicion.Of(v, sender)
	if why := suspicion.NewService(service).Judge(sender); why != "" {
		reasons = append(reasons, why)
	}
	return reasons
}

// pair is a hostile message and its genuine twin (testdata/lies).
type pair struct {
	ID, Lang, Kind, Service string
	Reason                  suspicion.Reason
	Hostile, Genuine        message
}

func pairs(t *testing.T) []pair {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "testdata", "lies", "messages.jsonl"))
	require.NoError(t, err)
	defer f.Close()
	var all []pair
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var p pair
		require.NoError(t, json.Unmarshal(lines.Bytes(), &p))
		all = append(all, p)
	}
	require.NoError(t, lines.Err())
	return all
}

func TestLiesHaveTheirReasons(t *testing.T) {
	t.Parallel()
	all := pairs(t)
	require.GreaterOrEqual(t, len(all), 120)
	for _, p := range all {
		assert.Contains(t, reasonsOf(p.Hostile, p.Service), p.Reason, "%s: %s %s %s", p.ID, p.Hostile.From, p.Hostile.Text, p.Hostile.HTML)
		assert.Empty(t, reasonsOf(p.Genuine, p.Service), "%s: %s", p.ID, p.Genuine.Text)
	}
}

// No message of the corpora that has a code or a link becomes suspicious, but for those whose code
// is itself as 0000.
func TestGenuineMessagesAreNotSuspicious(t *testing.T) {
	t.Parallel()
	trivial := map[string]bool{"c031": true, "k1190": true, "k1192": true}
	for _, file := range []string{"own.jsonl", "kinds.jsonl", "sample.jsonl"} {
		for _, m := range messages(t, file) {
			if (m.WantCode != nil || m.WantLink != nil) && !trivial[m.ID] {
				assert.Empty(t, reasonsOf(m, ""), "%s %s %s %s %s", m.ID, m.From, m.Subject, m.Text, m.HTML[:min(len(m.HTML), 1500)])
			}
		}
	}
}

func TestLanguageFilesCanBeRead(t *testing.T) {
	t.Parallel()
	languages, err := suspicion.CountLanguages()
	require.NoError(t, err)
	assert.GreaterOrEqual(t, languages, 10)
}

func TestNearPhrasesAreSeparated(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "lies", "phrases.txt"))
	require.NoError(t, err)
	for line := range strings.Lines(string(data)) {
		sign, text, _ := strings.Cut(strings.TrimSpace(line), "|")
		reasons := reasonsOf(message{Channel: "email", From: "Larch <no-reply@larch.com>", Subject: "Your code", Text: text}, "")
		assert.Equal(t, sign == "+", len(reasons) > 0, "%s: %v", text, reasons)
	}
}
