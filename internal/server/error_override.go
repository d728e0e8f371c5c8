package server

import (
	"context"
	"net/http"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"ravi-mcp/internal/fault"
)

// ErrorOverride is the error that a request is answered with in place of mcp-go's, which gives
// every error of a resource or prompt the code -32603, and repeats in its own errors what the
// client sent.
type ErrorOverride struct {
	// Body is the error object.
	Body []byte
	// Status is that of the response over HTTP; 0: as mcp-go has it.
	Status int
}

// errorData is the data of such an error: what a tool's error has as text.
type errorData struct {
	fault.Body
	// URI is that of a resource that is not there (2026-07-28, resources).
	URI string `json:"uri,omitempty"`
}

// overrideError has the request of ctx answered with an error. missing is the code for what is not
// there, and uri the address of the resource that was asked for.
func overrideError(ctx context.Context, e *fault.Error, missing int, uri string) {
	exchange := exchangeFrom(ctx)
	if exchange == nil {
		return
	}
	code, data := mcp.INTERNAL_ERROR, errorData{Body: e.Body()}
	switch e.Code {
	case fault.NotFound, fault.IdentityNotFound:
		code, data.URI = missing, repeatable(uri)
	case fault.InvalidArgument, fault.IdentityRequired, fault.IdentityAmbiguous:
		code = mcp.INVALID_PARAMS
	}
	body, err := encode(struct {
		Code    int       `json:"code"`
		Message string    `json:"message"`
		Data    errorData `json:"data"`
	}{code, e.Message + " " + e.Hint, data})
	if err != nil {
		return
	}
	override := &ErrorOverride{Body: body}
	if code == mcp.INVALID_PARAMS && mcp.IsModernProtocol(mcpserver.RequestProtocolVersion(ctx)) {
		override.Status = http.StatusBadRequest // as 2026-07-28 has it
	}
	exchange.override.CompareAndSwap(nil, override) // the handler's error comes before what mcp-go makes of it
}

// longestRepeated is the length of the longest address that an error repeats.
const longestRepeated = 200

// repeatable returns an address as an error may repeat it: "" for one that is long, or has anything
// but the characters of an address in it.
func repeatable(uri string) string {
	odd := func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune("<>\"`{}|\\^", c) }
	if len(uri) > longestRepeated || strings.ContainsFunc(uri, odd) {
		return ""
	}
	return uri
}
