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

var (
	refuseType     = &refusal{status: http.StatusUnsupportedMediaType, message: "Content-Type must be application/json in UTF-8"}
	refuseEncoding = &refusal{status: http.StatusUnsupportedMediaType, message: "a compressed body is not accepted"}
	refuseAccept   = &refusal{status: http.StatusNotAcceptable, message: "Accept must allow application/json and text/event-stream"}
	refuseLong     = &refusal{status: http.StatusRequestEntityTooLarge, message: "the body is longer than 1 MiB"}
	refuseSlow     = &refusal{status: http.StatusRequestTimeout, message: "the body did not arrive in time"}
	refuseBroken   = &refusal{status: http.StatusBadRequest, message: "the body could not be read"}
)

// contentType refuses everything but JSON: a web page can send other types to any server without asking it first.
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

// accepts reports whether the client takes answers of this type, such as "application/json". No Accept at all takes
// everything.
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

// body reads the whole body, which must come in time and be no longer than MaxBody. Only so much memory is
// taken as bytes have come, and for long bodies only as long as there is some to give.
func (s *site) body(w http.ResponseWriter, r *http.Request) (data []byte, free func(), no *refusal) {
	free = func() {}
	if r.ContentLength > MaxBody {
		return nil, free, refuseLong
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(cmp.Or(max(s.Limits.BodyTime, 0), DefaultBodyTime)))
	size := min(max(r.ContentLength, 512), smallBody)
	buffer := bytes.NewBuffer(make([]byte, 0, size))
	_, err := io.CopyN(buffer, r.Body, smallBody)
	if err == nil {
		if !s.large.TryAcquire(MaxBody) {
			return nil, free, refuseBusy
		}
		free = func() { s.large.Release(MaxBody) }
		_, err = io.CopyN(buffer, r.Body, MaxBody-smallBody+1)
	}
	switch {
	case buffer.Len() > MaxBody:
		free()
		return nil, func() {}, refuseLong
	case errors.Is(err, io.EOF):
		_ = control.SetReadDeadline(time.Time{})
		delete(w.Header(), "Connection")
		return buffer.Bytes(), free, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		no = refuseSlow
	default:
		no = refuseBroken
	}
	free()
	return nil, func() {}, no
}
