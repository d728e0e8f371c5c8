package otp

import (
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Pages are used again: what one message leaves must not reach another, and two that are read at
// once must not share one.
func TestPooledPagesAreCleared(t *testing.T) {
	data, err := os.ReadFile("../../testdata/otp/sample.jsonl")
	require.NoError(t, err)
	var all []Message
	for line := range strings.Lines(string(data)) {
		var m Message
		require.NoError(t, json.Unmarshal([]byte(line), &m))
		all = append(all, m)
	}
	want := make([]Verdict, len(all))
	for i, m := range all {
		want[i] = Extract(m)
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for k := range all {
				i := (k*7 + g*31) % len(all)
				assert.Equal(t, want[i], Extract(all[i]))
			}
		})
	}
	wg.Wait()

	b := newPage(pageText, 16)
	b.text([]byte("482033"), 0, true)
	b.findWords(allLanguages)
	b.anchors = append(b.anchors, anchor{url: "https://a.example/"})
	show, anchors := b.show, b.anchors
	b.release()
	assert.Equal(t, make([]rune, len(show)), show, "the text is wiped")
	assert.Empty(t, anchors[0])
}
