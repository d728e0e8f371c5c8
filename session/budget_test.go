package session_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/session"
)

func TestABudgetAllowsABurstAndThenItsRate(t *testing.T) {
	t.Parallel()
	b := &session.Budget{PerHour: 120, Burst: 3}
	now := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	for range 3 {
		_, wait := b.Take("ada", now)
		require.Zero(t, wait)
	}
	_, wait := b.Take("ada", now)
	assert.Equal(t, 30*time.Second, wait)
	_, wait = b.Take("bob", now)
	assert.Zero(t, wait, "every caller has a budget of its own")

	now = now.Add(wait + 29*time.Second)
	_, wait = b.Take("ada", now)
	assert.InDelta(t, float64(time.Second), float64(wait), float64(time.Millisecond))
	now = now.Add(wait)
	_, wait = b.Take("ada", now)
	assert.Zero(t, wait, "after the time that it named")

	now = now.Add(24 * time.Hour)
	for range 3 {
		_, wait = b.Take("ada", now)
		assert.Zero(t, wait)
	}
	_, wait = b.Take("ada", now)
	assert.Positive(t, wait, "what is left over does not add up")
	_, wait = b.Take("ada", now.Add(-time.Hour))
	require.Positive(t, wait)
	_, wait = b.Take("ada", now)
	assert.Positive(t, wait, "a clock that goes back and forth gives nothing")
}

func TestWhatIsGivenBackCanBeTakenAgain(t *testing.T) {
	t.Parallel()
	b := &session.Budget{PerHour: 1}
	now := time.Now()
	for range 5 {
		giveBack, wait := b.Take("ada", now)
		require.Zero(t, wait)
		giveBack()
	}
	_, wait := b.Take("ada", now)
	require.Zero(t, wait)
	_, wait = b.Take("ada", now)
	assert.Equal(t, time.Hour, wait)
}

func TestABudgetWithoutLimit(t *testing.T) {
	t.Parallel()
	var none *session.Budget
	for _, b := range []*session.Budget{none, {}, {PerHour: -1, Burst: 1}} {
		for range 1000 {
			_, wait := b.Take("ada", time.Now())
			require.Zero(t, wait)
		}
	}
}

func TestABudgetHoldsWhenManyTakeAtOnce(t *testing.T) {
	t.Parallel()
	b := &session.Budget{PerHour: 10}
	now := time.Now()
	var taken atomic.Int64
	var group sync.WaitGroup
	for i := range 5000 {
		group.Go(func() {
			if giveBack, wait := b.Take(fmt.Sprint(i), now); wait == 0 { // others come and go
				giveBack()
			}
			if _, wait := b.Take("ada", now); wait == 0 {
				taken.Add(1)
			}
		})
	}
	group.Wait()
	assert.EqualValues(t, 10, taken.Load())
}
