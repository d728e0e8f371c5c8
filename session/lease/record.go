package lease

import "time"

// record is all that is known of one lease, as a journal or a Registry keeps it.
// It names a credential and never holds one.
type record struct {
	ID         string        `json:"id"`
	Name       string        `json:"name"`
	Known      []string      `json:"known,omitempty"` // bore the name before the creation
	Credential string        `json:"credential"`
	Caller     string        `json:"caller"`
	Persistent bool          `json:"shared,omitempty"`  // outlives its process
	Address    string        `json:"address,omitempty"` // asked for: what its address begins with, before the @
	ByAddress  bool          `json:"heeded,omitempty"`  // this Ravi gives the addresses that it is asked for
	Intended   time.Time     `json:"intended"`          // by our clock
	Ahead      time.Duration `json:"ahead,omitempty"`   // of Ravi's clock
	Clock      bool          `json:"clock,omitempty"`   // Ahead is known
	TTL        time.Duration `json:"ttl"`
	UUID       string        `json:"uuid,omitempty"` // "": created, perhaps
	Expires    time.Time     `json:"expires,omitzero"`
	Gone       bool          `json:"gone,omitempty"`
}

// valid reports whether a record can be acted upon at all.
func (r record) valid() bool {
	return r.ID != "" && r.Name != "" && r.Credential != "" && !r.Intended.IsZero() && r.TTL > 0 && (r.UUID == "" || !r.Expires.IsZero())
}

// inFlight reports whether a creation of that name can still come about.
func (r record) inFlight(credential, name string, now time.Time) bool {
	return r.UUID == "" && !r.Gone && r.Name == name && r.Credential == credential && now.Before(r.Intended.Add(claimWindow))
}
