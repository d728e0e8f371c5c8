package stdio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ravi-mcp/internal/server/jsonrpc"
	"ravi-mcp/internal/server/stdio"
)

// echo calls piped in at once, then the end of input: each is answered, however the goroutines run.
func TestPipedCallsAreAllAnswered(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	mcp := tools()
	var input strings.Builder
	input.WriteString(initialize("0", `{}`) + "\n")
	for i := range 50 {
		input.WriteString(call(fmt.Sprint(i+1), "echo", `{}`) + "\n")
	}
	for _, bound := range []int{0, 3} {
		for round := range 100 {
			var out bytes.Buffer
			s := &stdio.Server{MCP: mcp, In: strings.NewReader(input.String()), Out: &out, MaxConcurrent: bound}
			require.NoError(t, s.Serve(t.Context()))
			require.Equal(t, 51, strings.Count(out.String(), "\n"), "round %d", round)
			for i := range 51 {
				require.Equal(t, 1, strings.Count(out.String(), fmt.Sprintf(`"id":%d,`, i)), "round %d, answer %d", round, i)
			}
		}
	}
}

// A client that has all its answers and closes both pipes at once, as mcporter does, is served to
// an orderly end.
func TestBothPipesClosedAtOnceIsOrderly(t *testing.T) {
	mcp := tools()
	for round := range 200 {
		in, feed, err := os.Pipe()
		require.NoError(t, err)
		answers, out, err := os.Pipe()
		require.NoError(t, err)
		served := make(chan error, 1)
		go func() { served <- (&stdio.Server{MCP: mcp, In: in, Out: out}).Serve(t.Context()) }()
		_, err = io.WriteString(feed, call("1", "echo", `{}`)+"\n")
		require.NoError(t, err)
		_, err = answers.Read(make([]byte, 4096))
		require.NoError(t, err)
		require.NoError(t, answers.Close())
		require.NoError(t, feed.Close())
		require.NoError(t, <-served, "round %d", round)
		require.NoError(t, errors.Join(in.Close(), out.Close()))
	}
}

// At the end of input, calls that run and calls that still queue are finished.
func TestEndOfInputDrainsRunningCalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, &stdio.Server{MCP: tools(), MaxConcurrent: 2})
		begin := time.Now()
		for i := range 6 {
			c.send(call(fmt.Sprint(i), "wait", `{"seconds":10}`))
		}
		require.NoError(t, c.hangUp())
		assert.Equal(t, 30*time.Second, time.Since(begin))
		for _, m := range c.unread() {
			assert.Equal(t, "waited", m.text())
		}
	})
}

// What does not finish in time is cancelled, told why, and still answered.
func TestDrainTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, &stdio.Server{MCP: tools(), DrainTimeout: 5 * time.Second})
		begin := time.Now()
		c.send(call("1", "wait", `{"seconds":3600}`))
		require.NoError(t, c.hangUp())
		assert.Equal(t, 5*time.Second, time.Since(begin))
		assert.Equal(t, "shutting down", c.answer("1").text())
	})
}

// SIGTERM: calls that run learn why they end and may answer; calls that queue are not begun; Serve
// returns nil.
func TestShutdownIsOrderly(t *testing.T) {
	t.Parallel()
	for range 50 { // the place of the first call and the end come to the second one at the same moment
		synctest.Test(t, func(t *testing.T) {
			c := connect(t, &stdio.Server{MCP: tools(), MaxConcurrent: 1})
			begin := time.Now()
			c.send(call("1", "wait", `{}`))
			synctest.Wait()
			c.send(call("2", "echo", `{}`))
			synctest.Wait()
			require.NoError(t, c.terminate())
			assert.Zero(t, time.Since(begin))
			answers := map[string]message{}
			for _, m := range c.unread() {
				answers[string(m.ID)] = m
			}
			require.Len(t, answers, 2)
			assert.Equal(t, "shutting down", answers["1"].text())
			require.NotNil(t, answers["2"].Error)
			assert.Equal(t, jsonrpc.CodeBusy, answers["2"].Error.Code)
		})
	}
}

// A handler that ignores its context does not delay the end: after two seconds the server answers
// in its place and ends.
func TestHandlerThatIgnoresItsContextIsAbandoned(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, &stdio.Server{MCP: tools()})
		begin := time.Now()
		c.send(call("1", "stubborn", `{}`))
		synctest.Wait()
		require.NoError(t, c.terminate())
		assert.Equal(t, 2*time.Second, time.Since(begin))
		answers := c.unread()
		require.Len(t, answers, 1)
		assert.Equal(t, jsonrpc.CodeBusy, answers[0].Error.Code)
		time.Sleep(5 * time.Minute)
		assert.Empty(t, c.unread(), "its late answer goes nowhere")
	})
}

// The client dies and with it the reader of our output: the calls end and Serve says why.
func TestBrokenOutputEndsTheServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out, gone := io.Pipe()
		c := connect(t, &stdio.Server{MCP: tools(), Out: gone})
		c.send(call("1", "wait", `{}`))
		synctest.Wait()
		begin := time.Now()
		require.NoError(t, out.CloseWithError(io.ErrClosedPipe))
		c.send(ping)
		err := <-c.served
		require.ErrorIs(t, err, io.ErrClosedPipe)
		assert.Zero(t, time.Since(begin), "the wait was cancelled")
		c.stop()
	})
}

// An input that fails is an error, after everything in flight was answered.
func TestBrokenInputIsReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, &stdio.Server{MCP: tools()})
		c.send(call("1", "wait", `{}`))
		broken := errors.New("the cable is out")
		require.NoError(t, c.in.CloseWithError(broken))
		require.ErrorIs(t, <-c.served, broken)
		assert.Equal(t, "waited", c.answer("1").text())
		c.stop()
	})
}

// Over real pipes, as a process has them: SIGTERM ends Serve although no input comes, and leaves no
// goroutine.
func TestShutdownInterruptsABlockedRead(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	in, feed, err := os.Pipe()
	require.NoError(t, err)
	defer func() { _ = in.Close(); _ = feed.Close() }()
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- (&stdio.Server{MCP: tools(), In: in, Out: io.Discard}).Serve(ctx) }()
	_, err = io.WriteString(feed, ping+"\n")
	require.NoError(t, err)
	stop()
	require.NoError(t, <-served)
}
