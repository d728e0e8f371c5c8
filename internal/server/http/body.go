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
)

// contentType refuses everything but JSON: a web page can send other types to any server without
// asking it first.
func contentType(r *http.Request) *refusal {
	if r.Header["Content-Encoding"] != nil {
		return refuseEncoding
	}
	given := r.Header["Content-Type"]
	if len(given) != 1 {
		return refuseType
	}
	if given[0] == "application/json" {
		return nil
	}
	media, params, err := mime.ParseMediaType(given[0])
	if charset := params["charset"]; err != nil || media != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return refuseType
	}
	return nil
}

// accepts reports whether the client takes answers of this type, such as "application/json". No
// Accept at all takes everything.
func accepts(r *http.Request, media string) bool {
	values := r.Header["Accept"]
	if len(values) == 0 {
		return true
	}
	group, _, _ := strings.Cut(media, "/")
	for _, value := range values {
		for one := range strings.SplitSeq(value, ",") {
			name, params, _ := strings.Cut(one, ";")
			if strings.ReplaceAll(params, " ", "") == "q=0" {
				continue
			}
			switch strings.ToLower(strings.TrimSpace(name)) {
			case media, group + "/*", "*/*":
				return true
			}
		}
	}
	return false
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
		return buffer.Bytes(), nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refuseSlow
	}
	return nil, refuseBroken
}
