package session

import (
	"context"
	"slices"
	"time"
)

const (
	// FoundFor is how long a session knows which messages its waits have found.
	FoundFor = 2 * time.Minute
	// MaxFound bounds the messages that a session knows so; the one found longest ago goes first.
	MaxFound = 32
)

// FoundMessage names a message that a wait of a session has found.
type FoundMessage struct {
	MessageID string
	At        time.Time
}

// FoundMessages is the part of a Store that lets a client that gave a call up, and so missed its
// answer, learn which messages were found. It holds ids and times only. What it knows ends by
// itself after FoundFor.
type FoundMessages interface {
	// RecordFound remembers that a wait of the session has found messages of an identity. One that
	// is found again counts from then on.
	RecordFound(ctx context.Context, key Key, identity string, messages ...string) error
	// RecentlyFound returns the messages of the identity that waits of the session have found, the
	// latest first.
	RecentlyFound(ctx context.Context, key Key, identity string) ([]FoundMessage, error)
}

type foundMessage struct {
	identity string
	FoundMessage
}

// RecordFound implements Store.
func (m *Memory) RecordFound(_ context.Context, key Key, identity string, messages ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, now := m.session(key), timeBy(m.Now)
	s.found = slices.DeleteFunc(s.found, func(f foundMessage) bool {
		return now.Sub(f.At) >= FoundFor || f.identity == identity && slices.Contains(messages, f.MessageID)
	})
	for _, id := range messages {
		s.found = append(s.found, foundMessage{identity, FoundMessage{id, now}})
	}
	s.found = slices.Delete(s.found, 0, max(0, len(s.found)-MaxFound))
	return nil
}

// RecentlyFound implements Store.
func (m *Memory) RecentlyFound(_ context.Context, key Key, identity string) ([]FoundMessage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, now := m.sessions[key], timeBy(m.Now)
	if s == nil {
		return nil, nil
	}
	var recent []FoundMessage
	for _, f := range slices.Backward(s.found) {
		if f.identity == identity && now.Sub(f.At) < FoundFor {
			recent = append(recent, f.FoundMessage)
		}
	}
	return recent, nil
}
