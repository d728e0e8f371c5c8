package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
)

// Admin returns the handler of a separate listener from which the sandbox is run. It has no
// authentication and hands out credentials: bind it to loopback. Bodies are JSON and must say so,
// which keeps web pages out.
//
//	POST   /sms              {to, from, body, at?}: deliver a text message
//	POST   /email            {to, from, subject, text?, html?, ...}: deliver a mail (see Email)
//	GET    /identities       all identities
//	POST   /identities       {account, name?, email?, provision_phone?}
//	POST   /accounts         see AccountConfig; answers with credentials
//	POST   /accounts/expire  {email}: access tokens expire now
//	POST   /accounts/revoke  {email}: access and refresh tokens are invalid from now on
//	GET    /devices          logins that wait for approval
//	POST   /devices/approve  {user_code, email}
//	POST   /devices/deny     {user_code}
//	GET    /faults           faults that can still happen
//	POST   /faults           one Fault, or an array of them
//	DELETE /faults           empty the plan
//	POST   /streams/drop     {identity?}: cut open event streams
//	GET    /requests         the requests answered so far
//	DELETE /requests         forget them
//
// A message to an unknown recipient is 404, a malformed body 400.
func (s *Server) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /identities", show(func() any { return s.Identities() }))
	mux.HandleFunc("GET /devices", show(func() any { return s.Devices() }))
	mux.HandleFunc("GET /faults", show(func() any { return s.Faults().List() }))
	mux.HandleFunc("GET /requests", show(func() any { return s.Requests() }))
	mux.HandleFunc("DELETE /faults", command(func() { s.Faults().Clear() }))
	mux.HandleFunc("DELETE /requests", command(func() { s.ClearRequests() }))
	mux.HandleFunc("POST /sms", take(func(m SMS) (any, error) {
		id, err := s.DeliverSMS(m)
		return map[string]int64{"id": id}, err
	}))
	mux.HandleFunc("POST /email", take(func(m Email) (any, error) {
		id, err := s.DeliverEmail(m)
		return map[string]int64{"id": id}, err
	}))
	mux.HandleFunc("POST /accounts", take(func(c AccountConfig) (any, error) { return s.Account(c) }))
	type named struct {
		Email    string `json:"email"`
		UserCode string `json:"user_code"`
		Identity string `json:"identity"`
	}
	mux.HandleFunc("POST /accounts/expire", take(func(n named) (any, error) { return nil, s.ExpireAccess(n.Email) }))
	mux.HandleFunc("POST /accounts/revoke", take(func(n named) (any, error) { return nil, s.RevokeTokens(n.Email) }))
	mux.HandleFunc("POST /devices/approve", take(func(n named) (any, error) { return nil, s.ApproveDevice(n.UserCode, n.Email) }))
	mux.HandleFunc("POST /devices/deny", take(func(n named) (any, error) { return nil, s.DenyDevice(n.UserCode) }))
	mux.HandleFunc("POST /streams/drop", take(func(n named) (any, error) {
		s.DropStreams(n.Identity)
		return nil, nil
	}))
	type newIdentity struct {
		Account string `json:"account"`
		NewIdentity
	}
	mux.HandleFunc("POST /identities", take(func(n newIdentity) (any, error) {
		return s.CreateIdentity(n.Account, n.NewIdentity)
	}))
	mux.HandleFunc("POST /faults", take(func(raw json.RawMessage) (any, error) {
		if !bytes.HasPrefix(raw, []byte("[")) {
			raw = append(append([]byte("["), raw...), ']')
		}
		return nil, s.Faults().Load(bytes.NewReader(raw))
	}))
	return mux
}

func show(list func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { toAnswer(ok(list())).write(w) }
}

func command(do func()) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		do()
		toAnswer(noContent()).write(w)
	}
}

// maxAdminBody bounds a body of the admin handler: a mail with attachments.
const maxAdminBody = 32 << 20

// take decodes the body and answers 201 with the result, or 204 without one.
func take[T any](do func(T) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		out, err := func() (any, error) {
			if mt, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); mt != "application/json" {
				return nil, detail(415, "Send application/json.")
			}
			raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxAdminBody))
			if err != nil {
				return nil, detail(413, "Request body too large.")
			}
			var v T
			dec := json.NewDecoder(bytes.NewReader(raw))
			dec.DisallowUnknownFields()
			if err := dec.Decode(&v); err != nil {
				return nil, detail(400, err.Error())
			}
			return do(v)
		}()
		success := reply{201, out}
		if out == nil {
			success.status = 204
		}
		if _, is := errors.AsType[*problem](err); err != nil && !is {
			missing := errors.Is(err, ErrBounce) || errors.Is(err, ErrNoAccount) || errors.Is(err, ErrNoDevice)
			err = detail(pick(missing, 404, 400), err.Error())
		}
		toAnswer(success, err).write(w)
	}
}
