package http_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Sessions that have expired leave nothing: no entry, no goroutine, no heap. The clock is the
// test's own.
func TestEndedSessionsLeaveNoMemory(t *testing.T) {
	const count = 1000
	var later atomic.Int64
	began := time.Now()
	e := serve(t, func(e *endpoint) {
		e.sessions.Now = func() time.Time { return began.Add(time.Duration(later.Load())) }
		e.Limits.Rate = -1
	})
	a := e.agent("")
	open := func() {
		for range count {
			a.session = ""
			r := a.post(`{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"idle","version":"1"}}}`)
			a.session = r.header.Get("Mcp-Session-Id")
			require.NotEmpty(t, a.session, r.body)
			a.post(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
		}
	}
	held := func() (heap, routines int) {
		a.client.CloseIdleConnections()
		e.log.Reset()
		var m runtime.MemStats
		for range 3 {
			runtime.GC()
		}
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc), runtime.NumGoroutine()
	}
	open() // what grows once, tables and buffers, has grown
	later.Add(int64(31 * time.Minute))
	e.sessions.Sweep()
	heap, routines := held()

	open()
	require.Equal(t, count, e.sessions.Len())
	full, _ := held()
	assert.Greater(t, full-heap, count*1000, "a session costs something, so that it can be seen to go")
	last := a.session

	later.Add(int64(31 * time.Minute))
	e.sessions.Sweep()
	require.Zero(t, e.sessions.Len())
	after, left := held()
	assert.Less(t, after-heap, (full-heap)/20, "the heap is back: %d bytes before, %d with the sessions, %d after", heap, full, after)
	assert.LessOrEqual(t, left, routines+2, "so are the goroutines")
	a.session = last
	assert.Equal(t, 404, a.post(`{"jsonrpc":"2.0","id":1,"method":"ping"}`).status)
}
