package cli_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// The ways in which clients behind one process get into each other's.
const (
	mixedReads   = "a call without identity reads another client's"
	mixedWrites  = "a call without identity writes to another client's vault"
	mixedDefault = "another client's use_identity decides what a call means"
	mixedCancels = "another client's cancellation ends a call"
	otherFailure = "other failures"
)

// Eight agents stand behind one process that does not tell them apart. No call touches an identity
// that its agent did not mean, and none ends by the cancellation of another.
func TestPoolMixesNoAgents(t *testing.T) {
	t.Parallel()
	const agents, calls = 8, 4000
	ravi := sandboxtest.New(t, sandbox.Config{})
	env, _ := harness.Environment(t, "RAVI_BASE_URL="+ravi.URL, "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken)
	child := harness.StartPiped(t, harness.Command(t, env, "stdio", "--max-reveals", "-1", "--max-creates", "-1", "--log-level", "warn"))
	p := &pooledAgents{ravi: ravi.Server, pool: harness.NewPool(struct {
		io.Reader
		io.WriteCloser
	}{child.Out, child.In}), mixed: map[string][]string{}}
	p.ids.Store(-3) // so that the id of a request is the one that an earlier one, of another agent, has behind the pool

	var working sync.WaitGroup
	for n := range agents {
		a := p.join(t, n)
		working.Go(func() {
			for range calls / agents {
				if err := a.act(); err != nil {
					p.report(otherFailure, "agent %d: %v", n, err)
					return
				}
			}
			a.audit()
		})
	}
	working.Wait()
	require.NoError(t, child.In.Close())
	code, err := child.Wait()
	require.NoError(t, err)
	assert.Zero(t, code, "%s", child)
	assert.GreaterOrEqual(t, p.made.Load(), int64(calls))
	assert.Positive(t, p.found.Load(), "codes were waited for")
	for _, way := range []string{mixedReads, mixedWrites, mixedDefault, mixedCancels, otherFailure} {
		t.Run(way, func(t *testing.T) { assert.Empty(t, p.mixed[way]) })
	}
}

type pooledAgents struct {
	ravi        *sandbox.Server
	pool        *harness.Pool
	ids         atomic.Int64
	made, found atomic.Int64

	mu    sync.Mutex
	mixed map[string][]string
}

func (p *pooledAgents) report(way, format string, values ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.mixed[way]) < 5 {
		p.mixed[way] = append(p.mixed[way], fmt.Sprintf(format, values...))
	}
}

// pooledAgent is one client behind the pool, and what it believes.
type pooledAgent struct {
	*pooledAgents
	conn io.ReadWriteCloser
	rng  *rand.Rand
	name string
	mine []string          // uuids
	used string            // the one it chose last, if the server said that it is bound
	keys map[string]string // uuid -> value of its secret
	step int

	mu   sync.Mutex
	open map[int64]chan harness.Message
}

