package session

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"iter"
	"maps"
	"os"
	"sync/atomic"
	"time"
)

// RemoteCaller is the name of the one caller of a server with a single token.
const RemoteCaller = "remote"

// MinTokenLength is the length in bytes of the shortest token that is taken as one. `ravi-mcp token
// new` makes longer ones; the limit is for tokens chosen by hand.
const MinTokenLength = 32

// TokenHash is all that this server keeps of a caller's token.
type TokenHash [sha256.Size]byte

// HashToken returns the hash of a token.
func HashToken(token string) TokenHash { return sha256.Sum256([]byte(token)) }

// String returns the hash in hexadecimal, as the callers file has it.
func (h TokenHash) String() string { return hex.EncodeToString(h[:]) }

// Callers are the clients that may call a remote endpoint, told apart by their tokens, or by the
// subjects that an issuer's tokens name. They come from a file (LoadCallers), which may change
// while the server runs, or there is one (SingleCaller). Callers may be used by any number of
// goroutines.
type Callers struct {
	path     string
	toolsets []string
	table    atomic.Pointer[callerTable]
	stamp    fileStamp
}

// callerTable is the callers at one moment; it is immutable.
type callerTable struct {
	byHash    map[TokenHash]*Caller
	bySubject map[string]*Caller
	known     map[string]knownBy // by name
}

// knownBy is what makes a caller the same one after a change of the file.
type knownBy struct {
	hash    TokenHash
	subject string // of an issuer's token; "": known by the hash
	account string // the folder of its Ravi account; "": the server's own
}

func newCallerTable() *callerTable {
	return &callerTable{byHash: make(map[TokenHash]*Caller), bySubject: make(map[string]*Caller), known: make(map[string]knownBy)}
}

// add takes a caller in, or says why it cannot be one.
func (t *callerTable) add(caller *Caller, by knownBy) error {
	if _, twice := t.known[caller.Name]; twice {
		return errors.New("the name stands twice")
	}
	if by.subject != "" {
		if t.bySubject[by.subject] != nil {
			return errors.New("another caller has the same oidc_subject")
		}
		t.bySubject[by.subject] = caller
	} else {
		if t.byHash[by.hash] != nil {
			return errors.New("another caller has the same token")
		}
		t.byHash[by.hash] = caller
	}
	t.known[caller.Name] = by
	return nil
}

// SingleCaller returns callers with one member, which has the given token.
func SingleCaller(token string, caller *Caller) (*Callers, error) {
	if len(token) < MinTokenLength {
		return nil, errors.New("session: a caller's token must have at least 32 characters; `ravi-mcp token new NAME` makes one")
	}
	table := newCallerTable()
	if err := table.add(caller, knownBy{hash: HashToken(token)}); err != nil {
		return nil, err
	}
	c := &Callers{}
	c.table.Store(table)
	return c, nil
}

// Authenticate returns the caller whose token this is, or nil. Only hashes are compared, in
// constant time, so that how long it takes says nothing about a token that is nearly right. It
// never fails, and the tokens never end; those of an issuer are not known here.
func (c *Callers) Authenticate(_ context.Context, token string) (caller *Caller, until time.Time, err error) {
	hash, table := HashToken(token), c.table.Load()
	// The map finds by the hash, whose bytes cannot be chosen; the comparison is what decides.
	if caller, ok := table.byHash[hash]; ok {
		if own := table.known[caller.Name].hash; subtle.ConstantTimeCompare(own[:], hash[:]) == 1 {
			return caller, until, nil
		}
	}
	return nil, until, nil
}

// Named returns the caller of that name, or nil.
func (c *Callers) Named(name string) *Caller {
	table := c.table.Load()
	known, ok := table.known[name]
	switch {
	case !ok:
		return nil
	case known.subject != "":
		return table.bySubject[known.subject]
	}
	return table.byHash[known.hash]
}

// OfSubject returns the caller with that oidc_subject, or nil.
func (c *Callers) OfSubject(subject string) *Caller { return c.table.Load().bySubject[subject] }

// Accounts returns one caller for each Ravi account other than the server's, and whether a caller
// uses the server's.
func (c *Callers) Accounts() (own []*Caller, server bool) {
	seen := make(map[string]bool)
	table := c.table.Load()
	for _, callers := range []iter.Seq[*Caller]{maps.Values(table.byHash), maps.Values(table.bySubject)} {
		for caller := range callers {
			switch folder := caller.RaviConfigDir; {
			case folder == "":
				server = true
			case !seen[folder]:
				seen[folder] = true
				own = append(own, caller)
			}
		}
	}
	return own, server
}

// Subjects returns how many callers are known by an oidc_subject.
func (c *Callers) Subjects() int { return len(c.table.Load().bySubject) }

// Len returns how many callers there are.
func (c *Callers) Len() int { return len(c.table.Load().known) }

// Watch looks every so often whether the file has changed, and takes over what is in it, until ctx
// ends. gone is called with the names of callers that are not there any more or have another token,
// subject or Ravi account. A file that cannot be read or is wrong changes nothing; failed is called
// with the reason, once per change of the file. Callers without a file have nothing to watch, and
// Watch returns at once.
func (c *Callers) Watch(ctx context.Context, every time.Duration, gone func(names []string), failed func(error)) {
	if c.path == "" {
		return
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		names, err := c.Reload()
		if err != nil {
			failed(err)
		}
		if len(names) > 0 {
			gone(names)
		}
	}
}

// Reload reads the file again if it has changed since it was last looked at, and returns the names
// of the callers that lost their token, subject or Ravi account by that. It is for one goroutine at
// a time.
func (c *Callers) Reload() (gone []string, err error) {
	stamp, err := stampOf(c.path)
	if err != nil {
		if c.stamp == (fileStamp{}) {
			return nil, nil // it was missing before
		}
		c.stamp = fileStamp{}
		return nil, err
	}
	if stamp == c.stamp {
		return nil, nil
	}
	c.stamp = stamp
	next, err := readCallers(c.path, c.toolsets)
	if err != nil {
		return nil, err
	}
	before := c.table.Swap(next)
	for name, by := range before.known {
		if next.known[name] != by {
			gone = append(gone, name)
		}
	}
	return gone, nil
}

// fileStamp identifies a state of a file without reading it.
type fileStamp struct {
	size    int64
	changed time.Time
	mode    os.FileMode
}

func stampOf(path string) (fileStamp, error) {
	info, err := os.Stat(path)
	if err != nil {
		return fileStamp{}, err
	}
	return fileStamp{size: info.Size(), changed: info.ModTime(), mode: info.Mode()}, nil
}
