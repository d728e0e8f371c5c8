package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/rs/zerolog"

	mcphttp "ravi-mcp/internal/server/http"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/session"
	"ravi-mcp/session/redisstore"
)

// sessionTable is the sessions of an endpoint, in this process or shared.
type sessionTable interface {
	mcphttp.SessionTable
	EndCaller(caller string)
	Run(ctx context.Context)
	Len() int
}

// sharedStore is what replicas share. Nil is none; its methods then do nothing.
type sharedStore struct{ *redisstore.Store }

// sharedStore opens the store that the operator has named, if any. The store itself may come up
// later.
func (f *httpFlags) sharedStore(log zerolog.Logger) (*sharedStore, error) {
	if strings.Contains(f.storeFile, "://") { // it may hold a password, and errors of files repeat names
		return nil, usageError{errors.New("--session-store-file: want the name of a file of mode 0600 that holds the URL")}
	}
	text, source, err := privateText("--session-store-file", f.storeFile, "RAVI_MCP_SESSION_STORE")
	if err != nil || text == "" {
		return nil, err
	}
	if f.sealKeyFile == "" && strings.TrimSpace(os.Getenv("RAVI_MCP_SEAL_KEY")) == "" {
		return nil, usageError{errors.New("replicas that share sessions need one sealing key, or none accepts the cursors of the others: " +
			"make it with `openssl rand -base64 32` and give it to each in RAVI_MCP_SEAL_KEY or --seal-key-file")}
	}
	url := secret.New(text)
	store, err := redisstore.Open(redisstore.Config{URL: url, Log: log})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", source, err)
	}
	if redisstore.Exposed(url) {
		log.Warn().Msg("the password of the session store crosses the network in the clear; rediss:// encrypts it")
	}
	_ = store.Ping(context.Background()) // logged; it may come up later
	f.store = store
	return &sharedStore{store}, nil
}

// sessionTable returns the sessions and where to put what their end calls.
func (f *httpFlags) sessionTable(shared *sharedStore) (sessionTable, *func(session.Key)) {
	if shared == nil {
		local := &session.Sessions{PerCaller: f.sessions, Idle: f.idle}
		return local, &local.OnEnd
	}
	all := &redisstore.Sessions{Store: shared.Store, PerCaller: f.sessions, Idle: f.idle}
	return all, &all.OnEnd
}

func (s *sharedStore) ping(ctx context.Context) error {
	if s == nil {
		return nil
	}
	return s.Ping(ctx)
}

func (s *sharedStore) announce(to streams) {
	if s != nil {
		fmt.Fprintf(to.err, "sessions are shared with other replicas through the Redis at %s\n", s.Addr())
	}
}

func (s *sharedStore) close() {
	if s != nil {
		_ = s.Close()
	}
}
