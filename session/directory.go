package session

import (
	"strings"
	"time"

	"ravi-mcp/ravi"
)

// directory is an account's identities at one moment, indexed by everything that can name one. It
// is immutable.
type directory struct {
	all       []ravi.Identity
	read      time.Time
	byUUID    map[string]int
	byAddress map[string]int
	byName    map[string][]int
}

func newDirectory(list []ravi.Identity, at time.Time) *directory {
	d := &directory{
		all: list, read: at,
		byUUID:    make(map[string]int, len(list)),
		byAddress: make(map[string]int, len(list)),
		byName:    make(map[string][]int, len(list)),
	}
	for i, identity := range list {
		d.byUUID[strings.ToLower(identity.UUID)] = i
		if identity.Inbox != "" {
			d.byAddress[strings.ToLower(identity.Inbox)] = i
		}
		d.byName[identity.Name] = append(d.byName[identity.Name], i)
	}
	return d
}

// about returns what ref can mean for any caller.
func (d *directory) about(ref string) (found []ravi.Identity) {
	folded := strings.ToLower(ref)
	if i, ok := d.byUUID[folded]; ok {
		found = append(found, d.all[i])
	}
	if i, ok := d.byAddress[folded]; ok {
		found = append(found, d.all[i])
	}
	for _, i := range d.byName[ref] {
		found = append(found, d.all[i])
	}
	return found
}

// find returns what ref can mean among the identities that allowed accepts: the one with that uuid,
// else the one with that address, else all with that name. Uuids and addresses match in any case,
// names exactly.
func (d *directory) find(ref string, allowed func(ravi.Identity) bool) []ravi.Identity {
	folded := strings.ToLower(ref)
	if i, ok := d.byUUID[folded]; ok && allowed(d.all[i]) {
		return []ravi.Identity{d.all[i]}
	}
	if i, ok := d.byAddress[folded]; ok && allowed(d.all[i]) {
		return []ravi.Identity{d.all[i]}
	}
	var found []ravi.Identity
	for _, i := range d.byName[ref] {
		if allowed(d.all[i]) {
			found = append(found, d.all[i])
		}
	}
	return found
}
