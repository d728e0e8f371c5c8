// Command bench measures ravi-mcp and a reference in the same run, and prints tables:
//
//	go run ./internal/test/bench                     # everything, about half an hour
//	go run ./internal/test/bench -only calls,start   # of: calls, start, sessions, credential, waits, extraction
//	go run ./internal/test/bench -rounds 1 -time 1s  # a quick look
//
// README.md beside it has the numbers to reach. It builds the program and the reference
// (bench/bare), runs both as processes of their own, in turns, and reports the median of the
// rounds. It is no test: nothing fails because something is slow.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"time"
)

// bench is one run of the command.
type bench struct {
	rounds     int
	time       time.Duration // of one measurement of calls
	ours, bare string        // the programs
	home       string        // an empty folder
}

// parts are what can be measured, in the order in which it is.
var parts = []struct {
	name string
	run  func(*bench, context.Context) error
}{
	{"calls", (*bench).calls}, {"start", (*bench).start}, {"sessions", (*bench).sessions}, {"credential", (*bench).credential},
	{"waits", (*bench).waits}, {"extraction", (*bench).extraction},
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	only := flag.String("only", "", "comma-separated parts to measure; empty is all")
	b := &bench{}
	flag.IntVar(&b.rounds, "rounds", 5, "how often each is measured; the median is printed")
	flag.DurationVar(&b.time, "time", 3*time.Second, "how long calls are made for one number")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	folder, err := os.MkdirTemp("", "ravi-mcp-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if err := b.build(ctx, folder); err != nil {
		return err
	}
	fmt.Printf("%s, %s, %d cores, median of %d\n", time.Now().UTC().Format(time.DateOnly), runtime.Version(), runtime.NumCPU(), b.rounds)
	for _, part := range parts {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), part.name) {
			continue
		}
		fmt.Printf("\n### %s\n\n", part.name)
		if err := part.run(b, ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// row prints a line of a table.
func row(cells ...any) {
	for _, cell := range cells {
		if f, ok := cell.(float64); ok {
			cell = number(f)
		}
		fmt.Printf("| %v ", cell)
	}
	fmt.Println("|")
}

// head prints the first two lines of a table.
func head(cells ...any) {
	row(cells...)
	for i := range cells {
		cells[i] = "---"
	}
	row(cells...)
}

func number(f float64) string {
	switch {
	case f >= 100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}

// median is that of the values of rounds.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// took are the durations of calls.
type took []time.Duration

// at returns a percentile in microseconds. The durations must be sorted.
func (t took) at(percent int) float64 {
	if len(t) == 0 {
		return 0
	}
	return float64(t[(len(t)-1)*percent/100].Nanoseconds()) / 1000
}
