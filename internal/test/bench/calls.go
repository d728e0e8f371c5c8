package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	initialize = `{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}`
	ready      = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	newestMeta = `,"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}`
)

// message is a call of a tool.
func message(id int, tool, arguments string, modern bool) []byte {
	meta := ""
	if modern {
		meta = newestMeta
	}
	return fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":%q,"arguments":%s%s}}`, id, tool, arguments, meta)
}

// work is the call that each server is asked for: the reference echoes a word, ours shows an
// identity from its memory.
func work(ours bool) (tool, arguments string) {
	if ours {
		return "get_identity", `{"identity":"main"}`
	}
	return "echo", `{"text":"hello"}`
}

// client speaks streamable HTTP.
type client struct {
	*http.Client
	url, session string
}

func newClient(url string, connections int) *client {
	return &client{url: url, Client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: connections}}}
}

func (c *client) post(body []byte, modern bool, tool string) (http.Header, []byte, error) {
	r, err := http.NewRequest(http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	r.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}}
	switch {
	case modern:
		r.Header["Mcp-Protocol-Version"], r.Header["Mcp-Method"], r.Header["Mcp-Name"] = []string{"2026-07-28"}, []string{"tools/call"}, []string{tool}
	case c.session != "":
		r.Header["Mcp-Protocol-Version"], r.Header["Mcp-Session-Id"] = []string{"2025-11-25"}, []string{c.session}
	}
	response, err := c.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 300 {
		err = fmt.Errorf("status %d: %s", response.StatusCode, text)
	}
	return response.Header, text, err
}

// open makes a session.
func (c *client) open() error {
	head, _, err := c.post([]byte(initialize), false, "")
	if err != nil {
		return err
	}
	c.session = head.Get("Mcp-Session-Id")
	_, _, err = c.post([]byte(ready), false, "")
	return err
}

// load makes calls for a while, as many at a time as callers, and returns how long each took and
// all of them together.
func load(callers int, limit time.Duration, call func(worker int) error) (took, time.Duration, error) {
	all := make([]took, callers)
	var failed atomic.Pointer[error]
	var wait sync.WaitGroup
	began := time.Now()
	for worker := range callers {
		wait.Go(func() {
			for time.Since(began) < limit && failed.Load() == nil {
				start := time.Now()
				if err := call(worker); err != nil {
					failed.Store(&err)
					return
				}
				all[worker] = append(all[worker], time.Since(start))
			}
		})
	}
	wait.Wait()
	spent := time.Since(began)
	if err := failed.Load(); err != nil {
		return nil, 0, *err
	}
	every := slices.Concat(all...)
	slices.Sort(every)
	return every, spent, nil
}

// figures are what is known of the calls of one kind, a value for each round.
type figures struct{ rate, p50, p99 []float64 }

func (f *figures) add(t took, spent time.Duration) {
	f.rate = append(f.rate, float64(len(t))/spent.Seconds())
	f.p50, f.p99 = append(f.p50, t.at(50)), append(f.p99, t.at(99))
}

// calls measures a tool without a request to Ravi, over both transports and in both eras of the
// protocol.
func (b *bench) calls(ctx context.Context) error {
	head("transport", "protocol", "at a time", "reference calls/s", "p50 us", "p99 us", "ours calls/s", "p50 us", "p99 us", "throughput (>= 1)", "p99 (<= 1)")
	for _, transport := range []struct {
		name string
		run  func(ours, modern bool, callers int, into *figures) error
	}{{"streamable HTTP", b.overHTTP}, {"stdio", b.overStdio}} {
		for _, modern := range []bool{false, true} {
			for _, callers := range []int{1, 32, 256} {
				var of [2]figures
				for round := range 2 * b.rounds {
					// The order changes from round to round, so that neither is always first.
					server := (round + round/2) % 2
					if err := transport.run(server == 1, modern, callers, &of[server]); err != nil {
						return err
					}
					if ctx.Err() != nil {
						return ctx.Err()
					}
				}
				bare, ours := of[0], of[1]
				row(transport.name, map[bool]string{false: "2025-11-25", true: "2026-07-28"}[modern], strconv.Itoa(callers),
					median(bare.rate), median(bare.p50), median(bare.p99), median(ours.rate), median(ours.p50), median(ours.p99),
					median(ours.rate)/median(bare.rate), median(ours.p99)/median(bare.p99))
			}
		}
	}
	return nil
}

