package otp

import (
	"encoding/json"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"
)

// readTwice compares what is read directly from plainly written tags with
// what the tokenizer says, and returns the number of tags read directly.
func readTwice(t *testing.T, doc string) int {
	t.Helper()
	direct := 0
	z := html.NewTokenizer(strings.NewReader(doc))
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		if kind != html.StartTagToken && kind != html.SelfClosingTagToken && kind != html.EndTagToken {
			continue
		}
		raw := append([]byte(nil), z.Raw()...)
		name, more := z.TagName()
		if got := plainName(raw); got != nil {
			require.Equal(t, string(name), string(got), "%s", raw)
		}
		pairs, ok := plainAttrs(raw, nil)
		if !ok || kind == html.EndTagToken {
			continue
		}
		direct++
		for _, p := range pairs {
			require.True(t, more, "%s", raw)
			var key, val []byte
			key, val, more = z.TagAttr()
			require.Equal(t, string(key), string(p.key), "%s", raw)
			require.Equal(t, string(val), string(p.val), "%s", raw)
		}
		require.False(t, more, "%s", raw)
	}
	return direct
}

func TestTagsAreReadAsTheTokenizerReadsThem(t *testing.T) {
	assert.Equal(t, 7, readTwice(t, `<p><a href="x"><img alt="a" src="b"/><td style="a:b" class="c" ></td><br /><span data-x="1"id="2"></i
><div
 id="a">`))
	for _, doc := range []string{
		`<P ID="a">`, `<a href='x'>`, `<a href=x>`, `<a hidden>`, `<a href="a&amp;b">`, `<a/href="x">`, `<a =x>`, `<a href= "x">`, `<a ="x">`,
		`<a href="x" / >`, `<a "x">`, `<a href="x`, "<a href=\"x\r\ny\">", "<a\f href=\"x\">", "<a href=\"\x00\">", `<o:p x="1">`, `<a href="x""y">`, `</p x="1">`, `<a href="x"/y="z">`, `<a e=""e="" >`, `<a href="x" href="y">`, `< a>`, `<é x="1">`,
	} {
		readTwice(t, doc)
	}
}

func FuzzTags(f *testing.F) {
	f.Add(`<td style="a:b" class=c hidden><a href="x&y">`)
	f.Fuzz(func(t *testing.T, doc string) { readTwice(t, doc) })
}

// Pages are used again: what one message leaves must not reach another, and
// two that are read at once must not share one.
func TestPagesAreUsedAgainCleanly(t *testing.T) {
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
		want[i] = Extract(m, Context{})
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for k := range all {
				i := (k*7 + g*31) % len(all)
				assert.Equal(t, want[i], Extract(all[i], Context{}))
			}
		})
	}
	wg.Wait()

	b := newPage(pageText, 16)
	b.text([]byte("482033"), 0, true)
	b.findWords()
	b.anchors = append(b.anchors, anchor{url: "https://a.example/"})
	show, anchors := b.show, b.anchors
	b.release()
	assert.Equal(t, make([]rune, len(show)), show, "the text is wiped")
	assert.Empty(t, anchors[0])
}
