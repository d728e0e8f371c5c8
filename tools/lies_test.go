package tools_test

import (
	"bufio"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
)

type lieMessage struct {
	Channel, From, Subject, Text, HTML string
	WantCode                           string `json:"want_code"`
	WantLink                           string `json:"want_link"`
}

// lie is a hostile message and its genuine twin (testdata/lies).
type lie struct {
	ID, Lang, Kind, Service, Reason string
	Hostile, Genuine                lieMessage
}

func lies(t *testing.T) []lie {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "testdata", "lies", "messages.jsonl"))
	require.NoError(t, err)
	defer f.Close()
	var all []lie
	languages, kinds := map[string]bool{}, map[string]bool{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var l lie
		require.NoError(t, json.Unmarshal(lines.Bytes(), &l))
		all = append(all, l)
		languages[l.Lang], kinds[l.Kind] = true, true
	}
	require.GreaterOrEqual(t, len(all), 120)
	require.GreaterOrEqual(t, len(languages), 15)
	require.GreaterOrEqual(t, len(kinds), 12)
	return all
}

// suspectWait is what the tests read of a wait for a code.
type suspectWait struct {
	Status, Code, Link, Cursor, Excerpt string
	Arrived                             struct {
		Count      int
		Suspicious []struct {
			ID      string `json:"message_id"`
			Reasons string
		}
		SuspiciousCount int `json:"suspicious_count"`
	}
}

// No message that lies ends a wait, whether it comes alone, before its genuine twin or after it;
// every twin does. Waits, lists and the message itself name the reason.
func TestMessagesThatLieEndNoWait(t *testing.T) {
	for _, l := range lies(t) {
		t.Run(l.ID, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newSystem(t, sandbox.Config{})
				a := h.connect(local())
				me := ok[created](t, a.call("create_identity", args{"name": "target"}))
				deliver := func(m lieMessage) {
					if m.Channel == "sms" {
						h.sms(me.Phone, m.From, m.Text)
					} else {
						h.mail(me.Address, m.From, m.Subject, m.Text, m.HTML)
					}
				}
				wait := func(cursor string) suspectWait {
					return ok[suspectWait](t, a.call("wait_for_otp", args{"cursor": cursor, "service": l.Service, "timeout_seconds": 5}))
				}
				genuine := func(w suspectWait, order string) {
					require.Equal(t, "found", w.Status, order)
					assert.Equal(t, l.Genuine.WantCode, w.Code, order)
					assert.Equal(t, l.Genuine.WantLink, w.Link, order)
					assert.NotEmpty(t, w.Excerpt)
				}
				deliver(l.Hostile)
				alone := wait(me.Cursor)
				require.Equal(t, "pending", alone.Status)
				require.Len(t, alone.Arrived.Suspicious, 1)
				assert.Equal(t, 1, alone.Arrived.SuspiciousCount)
				assert.Contains(t, alone.Arrived.Suspicious[0].Reasons, l.Reason)
				if !strings.HasSuffix(l.Reason, "_sender") { // which depends on the service
					id := alone.Arrived.Suspicious[0].ID
					read := ok[struct{ Message struct{ Suspicious []string } }](t, a.call("read_message", args{"message_id": id}))
					assert.Contains(t, read.Message.Suspicious, l.Reason)
					list := ok[struct {
						Messages []struct{ Suspicious []string }
					}](t, a.call("list_messages", nil))
					require.Len(t, list.Messages, 1)
					assert.Contains(t, list.Messages[0].Suspicious, l.Reason)
				}
				deliver(l.Genuine)
				genuine(wait(me.Cursor), "hostile first")

				cursor := ok[created](t, a.call("watch_inbox", nil)).Cursor
				deliver(l.Genuine)
				deliver(l.Hostile)
				genuine(wait(cursor), "genuine first")
			})
		})
	}
}

// Results of waits show what stands around the code, from the part that decided, and the message is
// read in that part.
func TestExcerptComesFromThePartThatDecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		a := h.connect(local())
		me := ok[created](t, a.call("create_identity", args{"name": "target"}))
		const page = `<p>Hello Ada,</p><p>Your Nimbus verification code is <b>482913</b>.</p><p>It expires in 10 minutes.</p>`
		h.mail(me.Address, "no-reply@nimbus.example", "Sign in", "This mail is best read in a program that shows HTML.", page)
		found := ok[struct {
			Code, Excerpt string
			ID            string `json:"message_id"`
		}](t, a.call("wait_for_otp", args{"cursor": me.Cursor}))
		assert.Equal(t, "482913", found.Code)
		assert.Equal(t, "Hello Ada, Your Nimbus verification code is 482913. It expires in 10 minutes.", found.Excerpt)
		type shown struct {
			Message struct{ Text, Excerpt string }
		}
		read := ok[shown](t, a.call("read_message", args{"message_id": found.ID}))
		assert.Contains(t, read.Message.Text, "482913")
		first := ok[shown](t, a.call("wait_for_message", args{"cursor": me.Cursor}))
		assert.Contains(t, first.Message.Text, "482913")
		assert.Equal(t, found.Excerpt, first.Message.Excerpt)
	})
}

// An SMS has no domain: its text names the service, in as many words as it likes, and where it does
// not, the hint says what to do.
func TestSMSNamesServiceInSeveralWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		a := h.connect(local())
		me := ok[created](t, a.call("create_identity", args{"name": "target"}))
		wait := func(more args) (w struct{ Status, Code, Hint string }) {
			in := args{"cursor": me.Cursor, "timeout_seconds": 5}
			maps.Copy(in, more)
			return ok[struct{ Status, Code, Hint string }](t, a.call("wait_for_otp", in))
		}
		h.sms(me.Phone, "32665", "482913 is your verification code.")
		w := wait(args{"service": "bankofamerica.com"})
		assert.Equal(t, "pending", w.Status)
		assert.Contains(t, w.Hint, "if it says none, leave service out")
		assert.Equal(t, "482913", wait(nil).Code)
		h.sms(me.Phone, "63001", "Your Bank of America code is 771302")
		w = wait(args{"service": "bankofamerica.com"})
		assert.Equal(t, "found", w.Status)
		assert.Equal(t, "771302", w.Code)
	})
}

// A message for people names no tool: each that is defined is a marker, and no other is.
func TestMessageThatNamesToolIsSuspicious(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("..", "internal", "suspicion", "languages", "common.txt"))
	require.NoError(t, err)
	for line := range strings.Lines(string(file)) {
		if list, found := strings.CutPrefix(strings.TrimSpace(line), "marker: "); found && strings.Contains(list, "wait_for_otp") {
			assert.ElementsMatch(t, slices.Collect(maps.Keys(newSystem(t, sandbox.Config{}).everything().known())), strings.Split(list, ", "))
			return
		}
	}
	assert.Fail(t, "common.txt lists no tools")
}
