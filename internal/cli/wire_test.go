package cli_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

// message is a line that the server writes.
type message struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  json.RawMessage `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// parseMessage reads a line, which must be JSON-RPC.
func parseMessage(line []byte) (message, error) {
	var m message
	if err := json.Unmarshal(line, &m); err != nil || m.JSONRPC != "2.0" || m.Method == "" && m.ID == nil {
		return m, fmt.Errorf("stdout carries something that is not JSON-RPC: %q", line)
	}
	return m, nil
}

// toolResult is what tools/call answers.
type toolResult struct {
	IsError bool            `json:"isError"`
	Result  json.RawMessage `json:"structuredContent"`
	Content []struct {
		Text string `json:"text"`
	} `json:"content"`
}

// wire is an MCP client on a process, as thin as can be: what is sent and what
// comes is the test's business.
type wire struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.ReadCloser

	ended chan struct{} // stdout is at its end

	mu     sync.Mutex
	err    error // what was wrong on stdout
	nextID int
	open   map[string]chan message
}

// dial starts a program and reads its stdout.
func dial(cmd *exec.Cmd) (*wire, error) {
	w := &wire{cmd: cmd, ended: make(chan struct{}), open: make(map[string]chan message)}
	var err error
	if w.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if w.out, err = cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go w.read()
	return w, nil
}

func (w *wire) read() {
	defer close(w.ended)
	lines := bufio.NewReader(w.out)
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			m, err := parseMessage(line)
			w.mu.Lock()
			w.err = errors.Join(w.err, err)
			if answered := w.open[string(m.ID)]; answered != nil && m.Method == "" {
				delete(w.open, string(m.ID))
				answered <- m
			}
			w.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}

// send sends a request and returns where its answer will come.
func (w *wire) send(method string, params any) (<-chan message, error) {
	w.mu.Lock()
	w.nextID++
	id := strconv.Itoa(w.nextID)
	answered := make(chan message, 1)
	w.open[id] = answered
	w.mu.Unlock()
	line, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": json.RawMessage(id), "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	_, err = w.in.Write(append(line, '\n'))
	return answered, err
}

// receive waits for an answer.
func (w *wire) receive(answered <-chan message) (message, error) {
	select {
	case m := <-answered:
		return m, nil
	case <-w.ended:
		select {
		case m := <-answered:
			return m, nil
		default:
			return message{}, errors.New("the server ended without an answer")
		}
	case <-time.After(time.Minute):
		return message{}, errors.New("no answer for a minute")
	}
}

func (w *wire) initialize() error {
	answered, err := w.send("initialize", map[string]any{
		"protocolVersion": "2025-11-25", "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "wire", "version": "1"},
	})
	if err != nil {
		return err
	}
	m, err := w.receive(answered)
	if err != nil || m.Error != nil {
		return errors.Join(err, fmt.Errorf("initialize: %s %v", m.Result, m.Error))
	}
	_, err = io.WriteString(w.in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n")
	return err
}

func (w *wire) sendTool(name string, arguments any) (<-chan message, error) {
	return w.send("tools/call", map[string]any{"name": name, "arguments": arguments})
}

func (w *wire) receiveTool(answered <-chan message) (toolResult, error) {
	var r toolResult
	m, err := w.receive(answered)
	if err != nil {
		return r, err
	}
	if m.Error != nil {
		return r, fmt.Errorf("protocol error %d: %s", m.Error.Code, m.Error.Message)
	}
	return r, json.Unmarshal(m.Result, &r)
}

// tool calls a tool.
func (w *wire) tool(name string, arguments any) (toolResult, error) {
	answered, err := w.sendTool(name, arguments)
	if err != nil {
		return toolResult{}, err
	}
	return w.receiveTool(answered)
}

// wait waits until the process has ended, at most for a minute, and returns
// its exit code and what was wrong on stdout.
func (w *wire) wait() (int, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = w.cmd.Process.Kill() })
	defer stop()
	<-w.ended
	_ = w.cmd.Wait() // the exit code says it all
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cmd.ProcessState.ExitCode(), errors.Join(w.err, ctx.Err())
}

// close ends the input and waits.
func (w *wire) close() (int, error) {
	_ = w.in.Close()
	return w.wait()
}
