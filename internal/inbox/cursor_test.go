package inbox_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ravi-mcp/internal/inbox"
)

var noon = time.Date(2026, 4, 6, 12, 0, 0, 0, time.UTC)

func at(minutes float64, id int64) inbox.Point {
	return inbox.Point{Created: noon.Add(time.Duration(minutes * float64(time.Minute))), ID: id}
}

func TestLateIDIsNew(t *testing.T) {
	t.Parallel()
	c := inbox.CursorState{}.Past([]inbox.Point{at(-60, 1), at(-1, 2), at(0, 5)}, nil)
	for _, seen := range []inbox.Point{at(-60, 1), at(-1, 2), at(0, 5)} {
		assert.True(t, c.Has(seen), "%v", seen)
	}
	assert.False(t, c.Has(at(-0.5, 3)), "created, but not visible when the inbox was listed")
	assert.False(t, c.Has(at(0, 4)))
	assert.False(t, c.Has(at(1, 6)))
	assert.False(t, c.Has(at(-3000, 7)), "an old date does not make a new message old")
	assert.False(t, c.Has(at(-9, 0)), "nor does a low id")
	assert.True(t, c.Has(at(-70, 0)), "low id and old date together do: the documented limit")
}

func TestMessagesWithoutTimeAreKnownByID(t *testing.T) {
	t.Parallel()
	c := inbox.CursorState{}.Past([]inbox.Point{{ID: 3}, {ID: 9}}, nil)
	assert.True(t, c.Has(inbox.Point{ID: 9}))
	assert.False(t, c.Has(inbox.Point{ID: 4}))
}

func TestCursorMovesPastAnswerAndEarlier(t *testing.T) {
	t.Parallel()
	list := []inbox.Point{at(0, 1), at(1, 4), at(1, 3), at(2, 2)}
	c := inbox.CursorState{}.Past(list, &list[1])
	assert.True(t, c.Has(list[0]))
	assert.True(t, c.Has(list[1]))
	assert.True(t, c.Has(list[2]), "the same second, a lower id")
	assert.False(t, c.Has(list[3]), "it came later")
}

func TestCursorStaysSmallInBusyInbox(t *testing.T) {
	t.Parallel()
	var list []inbox.Point
	for i := range 50_000 { // a year of mail, and 5,000 messages in the last ten minutes
		list = append(list, at(-float64(50_000-i)*10, int64(i)*7+1))
	}
	for i := range 5000 {
		list = append(list, at(float64(i)/500, int64(400_000+i*1000)))
	}
	c := inbox.CursorState{}.Past(list, nil)
	assert.LessOrEqual(t, len(c.Encode()), 4<<10)
	for _, p := range list {
		require.True(t, c.Has(p))
	}
	assert.False(t, c.Has(at(10, 400_001)), "a gap near the top is still new")
}

func TestUnlistedMessageDoesNotBecomeNew(t *testing.T) {
	t.Parallel()
	c := inbox.CursorState{}.Past([]inbox.Point{at(0, 1), at(1, 2)}, nil)
	moved := c.Past([]inbox.Point{at(2, 3)}, nil) // a replica that lags
	assert.True(t, moved.Has(at(0, 1)))
	assert.True(t, moved.Has(at(1, 2)))
	assert.True(t, moved.Has(at(2, 3)))
}

var anyPoint = rapid.Custom(func(t *rapid.T) inbox.Point {
	p := inbox.Point{ID: rapid.OneOf(rapid.Int64Range(0, 60), rapid.Int64(), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64})).Draw(t, "id")}
	if rapid.IntRange(0, 9).Draw(t, "dated") > 0 {
		p.Created = noon.Add(time.Duration(rapid.IntRange(0, 3600).Draw(t, "seconds")) * time.Second)
	}
	return p
})

// However messages come and go and cursors move: what was passed stays seen, and what is listed
// behind the answer stays new.
func TestPropertyCursorKeepsSeenAndNew(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := inbox.CursorState{}
		passed := map[int64]inbox.Point{}
		all := map[int64]inbox.Point{}
		for range rapid.IntRange(1, 6).Draw(t, "moves") {
			for _, p := range rapid.SliceOfN(anyPoint, 0, 12).Draw(t, "arrivals") {
				if _, known := all[p.ID]; !known {
					all[p.ID] = p
				}
			}
			var list []inbox.Point
			for _, p := range all {
				list = append(list, p)
			}
			if len(list) == 0 {
				continue
			}
			slices.SortFunc(list, order)
			upTo := list[rapid.IntRange(0, len(list)-1).Draw(t, "answer")]
			before := c
			c = c.Past(list, &upTo)
			for _, p := range list {
				if order(p, upTo) <= 0 || before.Has(p) {
					passed[p.ID] = p
					require.True(t, c.Has(p), "passed, and not seen: %v up to %v", p, upTo)
				} else {
					require.False(t, c.Has(p), "behind the answer, and hidden: %v up to %v", p, upTo)
				}
			}
			for _, p := range passed {
				require.True(t, c.Has(p), "forgotten: %v", p)
			}
		}
		again, err := inbox.DecodeCursor(c.Encode())
		require.NoError(t, err)
		require.Equal(t, c.Encode(), again.Encode())
		for _, p := range all {
			require.Equal(t, c.Has(p), again.Has(p))
		}
	})
}

// A merged cursor has seen what either has seen, and hides no message that became visible within
// ten minutes of its creation.
func TestPropertyMergedCursorKnowsBoth(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfNDistinct(anyPoint, 2, 20, func(p inbox.Point) int64 { return p.ID }).Draw(t, "list")
		move := func(c inbox.CursorState, name string) inbox.CursorState {
			listed := list[:rapid.IntRange(1, len(list)).Draw(t, name+" lists")]
			return c.Past(listed, &listed[rapid.IntRange(0, len(listed)-1).Draw(t, name+" answers")])
		}
		root := move(inbox.CursorState{}, "root")
		a, b := move(root, "a"), move(root, "b")
		for _, merged := range []inbox.CursorState{a.Merge(b), b.Merge(a)} {
			for _, p := range list {
				if a.Has(p) || b.Has(p) {
					require.True(t, merged.Has(p), "%v", p)
				}
			}
			newest := slices.MaxFunc(list, order)
			late := inbox.Point{ID: rapid.Int64().Draw(t, "late"), Created: newest.Created.Add(-9 * time.Minute)}
			if !a.Has(late) && !b.Has(late) {
				require.False(t, merged.Has(late), "%v", late)
			}
		}
	})
}

func order(a, b inbox.Point) int {
	if c := a.Created.Compare(b.Created); c != 0 {
		return c
	}
	switch {
	case a.ID < b.ID:
		return -1
	case a.ID > b.ID:
		return 1
	}
	return 0
}

func FuzzCursor(f *testing.F) {
	f.Add([]byte{})
	f.Add(inbox.CursorState{}.Encode())
	f.Add(inbox.CursorState{}.Past([]inbox.Point{at(-60, 1), at(-1, 2), at(0, math.MaxInt64), {ID: math.MinInt64}}, nil).Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := inbox.DecodeCursor(data)
		if err != nil {
			return
		}
		again, err := inbox.DecodeCursor(c.Encode())
		require.NoError(t, err)
		require.Equal(t, c.Encode(), again.Encode())
		_ = c.Past([]inbox.Point{at(0, 1), at(20, 2)}, nil).Has(at(0, 1))
	})
}
