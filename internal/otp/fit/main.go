// Command fit measures what the package otp finds in the committed messages: precision, recall and
// the share that is wholly right, by corpus, kind, language, channel and fold. A fold is what
// a cross-validation leaves out together: all messages of a kind, or of a language.
//
//	go run ./internal/otp/fit            # all corpora
//	go run ./internal/otp/fit -miss FILE # also the messages of FILE that are read wrongly
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ravi-mcp/internal/otp"
)

// message is one line of a corpus. Messages of a pair have the same Pair.
type message struct {
	ID       string  `json:"id"`
	Channel  string  `json:"channel"`
	From     string  `json:"from"`
	Subject  string  `json:"subject"`
	Text     string  `json:"text"`
	HTML     string  `json:"html"`
	WantCode *string `json:"want_code"`
	WantLink *string `json:"want_link"`
	Lang     string  `json:"lang"`
	Kind     string  `json:"kind"`
	Pair     string  `json:"pair"`
	corpus   string
}

func main() {
	dir := flag.String("corpora", "testdata/otp", "directory of the *.jsonl files")
	miss := flag.String("miss", "", "print the messages of this corpus that are read wrongly")
	flag.Parse()
	if err := run(os.Stdout, *dir, *miss); err != nil {
		fmt.Fprintln(os.Stderr, "fit:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, dir, miss string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		return err
	}
	groups := map[string]*tally{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".jsonl")
		if name == "hostile" {
			continue // held against its own tests
		}
		messages, err := read(file)
		if err != nil {
			return err
		}
		for _, m := range messages {
			m.corpus = name
			v := otp.Extract(otp.Message{Channel: otp.Channel(m.Channel), From: m.From, Subject: m.Subject, Text: m.Text, HTML: m.HTML}, otp.Context{})
			link := ""
			if v.Link != nil {
				link = v.Link.URL
			}
			right := true
			for _, g := range m.groups() {
				if groups[g] == nil {
					groups[g] = &tally{}
				}
				right = groups[g].add(m, v.Code, link)
			}
			if !right && name == miss {
				fmt.Fprintf(out, "MISS %s %s %s/%s code %q want %q, link %q want %q (%s)\n  %s | %s\n", m.ID, m.Channel, m.Lang, m.Kind,
					v.Code, value(m.WantCode), link, value(m.WantLink), v.Reason, m.Subject, strings.ReplaceAll(m.Text, "\n", "⏎"))
			}
		}
	}
	names := make([]string, 0, len(groups))
	for g := range groups {
		names = append(names, g)
	}
	slices.Sort(names)
	for _, g := range names {
		fmt.Fprintf(out, "%-34s %s\n", g, groups[g])
	}
	return nil
}

// folds is how many parts the kinds, and the languages, are dealt into.
const folds = 5

func fold(group string) int {
	h := fnv.New32a()
	io.WriteString(h, group)
	return int(h.Sum32() % folds)
}

func (m message) groups() []string {
	return []string{
		"all", "channel " + m.Channel, "corpus " + m.corpus, "lang " + m.Lang, "corpus " + m.corpus + " " + m.Channel,
		"kind " + m.corpus + "/" + m.Kind,
		fmt.Sprintf("fold of kinds %d", fold(m.Kind)), fmt.Sprintf("fold of languages %d", fold(m.Lang)),
	}
}

func read(file string) ([]message, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []message
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		var m message
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		out = append(out, m)
	}
	return out, lines.Err()
}

// tally counts what was found and what was right.
type tally struct {
	messages, exact int
	code, link      counts
}

type counts struct{ wanted, got, right int }

func (c *counts) add(want, got string) {
	if want != "" {
		c.wanted++
	}
	if got != "" {
		c.got++
	}
	if got != "" && got == want {
		c.right++
	}
}

func (t *tally) add(m message, code, link string) bool {
	t.messages++
	t.code.add(value(m.WantCode), code)
	t.link.add(value(m.WantLink), link)
	right := code == value(m.WantCode) && link == value(m.WantLink)
	if right {
		t.exact++
	}
	return right
}

func (t *tally) String() string {
	return fmt.Sprintf("%4d messages  exact %.3f  code P %.3f R %.3f  link P %.3f R %.3f", t.messages, ratio(t.exact, t.messages),
		ratio(t.code.right, t.code.got), ratio(t.code.right, t.code.wanted), ratio(t.link.right, t.link.got), ratio(t.link.right, t.link.wanted))
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 1
	}
	return float64(a) / float64(b)
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
