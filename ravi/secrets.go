package ravi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"ravi-mcp/ravi/secret"
)

// The two paths of the secret store; the second one is era 1's. Which it is shows in the first
// list.
const (
	secretsPath = "/api/secrets/"
	vaultPath   = "/api/vault/"
)

// wireSecret is a SecretEntry as Ravi sends it.
type wireSecret struct {
	UUID    string    `json:"uuid"`
	Key     string    `json:"key"`
	Value   looseText `json:"value"`
	Notes   looseText `json:"notes"`
	Created looseTime `json:"created_dt"`
	Updated looseTime `json:"updated_dt"`
}

func (w *wireSecret) UnmarshalJSON(data []byte) error {
	type plain wireSecret
	return decodeObject(data, (*plain)(w))
}

// entry opens the fields and reports whether both are plain now.
func (w *wireSecret) entry(c *Client) (*SecretEntry, bool) {
	value, ok := c.open(string(w.Value))
	notes, okNotes := c.open(string(w.Notes))
	return &SecretEntry{
		UUID: w.UUID, Key: w.Key, Value: value, Notes: notes,
		Created: time.Time(w.Created), Updated: time.Time(w.Updated),
	}, ok && okNotes
}

func (w *wireSecret) hide() { w.Value, w.Notes = "", "" }

// listSecrets lists the store, or one key of it, wherever this Ravi keeps it.
func (s *Scope) listSecrets(ctx context.Context, key string) ([]wireSecret, error) {
	k := s.get("list secrets", secretsPath)
	if key != "" {
		k.query = url.Values{"key": {key}}
	}
	if known := s.c.secretsPath.Load(); known != nil {
		k.route = *known
		return list[wireSecret](ctx, s.c, k)
	}
	found, err := list[wireSecret](ctx, s.c, k)
	if errors.Is(err, ErrNotFound) {
		k.route = vaultPath
		if old, oldErr := list[wireSecret](ctx, s.c, k); oldErr == nil {
			found, err = old, nil
		}
	}
	if err == nil {
		s.c.secretsPath.Store(&k.route)
	}
	return found, err
}

// secretsRoute returns the path of the store, which a list has found before.
func (s *Scope) secretsRoute(ctx context.Context) (string, error) {
	if known := s.c.secretsPath.Load(); known != nil {
		return *known, nil
	}
	if _, err := s.listSecrets(ctx, ""); err != nil {
		return "", err
	}
	return *s.c.secretsPath.Load(), nil
}

// findSecret returns the entry of a key; nil when there is none. Unless it fails, the path of the
// store is known.
func (s *Scope) findSecret(ctx context.Context, key string) (*wireSecret, error) {
	found, err := s.listSecrets(ctx, key)
	if err != nil {
		return nil, err
	}
	for _, w := range found { // a Ravi may ignore the filter
		if strings.EqualFold(w.Key, key) {
			return &w, nil
		}
	}
	return nil, nil
}

// SecretKey returns the name under which Ravi keeps a key: in upper case. It reports false for one
// that Ravi does not take: it must begin with a letter and go on with letters, digits and
// underscores.
func SecretKey(key string) (string, bool) {
	key = strings.ToUpper(key)
	if len(key) > 255 || !secretKey.MatchString(key) {
		return "", false
	}
	return key, true
}

var secretKey = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)

func badKey(op string) error { return &Error{Op: op, Kind: ErrInvalid, Fields: []string{"key"}} }

// Secrets returns the stored secrets without values and notes.
func (s *Scope) Secrets(ctx context.Context) ([]SecretEntry, error) {
	found, err := s.listSecrets(ctx, "")
	return withoutValues[SecretEntry](s.c, found, err)
}

// SecretsUnder is Secrets with value and notes of the entries whose key begins with one of the
// prefixes. An entry that no key opens is without them.
func (s *Scope) SecretsUnder(ctx context.Context, prefixes ...string) ([]SecretEntry, error) {
	found, err := s.listSecrets(ctx, "")
	if err != nil {
		return nil, err
	}
	entries := make([]SecretEntry, len(found))
	for i, w := range found {
		wanted := slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(w.Key, prefix) })
		if !wanted {
			w.hide()
		}
		entry, plain := w.entry(s.c)
		if !plain {
			entry.Value, entry.Notes = secret.Secret{}, secret.Secret{}
		}
		entries[i] = *entry
	}
	return entries, nil
}

// Secret returns one secret with its value; upper and lower case are the same.
//
// Errors: ErrNotFound, ErrLocked; ErrInvalid for a name that no secret can have.
func (s *Scope) Secret(ctx context.Context, key string) (*SecretEntry, error) {
	const op = "get secret"
	key, ok := SecretKey(key)
	if !ok {
		return nil, badKey(op)
	}
	w, err := s.findSecret(ctx, key)
	if err != nil {
		return nil, withOp(err, op)
	}
	if w == nil {
		return nil, &Error{Op: op, Kind: ErrNotFound}
	}
	return unsealed(s.c, op, w)
}

type secretBody struct {
	Key   *string `json:"key,omitempty"`
	Value *string `json:"value,omitempty"`
	Notes *string `json:"notes,omitempty"`
}