func (b *bench) overHTTP(ours, modern bool, callers int, into *figures) error {
	p, err := b.http(ours)
	if err != nil {
		return err
	}
	defer p.end()
	c := newClient(p.url, callers)
	defer c.CloseIdleConnections()
	if err := c.open(); err != nil {
		return err
	}
	if ours {
		if _, _, err := c.post(message(1, "create_identity", `{"name":"main"}`, false), false, ""); err != nil {
			return err
		}
	}
	tool, arguments := work(ours)
	body := message(1, tool, arguments, modern)
	call := func(int) error {
		_, text, err := c.post(body, modern, tool)
		if err == nil && !bytes.Contains(text, []byte(`"result"`)) {
			err = fmt.Errorf("no result: %s", text)
		}
		return err
	}
	if _, _, err := load(callers, b.time/4, call); err != nil { // warm
		return err
	}
	t, spent, err := load(callers, b.time, call)
	if err == nil {
		into.add(t, spent)
	}
	return err
}

// overStdio keeps the given number of calls under way on one pipe.
func (b *bench) overStdio(ours, modern bool, callers int, into *figures) error {
	program, arguments := b.bare, []string(nil)
	if ours {
		program, arguments = b.ours, []string{"stdio", "--sandbox"}
	}
	p, err := b.pipe(program, nil, arguments...)
	if err != nil {
		return err
	}
	defer p.end()
	if _, err := p.ask([]byte(initialize)); err != nil {
		return err
	}
	if ours {
		if _, err := p.ask(message(1, "create_identity", `{"name":"main"}`, false)); err != nil {
			return err
		}
	}
	if _, _, err := p.flood(ours, modern, callers, b.time/4); err != nil { // warm
		return err
	}
	t, spent, err := p.flood(ours, modern, callers, b.time)
	if err == nil {
		into.add(t, spent)
	}
	return err
}

// ask sends a message and returns the next line.
func (p *process) ask(text []byte) ([]byte, error) {
	if _, err := p.in.Write(append(text, '\n')); err != nil {
		return nil, err
	}
	return p.out.ReadSlice('\n')
}

func (p *process) flood(ours, modern bool, callers int, limit time.Duration) (took, time.Duration, error) {
	tool, arguments := work(ours)
	sent := make([]time.Time, 0, 1<<16)
	send := func() error {
		id := len(sent)
		sent = append(sent, time.Now())
		_, err := p.in.Write(append(message(id, tool, arguments, modern), '\n'))
		return err
	}
	began := time.Now()
	for range callers {
		if err := send(); err != nil {
			return nil, 0, err
		}
	}
	var t took
	for len(t) < len(sent) {
		line, err := p.out.ReadSlice('\n')
		if err != nil {
			return nil, 0, err
		}
		id, err := idOf(line)
		if err != nil || id >= len(sent) || !bytes.Contains(line, []byte(`"result"`)) {
			return nil, 0, fmt.Errorf("not an answer: %s", line)
		}
		t = append(t, time.Since(sent[id]))
		if time.Since(began) < limit {
			if err := send(); err != nil {
				return nil, 0, err
			}
		}
	}
	spent := time.Since(began)
	slices.Sort(t)
	return t, spent, nil
}

// idOf is the id of an answer, which is near its beginning.
func idOf(line []byte) (int, error) {
	_, rest, _ := bytes.Cut(line, []byte(`"id":`))
	end := bytes.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	return strconv.Atoi(string(rest[:max(end, 0)]))
}
