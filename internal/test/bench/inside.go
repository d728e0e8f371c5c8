package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// waits measures the time from a message's acceptance by Ravi to the result of its wait, with 1,000
// waits on 1,000 identities: by event stream, by polling, and by the reference, a loop for each
// identity that lists its messages every two seconds (inbox.BenchmarkLatency).
func (b *bench) waits(ctx context.Context) error {
	return b.inside(ctx, "./internal/inbox", "Latency", "1x")
}

// extraction measures how fast codes and links are found (the benchmarks of otp), on one core.
func (b *bench) extraction(ctx context.Context) error {
	return b.inside(ctx, "./internal/otp", ".", "1s", "-cpu", "1")
}

// inside runs benchmarks of a package and prints the medians of what they report.
func (b *bench) inside(ctx context.Context, pkg, pattern, time string, more ...string) error {
	args := append([]string{"test", pkg, "-run", "^$", "-bench", pattern, "-benchtime", time, "-count", strconv.Itoa(b.rounds), "-timeout", "30m"}, more...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var names, units []string
	values := map[[2]string][]float64{}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) < 4 || !strings.HasPrefix(words[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(words[0], "Benchmark")
		for i := 2; i+1 < len(words); i += 2 {
			value, err := strconv.ParseFloat(words[i], 64)
			if err != nil {
				continue
			}
			key := [2]string{name, words[i+1]}
			names, units = with(names, name), with(units, words[i+1])
			values[key] = append(values[key], value)
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	cells := []any{""}
	for _, unit := range units {
		cells = append(cells, unit)
	}
	head(cells...)
	for _, name := range names {
		cells := []any{name}
		for _, unit := range units {
			if found := values[[2]string{name, unit}]; found != nil {
				cells = append(cells, median(found))
			} else {
				cells = append(cells, "")
			}
		}
		row(cells...)
	}
	return nil
}

// with adds a word that is not there yet.
func with(words []string, word string) []string {
	if slices.Contains(words, word) {
		return words
	}
	return append(words, word)
}
