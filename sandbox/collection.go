package sandbox

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// entry is what passwords, secrets and contacts have in common.
type entry struct {
	UUID     string    `json:"uuid"`
	Identity int64     `json:"identity"`
	Created  time.Time `json:"created_dt"`
	Updated  time.Time `json:"updated_dt"`
}

func (e *entry) head() *entry { return e }

// collection serves the entries of one kind, all in the same way.
type collection[T any, P interface {
	*T
	head() *entry
}] struct {
	model  string // the name in a 404
	bucket string
	sealed []string // fields that Config.RequireSealed is about
	// in is where an identity has them, in order of creation.
	in func(*identity) *[]T
	// read takes the fields of a request over into an entry, which is new or a copy.
	read func(c *call, f *fields, e P, isNew bool)
	// bodyFirst refuses a bad body of a change before it looks for the entry. read must not need
	// what the entry has.
	bodyFirst bool
	// conflict refuses an entry beside another one; nil if any two may stand beside each other.
	conflict func(e, other P) error
}

// routes are the endpoints under path, but for the list.
func (k *collection[T, P]) routes(path string) []route {
	one := path + "{uuid}/"
	return []route{
		{method: "POST", template: path, access: accessIdentity, handle: k.create},
		{method: "GET", template: one, access: accessIdentity, handle: k.get},
		{method: "PATCH", template: one, access: accessIdentity, handle: k.update},
		{method: "DELETE", template: one, access: accessIdentity, handle: k.delete},
	}
}

// list returns copies of the entries that match; a nil match takes all.
func (k *collection[T, P]) list(c *call, match func(P) bool) []T {
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	out := []T{}
	for _, e := range *k.in(c.id) {
		if match == nil || match(&e) {
			out = append(out, e)
		}
	}
	return out
}

// at returns the place of the entry that the path names. identity.mu must be held.
func (k *collection[T, P]) at(c *call) (int, error) {
	uuid := strings.ToLower(c.arg(0))
	i := slices.IndexFunc(*k.in(c.id), func(e T) bool { return P(&e).head().UUID == uuid })
	if i < 0 {
		return 0, noMatch(k.model)
	}
	return i, nil
}

// put checks and stores an entry. identity.mu must be held.
func (k *collection[T, P]) put(c *call, f *fields, e P) error {
	if err := f.problem(); err != nil {
		return err
	}
	if k.conflict != nil {
		for _, other := range *k.in(c.id) {
			if P(&other).head().UUID != e.head().UUID {
				if err := k.conflict(e, &other); err != nil {
					return err
				}
			}
		}
	}
	return c.s.save(op{bucket: k.bucket, key: c.id.key(e.head().UUID), value: e})
}

func (k *collection[T, P]) create(c *call) (reply, error) {
	f := c.fields()
	c.checkSealed(f, k.sealed...)
	var e T
	now := c.s.now()
	*P(&e).head() = entry{UUID: newUUID(), Created: now, Updated: now}
	k.read(c, f, &e, true)
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	if c.id.deleted {
		return reply{}, noMatch("Identity")
	}
	P(&e).head().Identity = c.id.rec.ID
	if err := k.put(c, f, &e); err != nil {
		return reply{}, err
	}
	*k.in(c.id) = append(*k.in(c.id), e)
	return created(e)
}

func (k *collection[T, P]) get(c *call) (reply, error) {
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	i, err := k.at(c)
	if err != nil {
		return reply{}, err
	}
	return ok((*k.in(c.id))[i])
}

func (k *collection[T, P]) update(c *call) (reply, error) {
	f := c.fields()
	c.checkSealed(f, k.sealed...)
	if k.bodyFirst {
		var e T
		k.read(c, f, &e, false)
		if err := f.problem(); err != nil {
			return reply{}, err
		}
	}
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	i, err := k.at(c)
	if f.err != nil || err != nil {
		return reply{}, cmp.Or(f.err, err)
	}
	e := (*k.in(c.id))[i]
	k.read(c, f, &e, false)
	P(&e).head().Updated = c.s.now()
	if err := k.put(c, f, &e); err != nil {
		return reply{}, err
	}
	(*k.in(c.id))[i] = e
	return ok(e)
}

func (k *collection[T, P]) delete(c *call) (reply, error) {
	c.id.mu.Lock()
	defer c.id.mu.Unlock()
	list := k.in(c.id)
	i, err := k.at(c)
	if err != nil {
		return reply{}, err
	}
	if err := c.s.save(op{bucket: k.bucket, key: c.id.key(P(&(*list)[i]).head().UUID)}); err != nil {
		return reply{}, err
	}
	*list = slices.Delete(*list, i, i+1)
	return noContent()
}
