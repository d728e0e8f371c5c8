package http

import (
	"context"
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"

	"ravi-mcp/internal/server"
	"ravi-mcp/internal/server/jsonrpc"
)

// SessionNotes is a SessionTable of several replicas, which keeps for all of them what the client
// of a session said when it began: mcp-go knows that only in the process that was told.
type SessionNotes interface {
	// Note keeps a word about a session of the caller for as long as that lives.
	Note(ctx context.Context, caller, id, word string) error
	// Noted reports whether the word was kept.
	Noted(ctx context.Context, caller, id, word string) (bool, error)
}

// noteForms says that the client of a session can show a form to a person.
const noteForms = "forms"

// note keeps what the other replicas have to know of a client that opens a session.
func (s *httpServer) note(ctx context.Context, caller, id string, env jsonrpc.Envelope) {
	notes, shared := s.Sessions.(SessionNotes)
	if !shared {
		return
	}
	var params struct {
		Capabilities mcp.ClientCapabilities `json:"capabilities"`
	}
	if json.Unmarshal(env.Params, &params) != nil || !server.FormCapability(params.Capabilities) {
		return
	}
	if err := notes.Note(ctx, caller, id, noteForms); err != nil {
		s.Log.Warn().Err(err).Msg("other replicas will not be able to ask the person behind a session")
	}
}

// ShowsForms reports whether the client said, to this replica or to another, that it shows forms,
// and is no gateway that several agents are behind.
// Before 2026-07-28 a form comes on the stream of the call, where there is one.
func (f *inflight) ShowsForms(ctx context.Context) bool {
	if f.call.Shared || f.form == jsonForm && !f.message.modern {
		return false
	}
	if server.DeclaresForms(ctx) {
		return true
	}
	notes, shared := f.server.Sessions.(SessionNotes)
	if !shared || f.call.Session == "" {
		return false
	}
	noted, err := notes.Noted(ctx, f.caller.name, f.call.Session, noteForms)
	return err == nil && noted
}
