package main

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// start measures the time from the start of the process to the first answer to tools/list over
// stdio.
func (b *bench) start(ctx context.Context) error {
	var bare, ours []float64
	for range 10 * b.rounds {
		for n, program := range []string{b.bare, b.ours} {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			took, err := b.firstList(program, n == 1)
			if err != nil {
				return err
			}
			if n == 0 {
				bare = append(bare, took)
			} else {
				ours = append(ours, took)
			}
		}
	}
	head("", "reference ms", "ours ms", "ratio (<= 1.6)")
	row(fmt.Sprintf("start to the first tools/list, median of %d", len(ours)), median(bare), median(ours), median(ours)/median(bare))
	return nil
}

func (b *bench) firstList(program string, ours bool) (float64, error) {
	var arguments []string
	if ours {
		arguments = []string{"stdio"}
	}
	began := time.Now()
	p, err := b.pipe(program, []string{"RAVI_API_KEY=ravi_mgmt_made-up"}, arguments...)
	if err != nil {
		return 0, err
	}
	defer p.end()
	if _, err := p.ask([]byte(initialize)); err != nil {
		return 0, err
	}
	list, err := p.ask([]byte(ready + "\n" + `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
	took := time.Since(began)
	if err == nil && !bytes.Contains(list, []byte(`"tools":[`)) {
		err = fmt.Errorf("no tools: %s", list)
	}
	return float64(took.Microseconds()) / 1000, err
}
