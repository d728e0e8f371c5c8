// Package jsonrpc checks and takes apart the JSON-RPC 2.0 messages of MCP clients, before anything
// else reads them, and makes the parts of answers. It knows MCP's names and nothing of any
// transport.
package jsonrpc

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// JSON-RPC error codes that the envelope check and the transports answer with.
const (
	// CodeParse says that the message is not JSON, or not UTF-8.
	CodeParse = -32700
	// CodeInvalidRequest says that the message is JSON but not one JSON-RPC 2.0 message.
	CodeInvalidRequest = -32600
	// CodeInternal says that something failed here; the answer carries the id under which the log
	// tells more.
	CodeInternal = -32603
	// CodeBusy says that the server holds as many requests as it may, or is about to end; a retry
	// helps.
	CodeBusy = -32000
)

// Limits of the envelope check. They bound the work that a message can cause before anything of it
// is understood.
const (
	// MaxDepth is how deep objects and arrays of a message may nest, the message itself included.
	MaxDepth = 100
	// maxMembers is how many members one object may have.
	maxMembers = 4096
	// maxIDLength is the length in bytes of an id as it is written in the message.
	maxIDLength = 1024
	// maxMethodLength is the length in bytes of a method name.
	maxMethodLength = 256
)

// Envelope is what Parse learned about one JSON-RPC message. Its slices are parts of the message
// that was checked.
type Envelope struct {
	// ID is the id as written: a string or an integer. It is nil for a notification, and for a
	// response whose id is null.
	ID json.RawMessage
	// Method is the method of a request or notification, "" for a response.
	Method string
	// Params is the params object as written, nil when absent or null.
	Params json.RawMessage
	// ProtocolVersion is the protocol version that params._meta declares, "" if none. A request of
	// protocol 2026-07-28 or later always has one (docs/mcp-go.md#protocol-2026-07-28).
	ProtocolVersion string
	// ProgressToken is params._meta.progressToken as written if it is a string or a number, else
	// nil.
	ProgressToken json.RawMessage
	// IsNotification is true for a message with a method and without an id.
	IsNotification bool
	// IsResponse is true for an answer (result or error) to a request that this side sent.
	IsResponse bool

	// Call holds the parts of params where Method is tools/call.
	Call ToolCall
}

// ToolCall is the params of a tools/call, as written; nil where absent.
type ToolCall struct {
	Name, Arguments, Meta json.RawMessage
	// Task is the task member, which is nothing that this server offers.
	Task json.RawMessage
	// Capabilities are those that the client declares in _meta.
	Capabilities json.RawMessage
	// Resumed says that the call carries inputResponses or requestState: the client sends it again,
	// with answers.
	Resumed bool
	// Huge says that a number in the message does not fit a float64, or may not.
	Huge bool
}

const methodToolsCall = "tools/call"