func (p *pooledAgents) join(t *testing.T, n int) *pooledAgent {
	t.Helper()
	a := &pooledAgent{
		pooledAgents: p, conn: p.pool.Join(), rng: rand.New(rand.NewPCG(1, uint64(n))), name: fmt.Sprintf("agent-%d", n),
		keys: map[string]string{}, open: map[int64]chan harness.Message{},
	}
	t.Cleanup(func() { _ = a.conn.Close() })
	go a.receive()
	_, answer, err := a.send("initialize", args{"protocolVersion": "2025-11-25", "capabilities": args{}, "clientInfo": args{"name": a.name, "version": "1"}})
	require.NoError(t, err)
	require.Nil(t, (<-answer).Error)
	_, err = io.WriteString(a.conn, `{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n")
	require.NoError(t, err)
	return a
}

func (a *pooledAgent) receive() {
	lines := bufio.NewReader(a.conn)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var id int64
		m, err := harness.ParseMessage(line)
		if err != nil || json.Unmarshal(m.ID, &id) != nil {
			continue // a notification that all of them see
		}
		a.mu.Lock()
		if answer := a.open[id]; answer != nil {
			delete(a.open, id)
			answer <- m
		}
		a.mu.Unlock()
	}
}

func (a *pooledAgent) send(method string, params any) (int64, <-chan harness.Message, error) {
	id, answer := a.ids.Add(1), make(chan harness.Message, 1)
	a.mu.Lock()
	a.open[id] = answer
	a.mu.Unlock()
	line, err := json.Marshal(args{"jsonrpc": "2.0", "id": id, "method": method, "params": params})
	if err == nil {
		_, err = a.conn.Write(append(line, '\n'))
	}
	return id, answer, err
}

var errCancelled = errors.New("no answer came, though this client cancelled nothing")

// tool calls a tool. code is that of an error, result that of a success.
func (a *pooledAgent) tool(name string, arguments args) (result pooledResult, code string, err error) {
	a.made.Add(1)
	_, answer, err := a.send("tools/call", args{"name": name, "arguments": arguments})
	if err != nil {
		return result, "", err
	}
	select {
	case m := <-answer:
		return decodePooled(m)
	case <-time.After(harness.Prompt):
		a.report(mixedCancels, "%s: %s: %v", a.name, name, errCancelled)
		return result, "cancelled", nil
	}
}

// pooledResult is what the agents look at in results.
type pooledResult struct {
	Identity       struct{ UUID string }
	Cursor, Status string
	Code, Value    string
	Bound          bool
}

func decodePooled(m harness.Message) (result pooledResult, code string, err error) {
	if m.Error != nil {
		return result, "", fmt.Errorf("protocol error %d: %s", m.Error.Code, m.Error.Message)
	}
	var r harness.ToolResult
	if err := json.Unmarshal(m.Result, &r); err != nil {
		return result, "", err
	}
	if r.IsError {
		var e struct{ Code string }
		return result, cmpText(json.Unmarshal([]byte(r.Content[0].Text), &e), e.Code), nil
	}
	return result, "", json.Unmarshal(r.Result, &result)
}

func cmpText(err error, text string) string {
	if err != nil {
		return err.Error()
	}
	return text
}

func (a *pooledAgent) act() error {
	a.step++
	if len(a.mine) == 0 || len(a.mine) < 3 && a.rng.IntN(20) == 0 {
		return a.create()
	}
	i := a.mine[a.rng.IntN(len(a.mine))]
	switch a.rng.IntN(6) {
	case 0:
		return a.readImplicitly()
	case 1:
		return a.use(i)
	case 2:
		return a.saveImplicitly()
	case 3:
		return a.save(i)
	case 4:
		return a.cancelOwn(i)
	}
	return a.wait(i)
}

func (a *pooledAgent) create() error {
	r, code, err := a.tool("create_identity", args{"name": fmt.Sprintf("%s-%d", a.name, a.step)})
	if err != nil || code != "" {
		return errors.Join(err, fmt.Errorf("create: %s", code))
	}
	a.mine = append(a.mine, r.Identity.UUID)
	if r.Bound {
		a.used = r.Identity.UUID
	}
	return nil
}

func (a *pooledAgent) use(i string) error {
	r, code, err := a.tool("use_identity", args{"identity": i})
	if err != nil || code != "" {
		return errors.Join(err, fmt.Errorf("use: %s", code))
	}
	if a.used = ""; r.Bound {
		a.used = i
	}
	return nil
}

// readImplicitly leaves identity out, as an agent does that was told that it may.
func (a *pooledAgent) readImplicitly() error {
	r, code, err := a.tool("get_identity", args{})
	switch {
	case err != nil || code == "identity_required" || code == "cancelled":
		return err
	case code != "":
		return fmt.Errorf("get_identity: %s", code)
	case a.used != "" && r.Identity.UUID != a.used:
		a.report(mixedDefault, "%s had chosen %s and got %s", a.name, a.used, r.Identity.UUID)
	case !slices.Contains(a.mine, r.Identity.UUID):
		a.report(mixedReads, "%s got %s", a.name, r.Identity.UUID)
	}
	return nil
}

func (a *pooledAgent) saveImplicitly() error {
	value := fmt.Sprintf("%s-%d", a.name, a.step)
	r, code, err := a.tool("set_secret", args{"name": "KEY", "value": value})
	switch {
	case err != nil || code == "identity_required" || code == "cancelled":
		return err
	case code != "":
		return fmt.Errorf("set_secret: %s", code)
	case !slices.Contains(a.mine, r.Identity.UUID):
		a.report(mixedWrites, "%s wrote to %s", a.name, r.Identity.UUID)
	default:
		a.keys[r.Identity.UUID] = value
	}
	return nil
}

func (a *pooledAgent) save(i string) error {
	value := fmt.Sprintf("%s-%d", a.name, a.step)
	r, code, err := a.tool("set_secret", args{"name": "KEY", "value": value, "identity": i})
	if code == "cancelled" {
		return nil
	}
	if err != nil || code != "" || r.Identity.UUID != i {
		return errors.Join(err, fmt.Errorf("set_secret: %s for %s, meant was %s", code, r.Identity.UUID, i))
	}
	a.keys[i] = value
	return nil
}

// cancelOwn begins a call and cancels it, under the id that this client gave it.
func (a *pooledAgent) cancelOwn(i string) error {
	a.made.Add(1)
	id, _, err := a.send("tools/call", args{"name": "wait_for_otp", "arguments": args{"identity": i, "timeout_seconds": 1}})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.conn, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%d}}`+"\n", id)
	return err
}

// wait arms, and waits for a code that is sent meanwhile.
func (a *pooledAgent) wait(i string) error {
	armed, code, err := a.tool("watch_inbox", args{"identity": i})
	if err != nil || code != "" {
		if code == "cancelled" {
			return nil
		}
		return errors.Join(err, fmt.Errorf("watch_inbox: %s", code))
	}
	sent := fmt.Sprint(100_000 + a.rng.IntN(899_999))
	address := ""
	for _, info := range a.ravi.Identities() {
		if info.UUID == i {
			address = info.Inbox
		}
	}
	delivered := make(chan error, 1)
	go func() {
		_, err := a.ravi.DeliverEmail(sandbox.Email{To: address, From: "no-reply@accounts.example.com", Subject: "Confirm your sign-in",
			Text: "Your verification code is " + sent + ". It expires in 10 minutes."})
		delivered <- err
	}()
	r, code, err := a.tool("wait_for_otp", args{"cursor": armed.Cursor, "timeout_seconds": 25})
	if err := errors.Join(err, <-delivered); err != nil || code == "cancelled" {
		return err
	}
	if code != "" || r.Status != "found" || r.Code != sent || r.Identity.UUID != i {
		return fmt.Errorf("wait: %s %s, code %q for %s; sent was %q to %s", code, r.Status, r.Code, r.Identity.UUID, sent, i)
	}
	a.found.Add(1)
	return nil
}

// audit compares the vaults with what this agent has stored there.
func (a *pooledAgent) audit() {
	ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
	defer cancel()
	for i, want := range a.keys {
		if ctx.Err() != nil {
			return
		}
		r, code, err := a.tool("get_secret", args{"name": "KEY", "identity": i})
		if err != nil || code != "" || r.Value != want {
			a.report(mixedWrites, "%s finds %q in %s, where it stored %q: %s %v", a.name, r.Value, i, want, code, err)
		}
	}
}
