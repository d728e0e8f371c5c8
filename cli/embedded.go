package cli

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"ravi-mcp/ravi/config"
	"ravi-mcp/sandbox"
	"ravi-mcp/secret"
)

// embedded is a Ravi inside this process, on a loopback port of its own, with
// one account. Nothing of it is kept.
type embedded struct {
	server  *sandbox.Server
	account *sandbox.Account
	url     string
	admin   string // where a person can deliver messages by hand
	https   []*http.Server
}

// startEmbedded starts a Ravi and says on notes how to deliver a message to it.
func startEmbedded(notes io.Writer) (*embedded, error) {
	s, err := sandbox.New(sandbox.Config{TokenLife: 30 * 24 * time.Hour})
	if err != nil {
		return nil, err
	}
	e := &embedded{server: s}
	if e.account, err = s.Account(sandbox.AccountConfig{}); err == nil {
		e.url, err = e.listen(s)
	}
	if err == nil {
		e.admin, err = e.listen(s.Admin())
	}
	if err != nil {
		e.close()
		return nil, err
	}
	fmt.Fprintf(notes, "embedded Ravi at %s; send it a message with, for example:\n"+
		"  curl -d '{\"to\":\"+15550100000\",\"from\":\"32665\",\"body\":\"Your code is 123456\"}' %s/sms\n"+
		"  (GET %s/identities shows the numbers and addresses; POST %s/email takes to, from, subject, text, html)\n",
		e.url, e.admin, e.admin, e.admin)
	return e, nil
}

// listen serves h on a free loopback port and returns its origin.
func (e *embedded) listen(h http.Handler) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	e.https = append(e.https, server)
	go func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			_ = l.Close()
		}
	}()
	return "http://" + l.Addr().String(), nil
}

// credentials are those of the account.
func (e *embedded) credentials() config.Credentials {
	return config.Credentials{
		Scheme:      config.SchemeToken,
		AccessToken: secret.New(e.account.AccessToken),
		Source:      "the embedded Ravi",
	}
}

// close ends the listeners and the streams.
func (e *embedded) close() {
	_ = e.server.Close()
	for _, s := range e.https {
		_ = s.Close()
	}
}