// SetSecret stores a value under a key, whether or not the key exists, and reports whether it was
// created. Empty notes leave the notes of an existing entry as they are. Ravi has no such call: the
// key is looked up and then created or changed, and when another client was faster, or an answer
// was lost, that is done again.
//
// Errors: ErrInvalid for a key that Ravi does not take.
func (s *Scope) SetSecret(ctx context.Context, key string, value, notes secret.Secret) (entry *SecretEntry, created bool, err error) {
	const op = "set secret"
	key, ok := SecretKey(key)
	if !ok {
		return nil, false, badKey(op)
	}
	body := secretBody{}
	if err := s.sealed(ctx, sealedField{&body.Value, &value}, sealedField{&body.Notes, nonEmpty(&notes)}); err != nil {
		return nil, false, withOp(err, op)
	}
	createBody := body
	createBody.Key = &key
	for attempt := 1; ; attempt++ {
		found, err := s.findSecret(ctx, key)
		if err != nil {
			return nil, false, err
		}
		k := s.post("create secret", *s.c.secretsPath.Load(), createBody)
		if found != nil {
			k = s.patch("update secret", *s.c.secretsPath.Load()+"{uuid}/", body, found.UUID)
		}
		w, err := send[wireSecret](ctx, s.c, k)
		failed, ok := errors.AsType[*Error](err)
		if ok && attempt < 3 && overtaken(failed, found == nil) && ctx.Err() == nil {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		entry := &SecretEntry{Key: key, Value: value, Notes: notes}
		if w != nil {
			entry.UUID, entry.Created, entry.Updated = w.UUID, time.Time(w.Created), time.Time(w.Updated)
			if opened, plain := w.entry(s.c); plain && notes.Empty() {
				entry.Notes = opened.Notes
			}
		}
		return entry, found == nil, nil
	}
}

// overtaken reports whether a write failed because the key has come or gone since it was looked up,
// or may have been carried out unanswered.
func overtaken(failed *Error, creating bool) bool {
	if creating {
		return failed.lost || failed.Status == http.StatusConflict ||
			failed.Status == http.StatusBadRequest && (slices.Contains(failed.Fields, "key") || slices.Contains(failed.Fields, "non_field_errors"))
	}
	return failed.Status == http.StatusNotFound
}

// SecretUpdate changes a secret. Nil fields stay as they are; an empty value empties the field.
type SecretUpdate struct {
	Key   *string
	Value *secret.Secret
	Notes *secret.Secret
}

// UpdateSecret changes fields of a secret, by uuid, and returns it in plain.
//
// Errors: ErrNotFound, ErrInvalid; ErrLocked when it was changed and the rest of it cannot be
// opened.
func (s *Scope) UpdateSecret(ctx context.Context, uuid string, u SecretUpdate) (*SecretEntry, error) {
	const op = "update secret"
	body := secretBody{}
	if u.Key != nil {
		key, ok := SecretKey(*u.Key)
		if !ok {
			return nil, badKey(op)
		}
		body.Key = &key
	}
	if err := s.sealed(ctx, sealedField{&body.Value, u.Value}, sealedField{&body.Notes, u.Notes}); err != nil {
		return nil, withOp(err, op)
	}
	route, err := s.secretsRoute(ctx)
	if err != nil {
		return nil, err
	}
	w, err := send[wireSecret](ctx, s.c, s.patch(op, route+"{uuid}/", body, uuid))
	if err == nil && (w == nil || w.UUID == "") {
		return s.SecretByID(ctx, uuid)
	}
	if err != nil {
		return nil, err
	}
	return unsealed(s.c, op, w)
}

// SecretByID returns one secret with its value, by uuid.
//
// Errors: ErrNotFound, ErrLocked.
func (s *Scope) SecretByID(ctx context.Context, uuid string) (*SecretEntry, error) {
	route, err := s.secretsRoute(ctx)
	if err != nil {
		return nil, err
	}
	k := s.get("get secret", route+"{uuid}/", uuid)
	w, err := one[wireSecret](ctx, s.c, k)
	if err != nil {
		return nil, err
	}
	return unsealed(s.c, k.op, w)
}

// TakeSecret deletes a secret and returns it. Of any number of callers, also of other clients, at
// most one is given it: Ravi carries a deletion out once, and only who is told so has it.
//
// Errors: ErrNotFound when there is none or another client was faster; ErrInvalid for a name that
// no secret can have. With Error.Unanswered the answer to the deletion was lost: the secret may be
// gone, and no client may have been given it.
func (s *Scope) TakeSecret(ctx context.Context, key string) (*SecretEntry, error) {
	const op = "take secret"
	entry, err := s.Secret(ctx, key)
	if err != nil {
		return nil, withOp(err, op)
	}
	k := s.call(http.MethodDelete, op, *s.c.secretsPath.Load()+"{uuid}/", entry.UUID)
	k.exact = true
	if _, err := s.c.do(ctx, k); err != nil {
		return nil, err
	}
	return entry, nil
}

// DeleteSecret deletes the secret of a key.
//
// Errors: ErrNotFound; ErrInvalid for a name that no secret can have.
func (s *Scope) DeleteSecret(ctx context.Context, key string) error {
	const op = "delete secret"
	key, ok := SecretKey(key)
	if !ok {
		return badKey(op)
	}
	found, err := s.findSecret(ctx, key)
	if err != nil {
		return withOp(err, op)
	}
	if found == nil {
		return &Error{Op: op, Kind: ErrNotFound}
	}
	return s.remove(ctx, op, *s.c.secretsPath.Load()+"{uuid}/", found.UUID)
}
