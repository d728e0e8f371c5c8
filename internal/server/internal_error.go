package server

import (
	"crypto/rand"
	"fmt"
	"runtime"

	"github.com/rs/zerolog"

	"ravi-mcp/internal/server/jsonrpc"
)

// InternalError logs what went wrong under a new id and returns the error object that names the id
// and nothing else.
func InternalError(log zerolog.Logger, what, detail string, stack []byte) []byte {
	id := rand.Text()[:10]
	log.Error().Str("error_id", id).Str("detail", detail).Bytes("stack", stack).Msg(what)
	return jsonrpc.ErrorBody(jsonrpc.CodeInternal, "internal error (id "+id+"); the server's log has the details under this id")
}

// PanicError is InternalError for a recovered panic. What was panicked with may hold anything: of
// it the log has the type, or the text of a runtime error.
func PanicError(log zerolog.Logger, recovered any, stack []byte) []byte {
	what := fmt.Sprintf("%T", recovered)
	if err, ok := recovered.(runtime.Error); ok {
		what = err.Error()
	}
	return InternalError(log, "a request panicked", what, stack)
}
