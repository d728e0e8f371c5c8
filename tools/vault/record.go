package vault

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/tools/tool"
)

const (
	// maxFormer is how many former passwords of a login are kept.
	maxFormer = 4
	// settledAfter is when a password that was not confirmed is taken for the one that works.
	settledAfter = 24 * time.Hour
	// sameWrite is how far apart Ravi's times of a login and of its record may be for both to be of
	// one call.
	sameWrite = time.Minute
)

// record is what is kept of a login and has no field at Ravi (ARCHITECTURE.md#records-of-logins).
// Its JSON form stands in the notes of its entry.
type record struct {
	// former are passwords that were replaced and may be the one that the site has; the first is
	// the likeliest. After a crash the current one may be among them.
	former    []string
	ChangedAt time.Time `json:"password_changed_at,omitzero"`
	// Site is the domain with its port, where Ravi keeps the domain alone.
	Site string `json:"site,omitempty"`

	written time.Time // by Ravi's clock
}

func recordKey(uuid string) string { return tool.RecordPrefix + keyPart(uuid) }

// readRecord returns the record of a login; the zero value where there is none.
func readRecord(ctx context.Context, scope *ravi.Scope, uuid string) (r record, err error) {
	stored, err := scope.Secret(ctx, recordKey(uuid))
	if errors.Is(err, ravi.ErrNotFound) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	if r, err = parseRecord(stored); err != nil {
		return r, fault.New(fault.Unsupported, "What is kept of that login beside it cannot be read, so that its password is not replaced.",
			"A person has to look at the secret "+recordKey(uuid)+" with another client of Ravi.").WithCause(err)
	}
	return r, nil
}

func parseRecord(stored *ravi.SecretEntry) (r record, err error) {
	r.written = stored.Updated
	r.former, err = tool.FormerPasswords(stored)
	return r, cmp.Or(err, json.Unmarshal([]byte(stored.Notes.Reveal()), &r))
}

func (r record) write(ctx context.Context, scope *ravi.Scope, uuid string) error {
	former, _ := json.Marshal(slices.Concat([]string{}, r.former)) // strings always encode
	notes, err := json.Marshal(r)
	if err == nil {
		_, _, err = scope.SetSecret(ctx, recordKey(uuid), secret.New(string(former)), secret.New(string(notes)))
	}
	return err
}

// keep adds a password that is about to be replaced. Of several that were not confirmed the first
// stays first, as the later ones were most likely tried because a site had refused one; but for a
// settled password, which has been in use since.
func (r *record) keep(current string, settled bool) {
	switch known := slices.Index(r.former, current); {
	case current == "" || known >= 0 && !settled:
	case settled:
		r.former = slices.Insert(r.previous(current), 0, current)
		r.former = r.former[:min(len(r.former), maxFormer)]
	default:
		if len(r.former) == maxFormer {
			r.former = slices.Delete(r.former, 1, 2)
		}
		r.former = append(r.former, current)
	}
}

// changedAt returns after when a password was not changed. Ravi has one time for a whole login, so
// that a change of anything else is written down beside it; one by another client counts for all.
func (r record) changedAt(e ravi.PasswordEntry) time.Time {
	updated := e.Updated
	if updated.IsZero() {
		updated = e.Created
	}
	if r.ChangedAt.IsZero() || updated.Sub(r.written) > sameWrite {
		return updated
	}
	return r.ChangedAt
}

// noteChange writes down when the password of a login was changed, before something else of it is.
func noteChange(ctx context.Context, scope *ravi.Scope, e ravi.PasswordEntry, u ravi.PasswordUpdate) error {
	r, err := readRecord(ctx, scope, e.UUID)
	if errors.Is(err, ravi.ErrLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	r.ChangedAt = r.changedAt(e)
	r.noteSite(u.Domain)
	return r.write(ctx, scope, e.UUID)
}

// previous returns the former passwords but for the current one.
func (r record) previous(current string) []string {
	return slices.DeleteFunc(slices.Clone(r.former), func(p string) bool { return p == current })
}

// replacement is an update with a new password.
type replacement struct {
	ravi.PasswordUpdate
	// generated: only this server knows the new password.
	generated bool
	// restored: the new password is the former one whose turn it is.
	restored bool
}

// replacePassword writes an update with a new password and says whether the old one is kept. It is
// written to the record first, so that whatever ends the call, the login and its record have both.
func (h *handlers) replacePassword(ctx context.Context, scope *ravi.Scope, old ravi.PasswordEntry, u replacement) (ref credentialRef, kept previousKept, err error) {
	current, err := scope.Password(ctx, old.UUID)
	if errors.Is(err, ravi.ErrLocked) && !u.generated && !u.restored { // then the caller has it, and it is no former one
		ref, err = changeCredential(ctx, scope, old, u.PasswordUpdate)
		return ref, kept, err
	}
	if err != nil {
		return ref, kept, err
	}
	r, err := readRecord(ctx, scope, old.UUID)
	if err != nil {
		return ref, kept, err
	}
	if u.restored {
		if u.Password, err = r.next(current.Password.Reveal()); err != nil {
			return ref, kept, err
		}
	}
	now := h.Time()
	r.keep(current.Password.Reveal(), !u.restored && now.Sub(r.ChangedAt) > settledAfter)
	r.ChangedAt = now.UTC().Truncate(time.Second)
	r.noteSite(u.Domain)
	if err := r.write(ctx, scope, old.UUID); err != nil {
		return ref, kept, err
	}
	ref, err = changeCredential(ctx, scope, old, u.PasswordUpdate)
	return ref, keptPrevious(len(r.previous(u.Password.Reveal())), u.restored), err
}

// next returns the password that a restore brings back: the likeliest, and after one that was
// restored the one that follows it, so that every one that is kept has its turn.
func (r record) next(current string) (*secret.Secret, error) {
	if len(r.previous(current)) == 0 {
		return nil, fault.New(fault.NotFound, "No former password of that login is kept.",
			"One is kept from a change of the password until confirm. get_credential returns the current one.")
	}
	next := secret.New(r.former[(slices.Index(r.former, current)+1)%len(r.former)])
	return &next, nil
}

// confirmPassword forgets the former passwords of a login.
func confirmPassword(ctx context.Context, scope *ravi.Scope, uuid string) error {
	r, err := readRecord(ctx, scope, uuid)
	if err != nil || len(r.former) == 0 {
		return err
	}
	r.former = nil
	return r.write(ctx, scope, uuid)
}

// previousKept says in a result whether the password that was replaced is kept.
type previousKept struct {
	HasPrevious bool   `json:"has_previous,omitempty" jsonschema_description:"The password that this call replaced is kept."`
	Hint        string `json:"hint,omitempty"`
}

func keptPrevious(count int, restored bool) previousKept {
	switch {
	case count == 0:
		return previousKept{}
	case restored:
		return previousKept{true, fmt.Sprintf("A former password is the current one again. Once the site has taken it, call update_credential with confirm true; "+
			"if it refuses it too, with restore_previous true for the next of those that are kept (%d more; after the last, the first again).", count)}
	}
	return previousKept{true, "The former password is kept. Once the site has taken the new one, call update_credential with confirm true; if it refuses, with restore_previous true."}
}