// Error says why a message was refused. Its text never repeats any of the message.
type Error struct {
	// Code is CodeParse or CodeInvalidRequest.
	Code int
	// Message says in words what is wrong.
	Message string
	// ID is the id of the request that is refused, or nil where none could be told for sure (it is
	// then answered as null).
	ID json.RawMessage
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Parse decides whether raw is exactly one JSON-RPC 2.0 message as MCP uses it, in one pass and
// without building a tree of it. It is stricter than encoding/json, which finds members by folded
// names ("METHOD", "param\u017f"), lets the last of several equal names win, and so may read
// another message than the guard in front of it (SECURITY.md H7).
//
// CodeParse answers what is not JSON or not UTF-8. CodeInvalidRequest answers everything else:
// batches, anything after the message, names other than jsonrpc, id, method, params, result and
// error, an equal name twice in any object, other spellings of the parameter names that MCP
// defines, nesting beyond MaxDepth, half of a surrogate pair, a version other than "2.0", an id
// that is neither a string nor an integer, params that are no object. Halves in the arguments of a
// tools/call are left to who reads them, because there the answer can name the argument.
//
// On error the Envelope is the zero value. Parse keeps no state and may be called concurrently.
func Parse(raw []byte) (Envelope, *Error) {
	s := scanner{data: raw}
	s.message()
	if s.broken {
		return Envelope{}, &Error{Code: CodeParse, Message: "parse error: the message is not valid JSON in UTF-8"}
	}
	if s.flaw == "" {
		s.validate()
	}
	if s.flaw != "" {
		return Envelope{}, &Error{Code: CodeInvalidRequest, Message: "invalid request: " + s.flaw, ID: s.answerID()}
	}
	env := Envelope{ProtocolVersion: s.version, ProgressToken: s.token}
	if id := s.member[keyID]; !bytes.Equal(id, Null) {
		env.ID = id
	}
	if params := s.member[keyParams]; !bytes.Equal(params, Null) {
		env.Params = params
	}
	if method := s.member[keyMethod]; method != nil {
		env.Method = unquote(method)
		env.IsNotification = env.ID == nil
		if env.Method == methodToolsCall {
			env.Call = s.call
		}
	} else {
		env.IsResponse = true
	}
	return env, nil
}

// TrimBOM returns a message without the byte order mark that some clients begin their text with.
// RFC 8259 section 8.1 allows to ignore it; Parse does not.
func TrimBOM(raw []byte) []byte { return bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")) }

// validate looks at the members of a message that is well-formed JSON with the right names, and
// notes the first flaw.
func (s *scanner) validate() {
	method, id := s.member[keyMethod], s.member[keyID]
	result, failure := s.member[keyResult], s.member[keyError]
	switch {
	case s.halves > 0 || s.halved && unquote(method) != methodToolsCall:
		s.flaw = "a string in it has half of a surrogate pair"
	case s.member[keyVersion] == nil || unquote(s.member[keyVersion]) != "2.0":
		s.flaw = `the member "jsonrpc" must be "2.0"`
	case method == nil && result == nil && failure == nil:
		s.flaw = `the member "method" is missing`
	case method != nil && (result != nil || failure != nil):
		s.flaw = "a message has either a method or a result or an error"
	case result != nil && failure != nil:
		s.flaw = "a response has either a result or an error"
	case method == nil && s.member[keyParams] != nil:
		s.flaw = "a response has no params"
	case method == nil && id == nil:
		s.flaw = "a response has an id"
	case method != nil && (method[0] != '"' || len(method) <= 2 || len(method) > maxMethodLength):
		s.flaw = `the member "method" must be a short string`
	case id != nil && !validID(id) && !(failure != nil && bytes.Equal(id, Null)):
		s.flaw = `the member "id" must be a string or an integer`
	case failure != nil && failure[0] != '{':
		s.flaw = `the member "error" must be an object`
	case s.member[keyParams] != nil && s.member[keyParams][0] != '{' && !bytes.Equal(s.member[keyParams], Null):
		s.flaw = `the member "params" must be an object`
	}
}

// answerID returns the id that the refusal of a message carries: that of a request, if it is there,
// once and valid. A refused response gets none, because its id counts our requests and not those of
// the client.
func (s *scanner) answerID() json.RawMessage {
	id := s.member[keyID]
	if s.twice[keyID] || s.member[keyResult] != nil || s.member[keyError] != nil || !validID(id) {
		return nil
	}
	if s.halves > 0 && strings.ContainsRune(unquote(id), utf8.RuneError) {
		return nil
	}
	return id
}

// validID reports whether a JSON value may be the id of a request: a string or an integer (MCP
// schema, RequestId).
func validID(id []byte) bool {
	if len(id) == 0 || len(id) > maxIDLength {
		return false
	}
	if id[0] == '"' {
		return true
	}
	return (id[0] == '-' || isDigit(id[0])) && !bytes.ContainsAny(id, ".eE")
}

// IDKey returns what two equal ids share and two different ones do not: 1 and "1" differ, "a" and
// "\u0061" do not.
func IDKey(id json.RawMessage) (string, bool) {
	if !validID(id) {
		return "", false
	}
	if id[0] == '"' {
		return "s" + unquote(id), true
	}
	return "n" + string(id), true
}

// unquote returns the string that a JSON string stands for, or "" if the value is none.
func unquote(raw []byte) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return ""
	}
	return text
}
