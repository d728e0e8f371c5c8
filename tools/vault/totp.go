package vault

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/seal"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/session"
	"ravi-mcp/tools/otpauth"
	"ravi-mcp/tools/tool"
)

// longestKeyPart keeps keys within the 255 characters that Ravi takes.
const longestKeyPart = 200

// totpAccount is the owner of two-factor values: a username at a domain, which is a result of
// tool.RegistrableDomain. Its JSON form stands in results and in the notes.
type totpAccount struct {
	Domain   string `json:"domain"`
	Username string `json:"username"`
}

// accountOf returns the account of a credential. It reports false when the username cannot be read.
func accountOf(e ravi.PasswordEntry) (totpAccount, bool) {
	domain, err := tool.RegistrableDomain("domain", e.Domain)
	return totpAccount{domain, e.Username}, err == nil && !seal.Is(e.Username)
}

func (a totpAccount) name() string {
	sum := sha256.Sum256([]byte(a.Domain + "\x00" + a.Username))
	return keyPart(a.Domain) + "_" + strings.ToUpper(hex.EncodeToString(sum[:4]))
}

// folded is the same for usernames that differ in case only.
func (a totpAccount) folded() totpAccount { return totpAccount{a.Domain, strings.ToLower(a.Username)} }

func (a totpAccount) seedKey() string { return otpauth.SeedPrefix + a.name() }

func (a totpAccount) notes() secret.Secret {
	text, _ := json.Marshal(a) // two strings always encode
	return secret.New(string(text))
}

var notForKeys = regexp.MustCompile(`[^A-Z0-9]`)

func keyPart(domain string) string {
	part := notForKeys.ReplaceAllString(strings.ToUpper(domain), "_")
	return part[:min(len(part), longestKeyPart)]
}

// totpKeys are the keys of an identity's secret store that hold two-factor values.
type totpKeys []string

func readTOTPKeys(ctx context.Context, scope *ravi.Scope) (totpKeys, error) {
	entries, err := scope.Secrets(ctx)
	if err != nil {
		return nil, err
	}
	keys := tool.Convert(entries, func(e ravi.SecretEntry) string { return e.Key })
	keys = slices.DeleteFunc(keys, func(key string) bool { return !reserved(key) })
	slices.Sort(keys)
	return keys, nil
}

var backupTail = regexp.MustCompile(`^_[0-9]{2}$`)

// backups returns the keys of an account's backup codes, in order.
func (k totpKeys) backups(name string) []string {
	var out []string
	for _, key := range k {
		if tail, ok := strings.CutPrefix(key, otpauth.BackupPrefix+name); ok && backupTail.MatchString(tail) {
			out = append(out, key)
		}
	}
	return out
}

var hashTails = map[string]*regexp.Regexp{
	otpauth.SeedPrefix:   regexp.MustCompile(`^[0-9A-F]{8}$`),
	otpauth.BackupPrefix: regexp.MustCompile(`^[0-9A-F]{8}_[0-9]{2}$`),
}

// first returns, for each account that has a key with the prefix at the domain, the first such key.
// The domain may still be another one that is spelt alike in keys.
func (k totpKeys) first(prefix, domain string) []string {
	var out []string
	start := prefix + keyPart(domain) + "_"
	for _, key := range k {
		tail, ok := strings.CutPrefix(key, start)
		if ok && hashTails[prefix].MatchString(tail) && (len(out) == 0 || !strings.HasPrefix(key, out[len(out)-1][:len(start)+8])) {
			out = append(out, key)
		}
	}
	return out
}

type totpEntry struct {
	totpAccount
	key    string
	stored *ravi.SecretEntry
}

// totpLookup is what the arguments of a call name: a domain, and perhaps an account there, in the
// vault of an identity.
type totpLookup struct {
	domain, username string
	resolved         session.Resolved
	scope            *ravi.Scope
}

func (h *handlers) lookup(ctx context.Context, call tool.Call, p totpArguments) (l totpLookup, err error) {
	l.username = p.Username
	if l.domain, err = tool.RegistrableDomain("domain", p.Domain); err != nil {
		return l, err
	}
	l.resolved, l.scope, err = h.Scope(ctx, call, p.Identity)
	return l, err
}

// entries reads, for each account that the lookup can mean, its first value with the prefix.
// Usernames are compared without case.
func (l totpLookup) entries(ctx context.Context, keys totpKeys, prefix string) ([]totpEntry, error) {
	var out []totpEntry
	keys = slices.Clone(keys)
	for i := 0; ; {
		first := keys.first(prefix, l.domain)
		if i >= len(first) {
			return out, nil
		}
		key := first[i]
		stored, err := l.scope.Secret(ctx, key)
		if errors.Is(err, ravi.ErrNotFound) {
			// Another caller took it since the list; the account's next key says the same.
			keys = slices.DeleteFunc(keys, func(k string) bool { return k == key })
			continue
		}
		if err != nil {
			return nil, err
		}
		i++
		name := key[len(prefix) : len(prefix)+len(keyPart(l.domain))+9]
		if owner, ok := owner(stored, l.domain, name); ok && (l.username == "" || strings.EqualFold(l.username, owner.Username)) {
			out = append(out, totpEntry{owner, key, stored})
		}
	}
}

