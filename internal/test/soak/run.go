package soak

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ravi-mcp/sandbox"
)

// mostFailures is how many failures end a run.
const mostFailures = 20

// run is a soak under way.
type run struct {
	Config
	actors []*actor
	groups map[string]*group
	words  *regexp.Regexp // names and values of clients, wherever they appear
	book   book
	lost   atomic.Int64
	codes  atomic.Int64
	enough atomic.Bool // the time is over
	stop   context.CancelFunc

	requests []request // of Ravi, without a mark

	mu     sync.Mutex
	report Report
	maybe  map[string]bool // names of identities that may exist
}

// Run soaks, and reports what it has seen. Its error says that it could not begin; whether
// everything held is in Report.Failures.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.Clients == 0 {
		cfg.Clients = 35
	}
	if cfg.Calls == 0 {
		cfg.Calls = 3000
	}
	if len((&run{Config: cfg}).callersBy(false)) < 2 || cfg.URL == "" && cfg.Stdio == nil {
		return nil, errors.New("soak: two callers, and URL or Stdio, are needed")
	}
	r := &run{Config: cfg, groups: map[string]*group{}, maybe: map[string]bool{}, report: Report{Seed: cfg.Seed, Tools: map[string]map[string]int{}, Refused: map[string]int{}}}
	r.book = book{spans: map[string][]*span{}, marks: map[string]string{}, owner: map[string]string{}, brief: map[string]bool{}}
	names := make([]string, len(cfg.Callers))
	for n, c := range cfg.Callers {
		names[n] = regexp.QuoteMeta(c.Name)
	}
	r.words = regexp.MustCompile(`(?:` + strings.Join(names, "|") + `)-c\d{3}-(?:mark-\d+|\w*)`)
	ctx, r.stop = context.WithCancel(ctx)
	defer r.stop()

	start := time.Now()
	for n := range cfg.Clients {
		a, err := r.connect(ctx, n)
		if err != nil {
			r.disconnect()
			return nil, fmt.Errorf("soak: client %d: %w", n, err)
		}
		r.actors = append(r.actors, a)
	}
	var working, watching sync.WaitGroup
	over := make(chan struct{})
	watching.Go(func() { r.watch(start, over) })
	if cfg.Limit > 0 {
		defer time.AfterFunc(cfg.Limit, func() { r.enough.Store(true) }).Stop()
	}
	for _, a := range r.actors {
		working.Go(func() { a.live(ctx, (cfg.Calls+cfg.Clients-1)/cfg.Clients) })
	}
	working.Wait()
	if cfg.Rest != nil {
		cfg.Rest()
	}
	r.awaitExpiry()
	r.disconnect()
	close(over)
	watching.Wait()
	r.collect()
	r.judge()
	r.audit(context.WithoutCancel(ctx))
	r.report.Clients, r.report.Duration = cfg.Clients, time.Since(start)
	r.report.Calls, r.report.Lost, r.report.Codes = r.done(), int(r.lost.Load()), int(r.codes.Load())
	return &r.report, nil
}

func prefixOf(caller Caller, n int) string { return fmt.Sprintf("%s-c%03d-", caller.Name, n) }

// connect makes and connects the n-th client.
func (r *run) connect(ctx context.Context, n int) (*actor, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	a := &actor{run: r, number: n, state: &sessionModel{}}
	var members []int
	a.transport, a.caller, members = r.place(n)
	a.modern = len(members) == 1 && n/3%2 == 1
	a.prefix = prefixOf(a.caller, n)
	a.shown.Store(&handles{})
	var err error
	switch {
	case len(members) > 1:
		err = a.join(ctx, members)
	case a.transport == overStdio:
		err = a.connectStdio(ctx)
	case a.transport == overSSE:
		a.web = a.newWeb()
		a.wire, err = newSSE(ctx, a.web)
	default:
		a.web = a.newWeb()
		a.wire, err = newHTTP(ctx, a.web)
	}
	return a, err
}

func (a *actor) connectStdio(ctx context.Context) error {
	info, err := a.run.Ravi.CreateIdentity(a.run.Account.Email, sandbox.NewIdentity{Name: a.prefix + "home"})
	if err != nil {
		return err
	}
	a.home, a.homeBy = newIdentity(info.UUID, info.Name, info.Inbox, info.Phone), "config_file"
	a.identities = []*identity{a.home}
	a.run.book.own(info.UUID, a.prefix, false)
	conn, err := a.run.Stdio(a.prefix, info)
	if err != nil {
		return err
	}
	a.wire, err = newStdio(ctx, conn, a.modern, nil)
	return err
}

// disconnect ends the clients.
func (r *run) disconnect() {
	for _, a := range r.actors {
		if err := a.wire.close(); err != nil {
			r.fail("%s: the end: %v", a.prefix, err)
		}
	}
}

// watch takes over what reaches Ravi, and says how far things are, until over is closed.
func (r *run) watch(start time.Time, over <-chan struct{}) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	said := start
	for {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		r.collect()
		if r.Log != nil && time.Since(said) > 30*time.Second {
			said = time.Now()
			r.Log("%d of %d calls after %s", r.done(), r.Calls, time.Since(start).Round(time.Second))
		}
	}
}

// goesOn reports whether clients act beyond their calls.
func (r *run) goesOn() bool {
	if r.Until == nil {
		return false
	}
	select {
	case <-r.Until:
		return false
	default:
		return true
	}
}

// done is how many calls were made.
func (r *run) done() int {
	n := 0
	for _, a := range r.actors {
		n += int(a.calls.Load())
	}
	return n
}

func (r *run) fail(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	if len(text) > 1500 {
		text = text[:1500] + " ..."
	}
	if len(r.report.Failures) < mostFailures {
		r.report.Failures = append(r.report.Failures, text)
		if r.Log != nil {
			r.Log("%s", text)
		}
	} else {
		r.stop()
	}
}

func (r *run) count(tool, transport string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.report.Tools[tool] == nil {
		r.report.Tools[tool] = map[string]int{}
	}
	r.report.Tools[tool][transport]++
}

func (r *run) caught(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Refused[kind]++
}

// perhaps notes that an identity may exist or not.
func (a *actor) perhaps(name string) {
	a.doubt = true
	a.run.mu.Lock()
	defer a.run.mu.Unlock()
	a.run.maybe[name] = true
}
