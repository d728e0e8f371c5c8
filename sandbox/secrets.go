package sandbox

import (
	"regexp"
	"strings"
)

// secretRec is a secret, stored as it travels (docs/ravi-api.md#secrets).
type secretRec struct {
	entry
	Key   string `json:"key"`
	Value string `json:"value"`
	Notes string `json:"notes"`
}

var secretKey = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)

var secrets = collection[secretRec, *secretRec]{
	model: "SecretEntry", bucket: bucketSecrets, sealed: []string{"value", "notes"}, bodyFirst: true,
	in: func(i *identity) *[]secretRec { return &i.secrets },
	read: func(_ *call, f *fields, e *secretRec, isNew bool) {
		if v, sent := f.text("key", need{required: isNew, noBlank: true, max: 255}); sent {
			if e.Key = strings.ToUpper(v); !secretKey.MatchString(e.Key) {
				f.fail("key", "Use letters, digits and underscores, starting with a letter.")
			}
		}
		f.set(&e.Value, "value", need{required: isNew})
		f.set(&e.Notes, "notes", need{})
	},
	conflict: func(e, other *secretRec) error {
		if e.Key == other.Key {
			return field("key", "A secret with this key already exists.")
		}
		return nil
	},
}

func (c *call) listSecrets() (reply, error) {
	key, byKey := c.query.Get("key"), c.query.Has("key")
	return ok(secrets.list(c, func(e *secretRec) bool { return !byKey || e.Key == key }))
}
