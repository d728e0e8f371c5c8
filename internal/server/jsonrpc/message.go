package jsonrpc

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Null is the id of an answer to a message whose id could not be told.
var Null = json.RawMessage("null")

// Open, Result, Failure and Close are the parts of an answer around its id and its body: Open, the
// id, Result or Failure, the body, Close.
var (
	Open    = []byte(`{"jsonrpc":"2.0","id":`)
	Result  = []byte(`,"result":`)
	Failure = []byte(`,"error":`)
	Close   = []byte(`}`)
)

// Response returns the message that answers a request with a result, or with isError with an error
// object. A nil id becomes null. There is room for the end of a line after it.
func Response(id json.RawMessage, body []byte, isError bool) []byte {
	member := Result
	if isError {
		member = Failure
	}
	if id == nil {
		id = Null
	}
	message := make([]byte, 0, len(Open)+len(id)+len(member)+len(body)+len(Close)+len("\n"))
	message = append(append(append(message, Open...), id...), member...)
	return append(append(message, body...), Close...)
}

// ErrorBody returns the error object of an answer. The one of CodeBusy says that a retry helps.
func ErrorBody(code int, message string) []byte {
	text, _ := json.Marshal(message)
	body := append([]byte(`{"code":`), strconv.Itoa(code)...)
	body = append(append(body, `,"message":`...), text...)
	if code == CodeBusy {
		body = append(body, `,"data":{"retryable":true,"retry_after_seconds":1}`...)
	}
	return append(body, '}')
}

// Marshal is json.Marshal for values of other packages: a panic in one of their methods is an
// error.
func Marshal(v any) (body []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			body, err = nil, fmt.Errorf("server: encoding panicked with a %T", p)
		}
	}()
	if body, err = json.Marshal(v); err != nil {
		return nil, fmt.Errorf("server: encode: %w", err)
	}
	return body, nil
}

// Reply is what a client answered to a request of this side: a result, or an error in its place.
type Reply struct {
	Result json.RawMessage
	Err    error
}

// ParseReply reads a message whose Envelope is a response.
func ParseReply(raw []byte) Reply {
	var body struct {
		Result json.RawMessage `json:"result"`
		Error  *struct {
			Code int `json:"code"`
		} `json:"error"`
	}
	switch err := json.Unmarshal(raw, &body); {
	case err != nil:
		return Reply{Err: errors.New("server: the client's answer is malformed")}
	case body.Error != nil:
		return Reply{Err: errors.New("server: the client answered with error " + strconv.Itoa(body.Error.Code))}
	}
	return Reply{Result: body.Result}
}

// CancelledID returns the id that a notifications/cancelled names, or nil.
func (e Envelope) CancelledID() json.RawMessage {
	var params struct {
		RequestID json.RawMessage `json:"requestId"`
	}
	if e.ID != nil || json.Unmarshal(e.Params, &params) != nil {
		return nil
	}
	return params.RequestID
}
