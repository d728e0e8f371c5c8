package gcoff_test

import (
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"

	"ravi-mcp/gcoff"
)

// A start is not disturbed, unless it needs more than it should; afterwards everything is as the operator set it.
func TestTheCollectorRestsDuringTheStart(t *testing.T) {
	percent := func() int {
		now := debug.SetGCPercent(-1)
		debug.SetGCPercent(now)
		return now
	}
	runs := func() uint32 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.NumGC
	}
	const operators = 1 << 40
	debug.SetMemoryLimit(operators)
	assert.Equal(t, -1, percent(), "off from the beginning")
	synctest.Test(t, func(t *testing.T) {
		gcoff.Begin()
		assert.EqualValues(t, gcoff.Heap, debug.SetMemoryLimit(-1))
		before := runs()
		var kept [][]byte
		for range 4 * gcoff.Heap >> 20 {
			kept = append(kept[:len(kept)%8], make([]byte, 1<<20))
		}
		assert.Greater(t, runs(), before, "who makes too much is collected all the same")
		runtime.KeepAlive(kept)

		time.Sleep(gcoff.Time - time.Millisecond)
		assert.Equal(t, -1, percent())
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		assert.Equal(t, 100, percent())
		assert.EqualValues(t, operators, debug.SetMemoryLimit(-1))
	})

	debug.SetMemoryLimit(1 << 20)
	synctest.Test(t, func(t *testing.T) {
		gcoff.Begin()
		assert.EqualValues(t, 1<<20, debug.SetMemoryLimit(-1), "a lower limit of the operator's holds")
		time.Sleep(2 * gcoff.Time)
	})
}
