// Package corpus reads the committed messages of testdata/otp and counts what was read rightly. It
// is for tests and for the command internal/otp/fit.
package corpus

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"ravi-mcp/internal/otp"
)

// Case is one line of a corpus: a message and what is to be found in it. The README beside them
// says what the fields mean.
type Case struct {
	ID       string `json:"id"`
	Channel  string `json:"channel"`
	From     string `json:"from"`
	Subject  string `json:"subject"`
	Text     string `json:"text"`
	HTML     string `json:"html"`
	WantCode string `json:"want_code"`
	WantLink string `json:"want_link"`
	Lang     string `json:"lang"`
	Kind     string `json:"kind"`
	Pair     string `json:"pair"`
	Notes    string `json:"notes"`
	Corpus   string `json:"-"` // name of the file, without its end
}

// Names are the corpora that are measured and fitted on. The hostile messages have tests of their
// own.
var Names = []string{"kinds", "own", "pairs", "sample"}

// Read returns the cases of one corpus in a directory. It fails on a line that is no case and on an
// ID that stands twice.
func Read(dir, name string) ([]Case, error) {
	f, err := os.Open(filepath.Join(dir, name+".jsonl")) //nolint:gosec // a developer names it
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []Case
	seen := map[string]bool{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		c := Case{Corpus: name}
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return nil, fmt.Errorf("%s: %s: %w", name, lines.Text(), err)
		}
		if seen[c.ID] {
			return nil, fmt.Errorf("%s: id %s stands twice", name, c.ID)
		}
		seen[c.ID] = true
		out = append(out, c)
	}
	return out, lines.Err()
}

// ReadAll returns the cases of all Names.
func ReadAll(dir string) (all []Case, err error) {
	for _, name := range Names {
		cases, err := Read(dir, name)
		if err != nil {
			return nil, err
		}
		all = append(all, cases...)
	}
	return all, nil
}

// Message is the message of a case.
func (c Case) Message() otp.Message {
	return otp.Message{Channel: otp.Channel(c.Channel), From: c.From, Subject: c.Subject, Text: c.Text, HTML: c.HTML}
}

// Right reports whether code and link of a verdict are what the case wants.
func (c Case) Right(v otp.Verdict) bool { return v.Code == c.WantCode && url(v) == c.WantLink }

// Miss describes a case that was read wrongly.
func (c Case) Miss(v otp.Verdict) string {
	return fmt.Sprintf("MISS %s %s %s/%s code %q want %q, link %q want %q (%s)\n  %s | %s", c.ID, c.Channel, c.Lang, c.Kind,
		v.Code, c.WantCode, url(v), c.WantLink, v.Reason, c.Subject, strings.ReplaceAll(c.Text, "\n", "⏎"))
}

func url(v otp.Verdict) string {
	if v.Link == nil {
		return ""
	}
	return v.Link.URL
}

// Tally counts cases. The zero value is ready to use.
type Tally struct {
	Cases, Exact int
	Code, Link   Counts
}

// Counts are the values that were to be found, that were returned, and that were right.
type Counts struct{ Wanted, Got, Right int }

// Add counts a case and what was read.
func (t *Tally) Add(c Case, v otp.Verdict) {
	t.Cases++
	if c.Right(v) {
		t.Exact++
	}
	t.Code.add(c.WantCode, v.Code)
	t.Link.add(c.WantLink, url(v))
}

func (c *Counts) add(want, got string) {
	if want != "" {
		c.Wanted++
	}
	if got != "" {
		c.Got++
	}
	if got != "" && got == want {
		c.Right++
	}
}

// Precision is the share of what was returned that is right, and 1 if nothing was.
func (c Counts) Precision() float64 { return ratio(c.Right, c.Got) }

// Recall is the share of what was to be found that was, and 1 if nothing was to be.
func (c Counts) Recall() float64 { return ratio(c.Right, c.Wanted) }

// ExactShare is the share of cases with both code and link right.
func (t *Tally) ExactShare() float64 { return ratio(t.Exact, t.Cases) }

func (t *Tally) String() string {
	return fmt.Sprintf("%4d messages  exact %.3f  code P %.3f R %.3f  link P %.3f R %.3f", t.Cases, t.ExactShare(),
		t.Code.Precision(), t.Code.Recall(), t.Link.Precision(), t.Link.Recall())
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 1
	}
	return float64(a) / float64(b)
}
