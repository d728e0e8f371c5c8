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

func TestBudgetAllowsBurstThenRate(t *testing.T) {
	t.Parallel()
	b := &session.Budget{Limit: 120, Burst: 3}
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

func TestBudgetGivesBack(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]*session.Budget{"spread": {Limit: 1, Burst: 1}, "not spread": {Limit: 1}} {
		now := time.Now()
		for range 5 {
			giveBack, wait := b.Take("ada", now)
			require.Zero(t, wait, name)
			giveBack()
		}
		_, wait := b.Take("ada", now)
		require.Zero(t, wait, name)
		_, wait = b.Take("ada", now)
		assert.Equal(t, time.Hour, wait, name)
	}
}

func TestBudgetWithinAnySpan(t *testing.T) {
	t.Parallel()
	b := &session.Budget{Limit: 3, Per: time.Minute}
	start := time.Date(2026, 5, 1, 8, 0, 0, 0, time.UTC)
	take := func(seconds int) time.Duration {
		_, wait := b.Take("ada", start.Add(time.Duration(seconds)*time.Second))
		return wait
	}
	for _, at := range []int{0, 10, 50} {
		require.Zero(t, take(at))
	}
	assert.Equal(t, 9*time.Second, take(51), "until the first has left the minute")
	assert.Equal(t, time.Second, take(59))
	assert.Zero(t, take(60))
	assert.Equal(t, 10*time.Second, take(60))
	assert.Zero(t, take(70))
	assert.Equal(t, 30*time.Second, take(80))
}

func TestBudgetWithoutLimit(t *testing.T) {
	t.Parallel()
	var none *session.Budget
	for _, b := range []*session.Budget{none, {}, {Limit: -1, Burst: 1}} {
		for range 1000 {
			_, wait := b.Take("ada", time.Now())
			require.Zero(t, wait)
		}
	}
}

func TestBudgetHoldsUnderConcurrency(t *testing.T) {
	t.Parallel()
	for _, b := range []*session.Budget{{Limit: 10, Burst: 10}, {Limit: 10}} {
		assert.EqualValues(t, 10, takeAtOnce(b))
	}
}

// takeAtOnce returns how many of many concurrent takes one caller got, while others come and go.
func takeAtOnce(b *session.Budget) int64 {
	now := time.Now()
	var taken atomic.Int64
	var group sync.WaitGroup
	for i := range 5000 {
		group.Go(func() {
			if giveBack, wait := b.Take(fmt.Sprint(i), now); wait == 0 {
				giveBack()
			}
			if _, wait := b.Take("ada", now); wait == 0 {
				taken.Add(1)
			}
		})
	}
	group.Wait()
	return taken.Load()
}

// A look takes nothing, whatever kind of limit it is.
func TestWaitCountsNothing(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for name, b := range map[string]*session.Budget{"within": {Limit: 2}, "even": {Limit: 2, Burst: 2}, "none": {}} {
		for used := range 3 {
			for range 5 {
				assert.Equal(t, used == 2 && b.Limit > 0, b.Wait("a", now) > 0, "%s after %d uses", name, used)
			}
			_, _ = b.Take("a", now)
		}
		assert.Zero(t, b.Wait("another", now))
		assert.Zero(t, b.Wait("a", now.Add(time.Hour)), name)
	}
	assert.Zero(t, (*session.Budget)(nil).Wait("a", now))
}
