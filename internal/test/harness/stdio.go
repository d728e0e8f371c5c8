package harness

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Message is a JSON-RPC message of the server.
type Message struct {
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

// ParseMessage reads a line, which must be JSON-RPC.
func ParseMessage(line []byte) (Message, error) {
	var m Message
	if err := json.Unmarshal(line, &m); err != nil || m.JSONRPC != "2.0" || m.Method == "" && m.ID == nil {
		return m, fmt.Errorf("stdout carries something that is not JSON-RPC: %q", line)
	}
	return m, nil
}

// ToolResult is the result of tools/call.
type ToolResult struct {
	IsError bool            `json:"isError"`
	Result  json.RawMessage `json:"structuredContent"`
	Content []struct {
		Text string `json:"text"`
	} `json:"content"`
}

// Stdio is "ravi-mcp stdio" and a client that checks that standard output carries nothing but
// JSON-RPC.
type Stdio struct {
	*Process
	read chan struct{} // closed at the end of standard output

	mu      sync.Mutex
	invalid error // what was wrong on standard output
	nextID  int
	open    map[string]chan Message
}

// StartStdio starts the program and initializes it.
func StartStdio(t testing.TB, env []string, args ...string) *Stdio {
	t.Helper()
	s, err := Dial(Command(t, env, args...))
	require.NoError(t, err)
	s.endWith(t)
	require.NoError(t, s.Initialize(), "%s", s.Log())
	return s
}

// Dial starts a program, which the caller has to end.
func Dial(cmd *exec.Cmd) (*Stdio, error) {
	s := &Stdio{Process: &Process{Cmd: cmd}, read: make(chan struct{}), open: make(map[string]chan Message)}
	if err := s.startPiped(); err != nil {
		return nil, err
	}
	go s.receiveAll()
	return s, nil
}

func (s *Stdio) receiveAll() {
	defer close(s.read)
	lines := bufio.NewReader(s.Out)
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			m, err := ParseMessage(line)
			s.mu.Lock()
			s.invalid = errors.Join(s.invalid, err)
			if answered := s.open[string(m.ID)]; answered != nil && m.Method == "" {
				delete(s.open, string(m.ID))
				answered <- m
			}
			s.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}

// StopReading closes the client's end of standard output.
func (s *Stdio) StopReading() error {
	err := s.Out.Close()
	<-s.read
	return err
}

// Send sends a request and returns where its answer will come.
func (s *Stdio) Send(method string, params any) (<-chan Message, error) {
	s.mu.Lock()
	s.nextID++
	id := strconv.Itoa(s.nextID)
	answered := make(chan Message, 1)
	s.open[id] = answered
	s.mu.Unlock()
	line, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": json.RawMessage(id), "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	_, err = s.In.Write(append(line, '\n'))
	return answered, err
}

// Receive waits for an answer.
func (s *Stdio) Receive(answered <-chan Message) (Message, error) {
	select {
	case m := <-answered:
		return m, nil
	case <-s.read:
		select {
		case m := <-answered:
			return m, nil
		default:
			return Message{}, errors.New("the server ended without an answer")
		}
	case <-time.After(Patience):
		return Message{}, fmt.Errorf("no answer within %s", Patience)
	}
}

// Initialize shakes hands with protocol 2025-11-25.
func (s *Stdio) Initialize() error {
	answered, err := s.Send("initialize", map[string]any{
		"protocolVersion": "2025-11-25", "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "harness", "version": "1"},
	})
	if err != nil {
		return err
	}
	m, err := s.Receive(answered)
	if err != nil || m.Error != nil {
		return errors.Join(err, fmt.Errorf("initialize: %s %v", m.Result, m.Error))
	}
	_, err = io.WriteString(s.In, `{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n")
	return err
}

// SendTool sends a call of a tool and returns where its answer will come.
func (s *Stdio) SendTool(name string, arguments any) (<-chan Message, error) {
	return s.Send("tools/call", map[string]any{"name": name, "arguments": arguments})
}

// ReceiveTool waits for the result of a call.
func (s *Stdio) ReceiveTool(answered <-chan Message) (ToolResult, error) {
	var r ToolResult
	m, err := s.Receive(answered)
	if err != nil {
		return r, err
	}
	if m.Error != nil {
		return r, fmt.Errorf("protocol error %d: %s", m.Error.Code, m.Error.Message)
	}
	return r, json.Unmarshal(m.Result, &r)
}

// Tool calls a tool.
func (s *Stdio) Tool(name string, arguments any) (ToolResult, error) {
	answered, err := s.SendTool(name, arguments)
	if err != nil {
		return ToolResult{}, err
	}
	return s.ReceiveTool(answered)
}

// Must calls a tool that has to succeed, and decodes its result.
func Must[T any](t testing.TB, s *Stdio, name string, arguments any) T {
	t.Helper()
	var v T
	r, err := s.Tool(name, arguments)
	require.NoError(t, err, name)
	require.False(t, r.IsError, "%s: %v", name, r.Content)
	require.NoError(t, json.Unmarshal(r.Result, &v))
	return v
}

// Wait waits for the end of the process and returns its exit code. Its error also says what was
// wrong on standard output.
func (s *Stdio) Wait() (int, error) {
	code, err := s.Process.Wait()
	<-s.read
	s.mu.Lock()
	defer s.mu.Unlock()
	return code, errors.Join(s.invalid, err)
}

// Close ends the input and waits.
func (s *Stdio) Close() (int, error) {
	_ = s.In.Close()
	return s.Wait()
}
