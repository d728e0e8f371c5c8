package http

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"ravi-mcp/internal/server/jsonrpc"
)

// contentType refuses everything but JSON: a web page can send other types to any server without
// asking it first. Clients that merge two settings of theirs send the type twice.
func contentType(r *http.Request) *refusal {
	for _, coding := range r.Header["Content-Encoding"] {
		if coding != "" && !strings.EqualFold(coding, "identity") {
			return refuseEncoding
		}
	}
	given := r.Header["Content-Type"]
	if len(given) == 1 && given[0] == valueJSON[0] {
		return nil
	}
	if len(given) == 0 {
		return refuseType
	}
	for one := range strings.SplitSeq(strings.Join(given, ","), ",") {
		media, params, err := mime.ParseMediaType(one)
		charset := strings.ToLower(params["charset"])
		if err != nil || media != valueJSON[0] || charset != "" && charset != "utf-8" && charset != "utf8" {
			return refuseType
		}
	}
	r.Header["Content-Type"] = valueJSON // mcp-go looks again, and knows one spelling
	return nil
}

// body reads the whole body, which must come in time and be no longer than MaxBody. Memory grows
// with what has arrived; a long body also takes from largeBodies, which f gives back.
func (s *httpServer) body(w http.ResponseWriter, r *http.Request, f *inflight) ([]byte, *refusal) {
	if r.ContentLength > MaxBody {
		return nil, refuseLong
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(cmp.Or(max(s.Limits.BodyTime, 0), DefaultBodyTime)))
	size := min(max(r.ContentLength, 512), smallBody)
	buffer := bytes.NewBuffer(make([]byte, 0, size))
	_, err := io.CopyN(buffer, r.Body, smallBody)
	if err == nil {
		if !s.largeBodies.TryAcquire(MaxBody) {
			return nil, refuseBusy
		}
		f.freeBody = func() { s.largeBodies.Release(MaxBody) }
		_, err = io.CopyN(buffer, r.Body, MaxBody-smallBody+1)
	}
	switch {
	case buffer.Len() > MaxBody:
		return nil, refuseLong
	case errors.Is(err, io.EOF):
		_ = control.SetReadDeadline(time.Time{})
		delete(w.Header(), "Connection")
		return jsonrpc.TrimBOM(buffer.Bytes()), nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refuseSlow
	}
	return nil, refuseBroken
}
