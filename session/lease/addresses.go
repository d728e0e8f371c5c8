package lease

import (
	"crypto/rand"
	"strings"
	"sync"

	"ravi-mcp/ravi"
)

// addressSupport is whether a Ravi gives an identity the address that is asked for, as the
// identities that were created with a credential have shown
// (docs/decisions.md#addresses-of-ephemeral-identities).
type addressSupport struct {
	mu           sync.Mutex
	byCredential map[string]bool
}

func (a *addressSupport) of(credential string) (supported, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	supported, known = a.byCredential[credential]
	return supported, known
}

// learn takes note of an identity that was created with a request for an address.
func (a *addressSupport) learn(credential, address string, made ravi.Identity) {
	if made.Inbox == "" {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.byCredential == nil {
		a.byCredential = make(map[string]bool)
	}
	a.byCredential[credential] = made.HasAddress(address)
}

// onlyByAddress reports whether the identity of an intent certainly has the address that was asked
// for, if it exists.
func (a *addressSupport) onlyByAddress(r record) bool {
	supported, known := a.of(r.Credential)
	return r.Address != "" && (supported || !known && r.ByAddress)
}

// newAddress makes an address for an identity of that name: at most 30 lower case letters, digits
// and hyphens, as Ravi wants them (docs/ravi-api.md#identities), whose end is random.
func newAddress(name string) string {
	const most = 20
	var b strings.Builder
	for _, c := range strings.ToLower(name) {
		switch {
		case b.Len() == most:
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	head := strings.TrimSuffix(b.String(), "-")
	if head == "" {
		head = "task"
	}
	return head + "-" + strings.ToLower(rand.Text()[:9])
}
