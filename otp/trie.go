package otp

// trie is a prefix tree over folded runes. Children of all nodes are in one
// map keyed by node and rune, which keeps thousands of entries small.
type trie struct {
	next  map[uint64]int32
	nodes []trieNode
	first [0x3000]bool // runes below it that begin an entry
	rare  map[rune]bool
}

type trieNode struct {
	whole class // entries that must end at a word border
	open  class // entries after which the word may go on
}

// maxEntry bounds how far a look-up walks, in runes.
const maxEntry = 48

func newTrie() *trie {
	return &trie{next: make(map[uint64]int32), nodes: make([]trieNode, 1), rare: make(map[rune]bool)}
}

func (t *trie) add(key []rune, cl class, open bool) {
	if len(key) > maxEntry {
		return
	}
	if key[0] < rune(len(t.first)) {
		t.first[key[0]] = true
	} else {
		t.rare[key[0]] = true
	}
	node := int32(0)
	for _, r := range key {
		k := uint64(node)<<21 | uint64(r)
		child, ok := t.next[k]
		if !ok {
			child = int32(len(t.nodes))
			t.nodes = append(t.nodes, trieNode{})
			t.next[k] = child
		}
		node = child
	}
	if open {
		t.nodes[node].open |= cl
	} else {
		t.nodes[node].whole |= cl
	}
}

// longest sets label and cue to the longest entries of each kind that begin
// at i and end well, if they are longer than what is there already.
func (t *trie) longest(text []rune, i int, label, cue *hit) {
	if r := text[i]; r < rune(len(t.first)) {
		if !t.first[r] {
			return
		}
	} else if !t.rare[r] {
		return
	}
	node := int32(0)
	for j := i; j < len(text) && j < i+maxEntry; j++ {
		if text[j] == ',' && j > i {
			continue // "Yes, it's me" is the entry "yes it's me"
		}
		child, ok := t.next[uint64(node)<<21|uint64(text[j])]
		if !ok {
			return
		}
		node = child
		n := &t.nodes[node]
		if n.whole|n.open == 0 {
			continue
		}
		if wordEnd(text, j+1) {
			take(label, cue, j+1, n.whole|n.open)
		} else if n.open != 0 {
			take(label, cue, wordTail(text, j+1), n.open)
		}
	}
}

func take(label, cue *hit, end int, cl class) {
	for _, h := range [...]struct {
		hit  *hit
		kind class
	}{{label, cl & labelClasses}, {cue, cl &^ labelClasses}} {
		switch {
		case h.kind == 0:
		case end > h.hit.end:
			h.hit.end, h.hit.class = end, h.kind
		case end == h.hit.end:
			h.hit.class |= h.kind
		}
	}
}

// wordTail returns the end of the word that goes on at i; scripts without
// spaces have no tails.
func wordTail(text []rune, i int) int {
	if i > 0 && unspaced(text[i-1]) {
		return i
	}
	for i < len(text) && isLetter(text[i]) && !unspaced(text[i]) {
		i++
	}
	return i
}

// wordStart reports whether a word may begin at i.
func wordStart(text []rune, i int) bool {
	if i == 0 {
		return true
	}
	prev := text[i-1]
	return !isWordRune(prev) || unspaced(prev) || unspaced(text[i]) ||
		isDigit(prev) && !isDigit(text[i])
}

// wordEnd reports whether a word may end before i. A digit ends one, since
// "code123456" does occur.
func wordEnd(text []rune, i int) bool {
	if i >= len(text) {
		return true
	}
	return !isLetter(text[i]) || unspaced(text[i]) || unspaced(text[i-1])
}

// clitics are written together with the next word in Arabic and Hebrew.
var clitics = map[string]bool{
	"ال": true, "و": true, "ب": true, "ل": true, "ف": true, "ک": true, "وال": true, "بال": true, "لل": true, "فال": true,
	"ה": true, "ו": true, "ב": true, "ל": true, "ש": true, "מ": true, "כ": true, "וה": true, "שה": true, "מה": true, "וב": true, "ול": true, "כש": true,
}

// afterClitic reports whether only a clitic stands between the start of the
// word and i.
func afterClitic(text []rune, i int) bool {
	if r := text[i]; r < 0x590 || r > 0x6FF {
		return false
	}
	for n := 1; n <= 3 && i-n >= 0; n++ {
		if wordStart(text, i-n) && text[i-n] >= 0x590 && text[i-n] <= 0x6FF {
			return clitics[string(text[i-n:i])]
		}
	}
	return false
}
