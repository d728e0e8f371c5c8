package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"ravi-mcp/internal/fault"
	"ravi-mcp/tools/tool"
)

// Audit is a file of JSON lines that says who did what to which identity, and how it was decided
// and ended. It holds references and never a value.
//
// A call has up to two lines, tied by request_id: "call", written before it can have an effect, and
// "result". A call that was refused before that has only the second.
//
// The file is made with mode 0600 and appended to. Who runs the server rotates it, by renaming: the
// next line goes into a new file of the old name (Reopen does the same at once). An Audit may be
// used by any number of goroutines.
type Audit struct {
	path string
	// Now is the clock; nil means time.Now. Set it before the first use.
	Now func() time.Time

	mu     sync.Mutex
	file   *os.File
	info   os.FileInfo
	closed bool
}

// OpenAudit opens the file for appending. It fails if the file cannot be written, or others may
// read it.
func OpenAudit(path string) (*Audit, error) {
	a := &Audit{path: path}
	if err := a.open(); err != nil {
		return nil, err
	}
	return a, nil
}

// open opens the file anew. The caller holds mu, or has a to itself.
func (a *Audit) open() error {
	file, err := os.OpenFile(a.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK, 0o600)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	info, err := file.Stat()
	if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
		err = fmt.Errorf("others may read or write %s; run: chmod 600 %s", a.path, a.path)
	}
	if err == nil && info.IsDir() {
		err = &fs.PathError{Op: "open", Path: a.path, Err: errors.New("is a folder")}
	}
	if err != nil {
		_ = file.Close()
		return fmt.Errorf("audit: %w", err)
	}
	if a.file != nil {
		_ = a.file.Close()
	}
	a.file, a.info = file, info
	return nil
}

// Reopen opens the file of the name anew, after it was rotated.
func (a *Audit) Reopen() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return fs.ErrClosed
	}
	return a.open()
}

// Close ends the audit; what writes needs it afterwards fails.
func (a *Audit) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil
	}
	a.closed = true
	return a.file.Close()
}

// auditLine is one line of the file.
type auditLine struct {
	Time      time.Time `json:"time"`
	Event     string    `json:"event"` // call or result
	RequestID string    `json:"request_id"`
	Caller    string    `json:"caller"`
	// Session is a hash: the id itself opens the session over HTTP.
	Session  string     `json:"session,omitempty"`
	Identity string     `json:"identity,omitempty"`
	Tool     string     `json:"tool"`
	Target   string     `json:"target,omitempty"`
	Decision string     `json:"decision,omitempty"`
	Code     fault.Code `json:"code,omitempty"` // of a result: ok, input_required or the error's code
	Reason   string     `json:"reason,omitempty"`
}

// write appends a line in one piece. With durable it is on the disk afterwards.
func (a *Audit) write(line auditLine, durable bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return fs.ErrClosed
	}
	if info, err := os.Stat(a.path); err != nil || !os.SameFile(info, a.info) {
		if err := a.open(); err != nil {
			return err
		}
	}
	line.Time = time.Now().UTC()
	if a.Now != nil {
		line.Time = a.Now().UTC()
	}
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	if n, err := a.file.Write(append(text, '\n')); err != nil {
		if n > 0 { // the next line must not continue half of this one
			_, _ = a.file.Write([]byte("\n"))
		}
		return err
	}
	if durable {
		if err := a.file.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
			return err // a device or pipe cannot be synced
		}
	}
	return nil
}

// auditor writes the lines of calls. Without an Audit it does nothing.
type auditor struct {
	audit *Audit
	deps  *tool.Deps
	log   zerolog.Logger
}

func (a auditor) line(r *request, event string) auditLine {
	l := auditLine{
		Event: event, RequestID: r.RequestID, Caller: r.Caller.Name, Tool: r.Tool,
		Identity: r.subject.Identity, Target: r.subject.Target, Decision: r.Verdict,
	}
	if r.HasSession() {
		l.Session = r.sessionHash()
	}
	return l
}

// before writes what is about to be done. Nothing that changes anything is done without it; what
// only reads goes on, and the log says so.
func (a auditor) before(next handler) handler {
	if a.audit == nil {
		return next
	}
	return func(ctx context.Context, r *request) (tool.Result, error) {
		r.subject = a.deps.Subject(ctx, r.Call, r.Schema, r.Arguments)
		if r.Decided != nil && r.Decided.Identity.UUID != "" {
			r.subject.Identity = r.Decided.Identity.UUID
		}
		if err := a.audit.write(a.line(r, "call"), r.Writes); err != nil {
			if r.Writes {
				return nil, fault.New(fault.Unavailable, "The audit file of this server cannot be written, so nothing was changed.",
					"The operator has to make the audit file writable; then call again.").WithCause(err)
			}
			a.log.Warn().Err(err).Str("request_id", r.RequestID).Msg("the audit file cannot be written; a call that only reads goes on")
		}
		return next(ctx, r)
	}
}

// after writes how a call ended.
func (a auditor) after(next handler) handler {
	if a.audit == nil {
		return next
	}
	return func(ctx context.Context, r *request) (tool.Result, error) {
		r.Verdict = verdictAllowed
		result, err := next(ctx, r)
		l := a.line(r, "result")
		l.Code = fault.Code(codeOf(result, err))
		if err != nil {
			l.Reason = fault.From(err).Reason
		} else {
			l.Target = r.subject.Proven
			plain := result
			if e, ok := result.(encoded); ok {
				plain = e.Result
			}
			if about, ok := plain.(interface{ AboutIdentity() string }); ok {
				l.Identity = about.AboutIdentity()
			}
		}
		if l.Identity == "" && r.Decided != nil {
			l.Identity = r.Decided.Identity.UUID
		}
		if err := a.audit.write(l, false); err != nil {
			a.log.Error().Err(err).Str("request_id", r.RequestID).Msg("the audit file cannot be written; the result of a call is missing in it")
		}
		return result, err
	}
}
