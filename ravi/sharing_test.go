package ravi_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

// The test binary runs itself again as another process that shares a login.
const (
	envChild    = "RAVI_TEST_CHILD"    // set in the child
	envHome     = "RAVI_TEST_HOME"     // where .ravi is
	envRoutines = "RAVI_TEST_ROUTINES" // calls at the same time
)

func TestMain(m *testing.M) {
	if os.Getenv(envChild) != "" {
		os.Exit(child())
	}
	goleak.VerifyTestMain(m)
}

// child waits for a line on stdin, makes its calls at once, and reports.
func child() int {
	creds, err := config.Sources{Home: os.Getenv(envHome), WorkDir: os.Getenv(envHome)}.Credentials()
	if err != nil {
		fmt.Println("credentials:", err)
		return 1
	}
	client, err := ravi.New(ravi.Config{Credentials: *creds})
	if err != nil {
		fmt.Println("client:", err)
		return 1
	}
	defer client.Close()
	routines, _ := strconv.Atoi(os.Getenv(envRoutines))
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	if err := callAtOnce(client, routines); err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	fmt.Println("done")
	return 0
}

// callAtOnce makes calls at the same time and joins their errors.
func callAtOnce(client *ravi.Client, routines int) error {
	errs := make([]error, routines)
	var wg sync.WaitGroup
	for n := range routines {
		wg.Go(func() { _, errs[n] = client.Identities(background) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// process is a started child.
type process struct {
	*exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner
}

func start(t *testing.T, home, base string, routines int) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{
		envChild + "=1", envHome + "=" + home, envRoutines + "=" + strconv.Itoa(routines),
		config.EnvBaseURL + "=" + base, "HOME=" + home, "PATH=" + os.Getenv("PATH"),
	}
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := &process{cmd, stdin, bufio.NewScanner(stdout)}
	require.True(t, p.lines.Scan())
	require.Equal(t, "ready", p.lines.Text())
	return p
}

func (p *process) release() { _, _ = io.WriteString(p.stdin, "go\n") }

// Five hundred goroutines and three other processes share an expired token whose refresh token
// rotates: one refresh reaches Ravi, and everyone proceeds.
func TestOneRefreshForManyGoroutinesAndProcesses(t *testing.T) {
	i := sandboxtest.New(t, sandbox.Config{})
	home := t.TempDir()
	creds := login(t, home, i.Account)
	client, err := ravi.New(ravi.Config{Credentials: creds, BaseURL: i.URL})
	require.NoError(t, err)
	defer client.Close()
	var others []*process
	for range 3 {
		others = append(others, start(t, home, i.URL, 20))
	}
	require.NoError(t, i.Server.ExpireAccess(i.Account.Email))
	for _, p := range others {
		p.release()
	}
	require.NoError(t, callAtOnce(client, 500))
	for _, p := range others {
		require.True(t, p.lines.Scan())
		assert.Equal(t, "done", p.lines.Text())
		require.NoError(t, p.Wait())
	}
	assert.Equal(t, 1, i.Server.CountRequests("", refreshRoute))
}

// assassin serves a sandbox and stops at refreshes, so that the process that asks can be killed at
// a chosen moment.
type assassin struct {
	http.Handler
	moment atomic.Int32  // one of the moments below
	now    chan struct{} // the moment has come
	dead   chan struct{} // the process is killed
}

// The moments: before Ravi sees the refresh, after it has rotated the token and before the process
// knows, and while the process saves the new pair.
const (
	never = iota
	before
	between
	while
)

func (a *assassin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	moment := int(a.moment.Load())
	if r.URL.Path != refreshRoute || moment == never || !a.moment.CompareAndSwap(int32(moment), never) {
		a.Handler.ServeHTTP(w, r)
		return
	}
	if moment == before {
		a.now <- struct{}{}
		<-a.dead
		return
	}
	rec := httptest.NewRecorder()
	a.Handler.ServeHTTP(rec, r)
	if moment == between {
		a.now <- struct{}{}
		<-a.dead
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(rec.Body.Len())) // or it ends only with this handler
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
	_ = http.NewResponseController(w).Flush()
	a.now <- struct{}{}
	<-a.dead
}

// A hundred times a process is killed while it refreshes, at a moment that moves. A reader of the
// file sees a whole one at every instant; the next call proceeds, or is told that the login is over
// (when the killed process had the only copy of the new pair).
func TestKilledProcessLeavesFileWhole(t *testing.T) {
	rounds := 100
	if testing.Short() {
		rounds = 6
	}
	i := sandboxtest.Memory(t, sandbox.Config{})
	killer := &assassin{Handler: i.Server, now: make(chan struct{}), dead: make(chan struct{})}
	web := httptest.NewServer(killer)
	defer web.Close()
	home := t.TempDir()
	creds := login(t, home, i.Account)
	looks := watch(t, creds.AuthFile)

	over := 0
	for round := range rounds {
		moment := []int{before, between, while, while, while}[round%5]
		p := start(t, home, web.URL, 2)
		require.NoError(t, i.Server.ExpireAccess(i.Account.Email))
		killer.moment.Store(int32(moment))
		p.release()
		<-killer.now
		for began := time.Now(); time.Since(began) < time.Duration(round%25)*time.Millisecond; {
			continue // saving takes some milliseconds: strike at another point each time
		}
		require.NoError(t, p.Process.Kill())
		_ = p.Wait()
		killer.dead <- struct{}{}

		client, err := ravi.New(ravi.Config{Credentials: found(t, home), BaseURL: web.URL})
		require.NoError(t, err)
		_, err = client.Identities(t.Context())
		require.NoError(t, client.Close())
		if moment == before {
			require.NoError(t, err, "round %d: Ravi saw nothing", round)
		}
		if err != nil {
			require.ErrorIs(t, err, ravi.ErrTokenExpired, "round %d", round)
			over++
			again, err := i.Server.Account(sandbox.AccountConfig{})
			require.NoError(t, err)
			login(t, home, again)
		}
	}
	left, err := filepath.Glob(filepath.Join(home, ".ravi", "*"))
	require.NoError(t, err)
	assert.LessOrEqual(t, len(left), 4, "nothing piles up: %v", left)
	assert.Less(t, over, rounds, "not every login ended")
	t.Logf("%d looks at the file; %d of %d rounds ended a login", looks(), over, rounds)
}

// watch reads the file again and again until the test ends, and fails it when the file is not
// whole. It returns how often it has looked.
func watch(t *testing.T, path string) (looks func() int64) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	var n atomic.Int64
	go func() {
		defer close(stopped)
		for ; ; n.Add(1) {
			select {
			case <-stop:
				return
			default:
			}
			data, err := os.ReadFile(path)
			whole := map[string]string{}
			if err == nil {
				err = json.Unmarshal(data, &whole)
			}
			if err != nil || whole["access_token"] == "" || whole["refresh_token"] == "" {
				t.Errorf("the file is not whole: %v", err)
				return
			}
			runtime.Gosched()
		}
	}()
	t.Cleanup(func() { close(stop); <-stopped })
	return n.Load
}
