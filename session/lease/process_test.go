package lease_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
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

// process is one server as far as leases go. Everything that it does to the
// world outside goes over its wire or its disk, so that it can be killed between
// any two of these steps.
type process struct {
	*lease.Manager
	wire *wire
	life *life
}

func newProcess(t require.TestingT, ravis *sandboxtest.Instance, dir string, shared bool) *process {
	p := &process{life: &life{left: -1}}
	p.wire = &wire{RoundTripper: ravis.Server.RoundTripper(), life: p.life}
	credentials := config.Credentials{Scheme: config.SchemeToken, AccessToken: secret.New(ravis.Account.AccessToken)}
	if ravis.Account.ManagementKey != "" {
		credentials = config.Credentials{Scheme: config.SchemeKey, ManagementKey: secret.New(ravis.Account.ManagementKey)}
	}
	p.Manager = &lease.Manager{Dir: dir, Persistent: shared, Account: &session.Account{Connect: func() (*ravi.Client, error) {
		return ravi.New(ravi.Config{Credentials: credentials, BaseURL: "https://ravi.test", Transport: p.wire, RetryTime: time.Second})
	}}}
	p.SetDisk(&mortalDisk{life: p.life})
	p.life.end = p.Manager.Kill
	return p
}

// Kill is kill -9, at this moment.
func (p *process) Kill() {
	p.life.mu.Lock()
	p.life.dead = true
	p.life.mu.Unlock()
	p.Manager.Kill()
}

var errDead = errors.New("the process is dead")

// life counts what a process does to the outside, and ends it before the step
// that it is doomed to.
type life struct {
	mu   sync.Mutex
	left int // steps; negative: any number
	dead bool
	end  func()
}

func (l *life) doom(steps int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left = steps
}

func (l *life) over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

func (l *life) step() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.dead:
		return errDead
	case l.left == 0:
		l.dead = true
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
	life  *life
	down  atomic.Bool         // nothing arrives
	mute  atomic.Bool         // creations arrive, their answers do not
	slow  atomic.Int64        // creations arrive so much later, and are not answered
	plain bool                // Ravi gives no address that it is asked for
	seen  func(*http.Request) // looks at what is sent
}

var errWire = errors.New("the line is broken")

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.seen != nil {
		w.seen(r)
	}
	if err := w.life.step(); err != nil {
		return nil, err
	}
	if w.down.Load() {
		return nil, errWire
	}
	create := r.Method == http.MethodPost
	if create && w.plain {
		r = withoutAddress(r)
	}
	if later := time.Duration(w.slow.Load()); create && later > 0 {
		go w.deliver(r, later)
		return nil, errWire
	}
	resp, err := w.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if create && w.mute.Load() {
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

// mortalDisk is the disk of one process. Of the line that a process is writing
// when it is killed, half is written.
type mortalDisk struct {
	lease.OSDisk
	life *life
}

func (d *mortalDisk) Mkdir(dir string) error {
	if err := d.life.step(); err != nil {
		return err
	}
	return d.OSDisk.Mkdir(dir)
}

func (d *mortalDisk) Lock(path string) (*flock.Flock, bool, error) {
	if err := d.life.step(); err != nil {
		return nil, false, err
	}
	return d.OSDisk.Lock(path)
}

func (d *mortalDisk) Create(path string) (lease.AppendFile, error) {
	if err := d.life.step(); err != nil {
		return nil, err
	}
	return d.mortal(d.OSDisk.Create(path))
}

func (d *mortalDisk) Open(path string) (lease.AppendFile, error) {
	if err := d.life.step(); err != nil {
		return nil, err
	}
	return d.mortal(d.OSDisk.Open(path))
}

func (d *mortalDisk) mortal(f lease.AppendFile, err error) (lease.AppendFile, error) {
	if err != nil {
		return nil, err
	}
	return &mortalFile{AppendFile: f, life: d.life}, nil
}

func (d *mortalDisk) Remove(path string) error {
	if err := d.life.step(); err != nil {
		return err
	}
	return d.OSDisk.Remove(path)
}

// SyncFolder has nothing to do, as Sync has not.
func (d *mortalDisk) SyncFolder(string) {}

type mortalFile struct {
	lease.AppendFile
	life *life
}

func (f *mortalFile) Write(line []byte) (int, error) {
	was := f.life.over()
	if err := f.life.step(); err != nil {
		if !was {
			_, _ = f.AppendFile.Write(line[:len(line)/2])
		}
		return 0, err
	}
	return f.AppendFile.Write(line)
}

// Sync is a step at which a process can be killed. The test does not lose the
// machine's memory, so nothing has to reach the disk.
func (f *mortalFile) Sync() error { return f.life.step() }
