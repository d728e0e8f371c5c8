package lease_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/flock"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox/sandboxtest"
	"ravi-mcp/session"
	"ravi-mcp/session/lease"
)

// process is one server as far as leases go. Everything that it does to the outside goes over its
// wire or its disk, so that it can be killed between any two of these steps.
type process struct {
	*lease.Manager
	wire *wire
	life *lifetime
}

func newProcess(t require.TestingT, ravis *sandboxtest.Instance, dir string, shared bool) *process {
	p := &process{life: &lifetime{left: -1}}
	p.wire = &wire{RoundTripper: ravis.Server.RoundTripper(), life: p.life}
	credentials := config.Credentials{Scheme: config.SchemeToken, AccessToken: secret.New(ravis.Account.AccessToken)}
	if ravis.Account.ManagementKey != "" {
		credentials = config.Credentials{Scheme: config.SchemeKey, ManagementKey: secret.New(ravis.Account.ManagementKey)}
	}
	p.Manager = &lease.Manager{Dir: dir, Persistent: shared, Account: &session.Account{Connect: func() (*ravi.Client, error) {
		return ravi.New(ravi.Config{Credentials: credentials, BaseURL: "https://ravi.test", Transport: p.wire, RetryTime: time.Second})
	}}}
	p.SetDisk(&crashingDisk{life: p.life})
	p.life.end = p.Manager.Kill
	return p
}

// Kill ends the process at this moment.
func (p *process) Kill() {
	p.life.mu.Lock()
	p.life.ended = true
	p.life.mu.Unlock()
	p.Manager.Kill()
}

// client is the client of its account.
func (p *process) client(t require.TestingT) *ravi.Client {
	client, err := p.Account.Client()
	require.NoError(t, err)
	return client
}

// create creates an identity for the caller "local".
func (p *process) create(ctx context.Context, name string, ttl time.Duration) (string, error) {
	client, err := p.Account.Client()
	if err != nil {
		return "", err
	}
	return creation{caller: "local", name: name, ttl: ttl}.run(ctx, p.Manager, client)
}

func (p *process) mustCreate(t testing.TB, name string, ttl time.Duration) string {
	t.Helper()
	uuid, err := p.create(t.Context(), name, ttl)
	require.NoError(t, err)
	return uuid
}

// creation is a call of create_identity with a name that is free.
type creation struct {
	caller, name string
	ttl          time.Duration
	known        func() []string // uuids that bear the name; nil: there are none
	between      func()          // runs before the creation is sent; nil: nothing does
}

func (c creation) run(ctx context.Context, m *lease.Manager, client *ravi.Client) (string, error) {
	if c.known == nil {
		c.known = func() []string { return []string{} }
	}
	if err := m.Claim(client, c.name); err != nil {
		return "", err
	}
	intent, err := m.Begin(client, c.caller, c.name, c.ttl, c.known())
	if err != nil {
		return "", err
	}
	if c.between != nil {
		c.between()
	}
	made, err := client.CreateIdentity(ctx, ravi.NewIdentity{Name: c.name, Email: intent.Address(), Known: c.known()})
	if err != nil {
		intent.Failed(err)
		return "", err
	}
	intent.Created(*made)
	return made.UUID, nil
}

var errDead = errors.New("the process is dead")

// lifetime counts what a process does to the outside, and ends it before the step that killAfter
// has set.
type lifetime struct {
	mu    sync.Mutex
	left  int // steps; negative: any number
	ended bool
	end   func()
}

func (l *lifetime) killAfter(steps int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = steps
}

func (l *lifetime) dead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ended
}

func (l *lifetime) step() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.ended:
		return errDead
	case l.left == 0:
		l.ended = true
		go l.end() // the system gives its locks back
		return errDead
	case l.left > 0:
		l.left--
	}
	return nil
}

// wire is the way of one process to Ravi.
type wire struct {
	http.RoundTripper
	life        *lifetime
	down        atomic.Bool         // nothing arrives
	loseAnswers atomic.Bool         // creations arrive, their answers do not
	delay       atomic.Int64        // creations arrive so much later, and are not answered
	noAddresses bool                // Ravi gives no address that it is asked for
	observe     func(*http.Request) // looks at what is sent
}

var errWire = errors.New("the line is broken")

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.observe != nil {
		w.observe(r)
	}
	if err := w.life.step(); err != nil {
		return nil, err
	}
	if w.down.Load() {
		return nil, errWire
	}
	create := r.Method == http.MethodPost
	if create && w.noAddresses {
		r = withoutAddress(r)
	}
	if later := time.Duration(w.delay.Load()); create && later > 0 {
		go w.deliver(r, later)
		return nil, errWire
	}
	resp, err := w.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if create && w.loseAnswers.Load() {
		w.down.Store(true)
		err = errWire
	}
	if dead := w.life.step(); dead != nil {
		err = dead
	}
	if err != nil {
		_ = resp.Body.Close()
		return nil, err
	}
	return resp, nil
}

// deliver lets a creation arrive whether or not its sender still lives.
func (w *wire) deliver(r *http.Request, later time.Duration) {
	body, _ := io.ReadAll(r.Body)
	time.Sleep(later)
	again, err := http.NewRequest(r.Method, r.URL.String(), bytes.NewReader(body))
	if err != nil {
		return
	}
	again.Header = r.Header
	if resp, err := w.RoundTripper.RoundTrip(again); err == nil {
		_ = resp.Body.Close()
	}
}

func withoutAddress(r *http.Request) *http.Request {
	var body map[string]any
	data, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(data, &body)
	delete(body, "email")
	data, _ = json.Marshal(body)
	out := r.Clone(r.Context())
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
	return out
}

// crashingDisk is the disk of one process. Of the line that a process is writing when it is killed,
// half is written.
type crashingDisk struct {
	lease.OSDisk
	life *lifetime
}

func (d *crashingDisk) Mkdir(dir string) error {
	if err := d.life.step(); err != nil {
		return err
	}
	return d.OSDisk.Mkdir(dir)
}

func (d *crashingDisk) Lock(path string) (*flock.Flock, bool, error) {
	if err := d.life.step(); err != nil {
		return nil, false, err
	}
	return d.OSDisk.Lock(path)
}

func (d *crashingDisk) Create(path string) (lease.AppendFile, error) {
	if err := d.life.step(); err != nil {
		return nil, err
	}
	return d.crashing(d.OSDisk.Create(path))
}

func (d *crashingDisk) Open(path string) (lease.AppendFile, error) {
	if err := d.life.step(); err != nil {
		return nil, err
	}
	return d.crashing(d.OSDisk.Open(path))
}

func (d *crashingDisk) crashing(f lease.AppendFile, err error) (lease.AppendFile, error) {
	if err != nil {
		return nil, err
	}
	return &crashingFile{AppendFile: f, life: d.life}, nil
}

func (d *crashingDisk) Remove(path string) error {
	if err := d.life.step(); err != nil {
		return err
	}
	return d.OSDisk.Remove(path)
}

// SyncFolder has nothing to do, as Sync has not.
func (d *crashingDisk) SyncFolder(string) {}

type crashingFile struct {
	lease.AppendFile
	life *lifetime
}

func (f *crashingFile) Write(line []byte) (int, error) {
	was := f.life.dead()
	if err := f.life.step(); err != nil {
		if !was {
			_, _ = f.AppendFile.Write(line[:len(line)/2])
		}
		return 0, err
	}
	return f.AppendFile.Write(line)
}

// Sync is a step at which a process can be killed. The test does not lose the machine's memory, so
// nothing has to reach the disk.
func (f *crashingFile) Sync() error { return f.life.step() }
