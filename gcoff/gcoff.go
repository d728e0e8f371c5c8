// Package gcoff keeps the garbage collector from running while the program starts. Nearly all that is made then stays, such
// as the tables of packages and the schemas of tools, so that a run of the collector takes a tenth of the start and frees
// next to nothing.
//
// Importing it turns the collector off, Begin sees to it that it comes back; so only main may import it. Go initializes
// packages in the order of their import paths as soon as what they import is ready (Go specification, "Program
// initialization"), which puts this one, with its few imports, before nearly all of ours and many of others'.
package gcoff

import (
	"runtime/debug"
	"time"
)

const (
	// Heap is how far the heap grows during the start before the collector runs all the same, in bytes. A GOMEMLIMIT
	// below it counts instead.
	Heap = 64 << 20
	// Time is how long a start takes at most, the first questions of a client included.
	Time = 2 * time.Second
)

var percent = debug.SetGCPercent(-1)

// Begin bounds the heap by Heap, and after Time gives the collector the settings back that the program was started with
// (GOGC, GOMEMLIMIT). It returns at once. Call it once, first of all.
func Begin() {
	limit := debug.SetMemoryLimit(-1)
	debug.SetMemoryLimit(min(limit, Heap))
	time.AfterFunc(Time, func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	})
}
