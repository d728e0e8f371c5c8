package main

import (
	"context"
	"fmt"
	"time"
)

const (
	heapGauge    = "go_memstats_heap_alloc_bytes"
	routineGauge = "go_goroutines"
	// idle is after how long our sessions end in this measurement; the reference never ends one.
	idle = 45 * time.Second
)

// sessions measures what an idle session costs, and that nothing of it is left when it has expired.
func (b *bench) sessions(ctx context.Context) error {
	head("sessions", "server", "RSS, each", "heap, each", "goroutines more", "heap left after expiry, each", "goroutines left", "RSS ratio (<= 1)", "heap ratio")
	for _, count := range []int{2000, 10_000} {
		var all [2]holding
		for range b.rounds {
			for server := range 2 {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err := b.hold(server == 1, count, &all[server]); err != nil {
					return err
				}
			}
		}
		bare, ours := all[0], all[1]
		row(count, "reference", kilo(bare.rss), kilo(bare.heap), median(bare.routines), "never", "", "", "")
		row(count, "ours", kilo(ours.rss), kilo(ours.heap), median(ours.routines), kilo(ours.heapLeft), median(ours.routinesLeft),
			median(ours.rss)/median(bare.rss), median(ours.heap)/median(bare.heap))
	}
	return nil
}

// holding is what sessions cost, a value for each round; bytes are for one session.
type holding struct{ rss, heap, routines, heapLeft, routinesLeft []float64 }

func kilo(values []float64) string { return fmt.Sprintf("%.1f KB", median(values)/1000) }

func (b *bench) hold(ours bool, count int, into *holding) error {
	var flags []string
	if ours {
		flags = []string{"--session-idle", idle.String()}
	}
	p, err := b.http(ours, flags...)
	if err != nil {
		return err
	}
	defer p.end()
	c := newClient(p.url, 8)
	before, err := p.settle(c, ours)
	if err != nil {
		return err
	}
	last := time.Now()
	for range count {
		c.session = ""
		if err := c.open(); err != nil {
			return err
		}
	}
	opening := time.Since(last)
	held, err := p.settle(c, ours)
	if err != nil {
		return err
	}
	if ours && opening > idle {
		return fmt.Errorf("opening %d sessions took %s, so that the first had expired; the machine is too busy", count, opening.Round(time.Second))
	}
	each := func(a, b float64) float64 { return (a - b) / float64(count) }
	into.rss, into.heap = append(into.rss, each(held.rss, before.rss)), append(into.heap, each(held.heap, before.heap))
	into.routines = append(into.routines, held.routines-before.routines)
	if !ours {
		return nil
	}
	time.Sleep(idle + idle/5) // sessions are looked through every tenth of it
	after, err := p.settle(c, ours)
	if err != nil {
		return err
	}
	into.heapLeft, into.routinesLeft = append(into.heapLeft, each(after.heap, before.heap)), append(into.routinesLeft, after.routines-before.routines)
	return nil
}

// state is what a process holds.
type state struct{ rss, heap, routines float64 }

// settle makes calls until the collector has run several times, and returns what was left after one
// of the runs.
func (p *process) settle(c *client, ours bool) (state, error) {
	tool, arguments := "echo", `{"text":"hello"}`
	if ours {
		tool, arguments = "list_identities", `{}`
	}
	var least state
	for i := range 12 {
		body := message(1, tool, arguments, true)
		if _, _, err := load(8, 300*time.Millisecond, func(int) error { _, _, err := c.post(body, true, tool); return err }); err != nil {
			return least, err
		}
		c.CloseIdleConnections()
		time.Sleep(50 * time.Millisecond)
		now, err := p.gauges(heapGauge, routineGauge)
		if err != nil {
			return least, err
		}
		if i == 0 || now[heapGauge] < least.heap {
			least.heap = now[heapGauge]
		}
		if i == 0 || now[routineGauge] < least.routines {
			least.routines = now[routineGauge]
		}
	}
	var err error
	least.rss, err = p.rss()
	return least, err
}
