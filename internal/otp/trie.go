package otp

import "slices"

// trie is a prefix tree over folded runes. It is built with linked children and then frozen: the
// children of a node stand side by side, in order of their runes.
type trie struct {
	building []linkedNode
	nodes    []trieNode
	runes    []rune  // of all children, by node
	targets  []int32 // their nodes
	first    [0x3000]int32
	rare     map[rune]int32 // first runes beyond the table
}

type trieNode struct {
	whole    class     // entries that must end at a word border
	open     class     // entries after which the word may go on
	spoken   languages // those of the negative entries
	sure     bool      // counts only in a message that is known to be in its language
	from, to int32     // children in runes and targets
}

// linkedNode is a node under construction: its rune, its first child and the next child of its
// parent.
type linkedNode struct {
	r           rune
	child, next int32
}

// maxEntry bounds how far a look-up walks, in runes.
const maxEntry = 48

func newTrie() *trie {
	return &trie{building: make([]linkedNode, 1, 1<<16), nodes: make([]trieNode, 1, 1<<16), rare: make(map[rune]int32)}
}

func (t *trie) add(key []rune, cl class, spoken languages, open, sure bool) {
	if len(key) > maxEntry {
		return
	}
	node := t.root(key[0])
	if node == 0 {
		node = t.grow(0, key[0])
		if r := key[0]; r < rune(len(t.first)) {
			t.first[r] = node
		} else {
			t.rare[r] = node
		}
	}
	for _, r := range key[1:] {
		child := t.building[node].child
		for child != 0 && t.building[child].r != r {
			child = t.building[child].next
		}
		if child == 0 {
			child = t.grow(node, r)
		}
		node = child
	}
	if sure || cl&(negativeClasses|clStopWord) != 0 {
		t.nodes[node].spoken |= spoken
		t.nodes[node].sure = sure
	}
	if open {
		t.nodes[node].open |= cl
	} else {
		t.nodes[node].whole |= cl
	}
}

func (t *trie) root(r rune) int32 {
	if r < rune(len(t.first)) {
		return t.first[r]
	}
	return t.rare[r]
}

func (t *trie) grow(parent int32, r rune) int32 {
	node := int32(len(t.nodes))
	t.nodes = append(t.nodes, trieNode{})
	t.building = append(t.building, linkedNode{r: r, next: t.building[parent].child})
	t.building[parent].child = node
	return node
}

// freeze lays the children out for look-ups. Nothing is added after it.
func (t *trie) freeze() {
	t.runes = make([]rune, 0, len(t.nodes))
	t.targets = make([]int32, 0, len(t.nodes))
	for node := 1; node < len(t.nodes); node++ { // the root has its own table
		from := len(t.targets)
		for child := t.building[node].child; child != 0; child = t.building[child].next {
			t.targets = append(t.targets, child)
		}
		mine := t.targets[from:]
		slices.SortFunc(mine, func(a, b int32) int { return int(t.building[a].r - t.building[b].r) })
		for _, child := range mine {
			t.runes = append(t.runes, t.building[child].r)
		}
		t.nodes[node].from, t.nodes[node].to = int32(from), int32(len(t.targets))
	}
	t.building = nil
}

// child returns the node behind r, or 0.
func (t *trie) child(node int32, r rune) int32 {
	lo, hi := t.nodes[node].from, t.nodes[node].to
	for hi-lo > 6 {
		mid := (lo + hi) / 2
		if t.runes[mid] <= r {
			lo = mid
		} else {
			hi = mid
		}
	}
	for ; lo < hi; lo++ {
		if t.runes[lo] == r {
			return t.targets[lo]
		}
	}
	return 0
}

// longest sets label and cue to the longest entries of each kind that begin at i and end well, if
// they are longer than what is there already. Negative entries count in the languages given.
func (t *trie) longest(text []rune, i int, spoken languages, label, cue *hit) {
	node := t.root(text[i])
	for j := i; node != 0 && j < len(text) && j < i+maxEntry; j++ {
		if j > i {
			if text[j] == ',' {
				continue // "Yes, it's me" is the entry "yes it's me"
			}
			if node = t.child(node, text[j]); node == 0 {
				return
			}
		}
		n := &t.nodes[node]
		end, cl := j+1, n.whole|n.open
		if cl == 0 || n.sure && (spoken == allLanguages || n.spoken&spoken == 0) || n.open == 0 && !wordEnd(text, end) {
			continue
		}
		if !wordEnd(text, end) {
			end, cl = wordTail(text, end), n.open
		}
		if n.spoken&spoken == 0 {
			cl &^= negativeClasses
		}
		label.extend(end, cl&labelClasses)
		cue.extend(end, cl&^labelClasses)
	}
}

// extend notes that an entry of these classes ends at end.
func (h *hit) extend(end int, cl class) {
	switch {
	case cl == 0:
	case end > h.end:
		h.end, h.class = end, cl
	case end == h.end:
		h.class |= cl
	}
}

// wordTail returns the end of the word that goes on at i; scripts without spaces have no tails.
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

// wordEnd reports whether a word may end before i. A digit ends one, since "code123456" does occur.
func wordEnd(text []rune, i int) bool {
	return i >= len(text) || !isLetter(text[i]) || unspaced(text[i]) || unspaced(text[i-1])
}

// clitics are written together with the next word in Arabic and Hebrew.
var clitics = setOf(
	"ال", "و", "ب", "ل", "ف", "ک", "وال", "بال", "لل", "فال",
	"ה", "ו", "ב", "ל", "ש", "מ", "כ", "וה", "שה", "מה", "וב", "ול", "כש",
)

// afterClitic reports whether only a clitic stands between the start of the word and i.
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