// owner returns the owner of an entry, if that is an account of the domain: by its notes, or for an
// entry of another client by what the otpauth URI says.
func owner(stored *ravi.SecretEntry, domain, name string) (totpAccount, bool) {
	possible := []totpAccount{{domain, ""}}
	if noted, ok := notedOwner(stored); ok {
		possible = append(possible, noted)
	}
	if a, err := otpauth.Stored(stored); err == nil {
		possible = append(possible, totpAccount{domain, a.AccountName})
	}
	for _, account := range possible {
		if account.Domain == domain && account.name() == name {
			return account, true
		}
	}
	return totpAccount{}, false
}

// notedOwner returns the account that the notes of an entry name.
func notedOwner(stored *ravi.SecretEntry) (noted totpAccount, ok bool) {
	err := json.Unmarshal([]byte(stored.Notes.Reveal()), &noted)
	return noted, err == nil
}

// lockTOTP lets one call at a time change an identity's two-factor values, and returns their keys.
// It fails when the call ends before its turn comes.
func (h *handlers) lockTOTP(ctx context.Context, identity string, scope *ravi.Scope) (keys totpKeys, unlock func(), err error) {
	release, err := h.Lock(ctx, "totp of "+identity)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		if unlock == nil { // after an error or a panic
			release()
		}
	}()
	if keys, err = readTOTPKeys(ctx, scope); err != nil {
		return nil, nil, err
	}
	return keys, release, nil
}

// moveTOTP renames the values of an account, after the account was renamed. What the new name has
// already stays, and what stands in its way too.
func (h *handlers) moveTOTP(ctx context.Context, identity string, scope *ravi.Scope, from, to totpAccount) (moved bool, err error) {
	keys, unlock, err := h.lockTOTP(ctx, identity, scope)
	if err != nil {
		return false, err
	}
	defer unlock()
	notes := to.notes()
	for _, key := range keys.of(from) {
		target := strings.Replace(key, from.name(), to.name(), 1)
		if slices.Contains(keys, target) {
			continue
		}
		entry, err := scope.Secret(ctx, key)
		if err == nil {
			_, err = scope.UpdateSecret(ctx, entry.UUID, ravi.SecretUpdate{Key: &target, Notes: &notes})
		}
		if err != nil {
			return moved, err
		}
		moved = true
	}
	return moved, nil
}

func (h *handlers) deleteTOTP(ctx context.Context, identity string, scope *ravi.Scope, of totpAccount) (deleted bool, err error) {
	keys, unlock, err := h.lockTOTP(ctx, identity, scope)
	if err != nil {
		return false, err
	}
	defer unlock()
	for _, key := range keys.of(of) {
		if err := scope.DeleteSecret(ctx, key); err != nil && !errors.Is(err, ravi.ErrNotFound) {
			return deleted, err
		}
		deleted = true
	}
	return deleted, nil
}

// of returns the keys of an account: its backup codes, and then its seed.
func (k totpKeys) of(a totpAccount) []string {
	out := k.backups(a.name())
	if slices.Contains(k, a.seedKey()) {
		out = append(out, a.seedKey())
	}
	return out
}

// totpArguments are the arguments that name an account whose two-factor values are stored.
type totpArguments struct {
	tool.IdentityArgument
	Domain   string `json:"domain" jsonschema:"minLength=1,maxLength=2048" jsonschema_description:"Site or URL."`
	Username string `json:"username,omitempty" jsonschema:"maxLength=320" jsonschema_description:"If the site has several accounts."`
}

// totpOutcome is what the results of the tools that return a code share.
type totpOutcome struct {
	tool.ActedFor
	Status     credentialStatus `json:"status" jsonschema:"enum=found,enum=ambiguous"`
	Domain     string           `json:"domain"`
	Username   string           `json:"username,omitempty"`
	Candidates []totpAccount    `json:"candidates,omitempty"`
	Hint       string           `json:"hint,omitempty"`
}

// outcome fills what does not depend on the code. With several entries it is the whole result.
func (l totpLookup) outcome(found []totpEntry) totpOutcome {
	o := totpOutcome{ActedFor: tool.Acted(l.resolved), Status: credentialFound, Domain: l.domain}
	if len(found) == 1 {
		o.Username = found[0].Username
		return o
	}
	o.Status, o.Hint = credentialAmbiguous, "Several accounts fit: call again with the username of the one you mean."
	o.Candidates = tool.Convert(found, func(e totpEntry) totpAccount { return e.totpAccount })
	return o
}
