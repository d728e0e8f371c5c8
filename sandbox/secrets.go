package sandbox

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// secretRec is SecretEntry of API.md section 2.7, stored as it travels.
type secretRec struct {
	UUID     string    `json:"uuid"`
	Identity int64     `json:"identity"`
	Key      string    `json:"key"`
	Value    string    `json:"value"`
	Notes    string    `json:"notes"`
	Created  time.Time `json:"created_dt"`
	Updated  time.Time `json:"updated_dt"`
}

var secretKey = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)

// readKey upper-cases and checks a secret's key.
func readKey(f *fields, required bool) (key string, present bool) {
	key, present = f.text("key", need{required: required, noBlank: true, max: 255})
	key = strings.ToUpper(key)
	if present && !secretKey.MatchString(key) {
		f.fail("key", "Use letters, digits and underscores, starting with a letter.")
	}
	return key, present
}

func (c *call) listSecrets() (reply, error) {
	want, byKey := c.query.Get("key"), c.query.Has("key")
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	out := []secretRec{}
	for _, e := range c.id.secrets {
		if !byKey || e.Key == want {
			out = append(out, *e)
		}
	}
	return ok(out)
}

// keyTaken says whether another entry has the key. identity.mu must be held.
func (i *identity) keyTaken(key string, but *secretRec) bool {
	return slices.ContainsFunc(i.secrets, func(e *secretRec) bool { return e.Key == key && e != but })
}

func duplicateKey() *problem { return field("key", "A secret with this key already exists.") }

func (c *call) createSecret() (reply, error) {
	f, err := c.fields()
	if err != nil {
		return reply{}, err
	}
	now := c.s.now()
	e := &secretRec{UUID: newUUID(), Created: now, Updated: now}
	e.Key, _ = readKey(f, true)
	e.Value, _ = f.text("value", need{required: true})
	e.Notes, _ = f.text("notes", need{})
	c.checkSealed(f, "value", "notes")
	if err := f.problem(); err != nil {
		return reply{}, err
	}
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	if c.id.deleted {
		return reply{}, noMatch("Identity")
	}
	if c.id.keyTaken(e.Key, nil) {
		return reply{}, duplicateKey()
	}
	e.Identity = c.id.rec.ID
	if err := c.s.save(op{bucket: bucketSecrets, key: c.id.key(e.UUID), value: e}); err != nil {
		return reply{}, err
	}
	c.id.secrets = append(c.id.secrets, e)
	return created(*e)
}

// findSecret returns the place of the entry named in the path. identity.mu
// must be held.
func (c *call) findSecret() (int, error) {
	i := slices.IndexFunc(c.id.secrets, func(e *secretRec) bool { return e.UUID == strings.ToLower(c.arg(0)) })
	if i < 0 {
		return 0, noMatch("SecretEntry")
	}
	return i, nil
}

func (c *call) getSecret() (reply, error) {
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	i, err := c.findSecret()
	if err != nil {
		return reply{}, err
	}
	return ok(*c.id.secrets[i])
}

func (c *call) updateSecret() (reply, error) {
	f, err := c.fields()
	if err != nil {
		return reply{}, err
	}
	key, hasKey := readKey(f, false)
	value, hasValue := f.text("value", need{})
	notes, hasNotes := f.text("notes", need{})
	c.checkSealed(f, "value", "notes")
	if err := f.problem(); err != nil {
		return reply{}, err
	}
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	i, err := c.findSecret()
	if err != nil {
		return reply{}, err
	}
	if hasKey && c.id.keyTaken(key, c.id.secrets[i]) {
		return reply{}, duplicateKey()
	}
	e := *c.id.secrets[i]
	e.Key = pick(hasKey, key, e.Key)
	e.Value = pick(hasValue, value, e.Value)
	e.Notes = pick(hasNotes, notes, e.Notes)
	e.Updated = c.s.now()
	if err := c.s.save(op{bucket: bucketSecrets, key: c.id.key(e.UUID), value: e}); err != nil {
		return reply{}, err
	}
	c.id.secrets[i] = &e
	return ok(e)
}

func (c *call) deleteSecret() (reply, error) {
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	i, err := c.findSecret()
	if err != nil {
		return reply{}, err
	}
	if err := c.s.save(op{bucket: bucketSecrets, key: c.id.key(c.id.secrets[i].UUID)}); err != nil {
		return reply{}, err
	}
	c.id.secrets = slices.Delete(c.id.secrets, i, i+1)
	return noContent()
}
