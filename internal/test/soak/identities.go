package soak

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// mostIdentities is how many identities a client has at a time.
const mostIdentities = 3

// described is what results say about an identity besides its name.
type described struct {
	about
	Address string `json:"address"`
	Phone   string `json:"phone"`
	Created bool   `json:"created"`
	Bound   bool   `json:"bound"`
	Cursor  string `json:"cursor"`
}

func (a *actor) create(ctx context.Context) error {
	if len(a.identities) >= mostIdentities {
		return a.createAgain(ctx)
	}
	name := fmt.Sprintf("%s%d", a.prefix, a.step)
	o, err := a.call(ctx, nil, "create_identity", map[string]any{"name": name})
	if errors.Is(err, errLost) {
		a.perhaps(name)
		a.unsure = a.unsure || !a.modern && a.bound == nil
	}
	if err != nil {
		return err
	}
	got, err := into[described](o)
	if err != nil {
		return err
	}
	i := newIdentity(got.Identity.UUID, name, got.Address, got.Phone)
	i.cursors = []cursor{{token: got.Cursor}}
	a.run.book.own(i.uuid, a.prefix)
	if got.Identity.Name != name || got.ResolvedBy != "created" || !got.Created || got.Cursor == "" {
		return fmt.Errorf("created is something else: %s", o.text)
	}
	if free := !a.modern && a.bound == nil; !a.unsure && got.Bound != free {
		return fmt.Errorf("bound is %t, want %t: %s", got.Bound, free, o.text)
	}
	if got.Bound {
		a.bound, a.unsure = i, false
	}
	a.identities = append(a.identities, i)
	if a.transport == overHTTP && a.home == nil && a.number%3 == 0 {
		a.home, a.homeBy, a.web.requested = i, "header", i.uuid
	}
	return nil
}

// createAgain creates what exists: reused if it is asked for, a conflict otherwise.
func (a *actor) createAgain(ctx context.Context) error {
	i := a.any()
	arguments := map[string]any{"name": i.name}
	reuse := a.rng.IntN(2) == 0
	if reuse {
		arguments["if_exists"] = "reuse"
	}
	listed := len(i.delivered)
	o, err := a.call(ctx, i, "create_identity", arguments)
	if err != nil {
		a.unsure = a.unsure || reuse && !a.modern && a.bound == nil
		return err
	}
	if !reuse {
		if err := refused(o, "conflict"); err != nil || strings.Contains(o.text, i.uuid) {
			return err
		}
		return fmt.Errorf("the conflict does not name %s: %s", i.uuid, o.text)
	}
	got, err := into[described](o)
	if err != nil || got.Created {
		return fmt.Errorf("reuse: %s %w", o.text, err)
	}
	if got.Bound {
		a.bound, a.unsure = i, false
	}
	i.cursors = append(i.cursors, cursor{token: got.Cursor, since: listed})
	return check(o, i, "argument")
}

func (a *actor) use(ctx context.Context) error {
	i := a.any()
	listed := len(i.delivered)
	o, err := a.call(ctx, i, "use_identity", map[string]any{"identity": a.nameOf(i)})
	if err != nil {
		a.unsure = a.unsure || !a.modern
		return err
	}
	got, err := into[described](o)
	if err != nil {
		return err
	}
	if got.Bound == a.modern {
		return fmt.Errorf("bound is %t", got.Bound)
	}
	if got.Bound {
		a.bound, a.unsure = i, false
	}
	i.cursors = append(i.cursors, cursor{token: got.Cursor, since: listed})
	return check(o, i, "argument")
}

func (a *actor) getIdentity(ctx context.Context) error {
	i := a.any()
	o, err := a.on(ctx, i, "get_identity", map[string]any{})
	if err != nil {
		return err
	}
	got, err := into[described](o)
	if err == nil && (got.Address != i.address || got.Phone != i.phone) {
		return fmt.Errorf("%s has the address or number of another identity: %s", i.name, o.text)
	}
	return err
}

// nameNone calls without a name where nothing else says which identity is meant: no identity is
// ever guessed.
func (a *actor) nameNone(ctx context.Context) error {
	if i, _ := a.implicit(); i != nil || a.unsure {
		return a.getIdentity(ctx)
	}
	for _, tool := range []string{"get_identity", "list_secrets"} {
		o, err := a.call(ctx, nil, tool, map[string]any{})
		if err != nil {
			return err
		}
		if err := refused(o, "identity_required"); err != nil {
			return err
		}
	}
	return nil
}

func (a *actor) listIdentities(ctx context.Context) error {
	o, err := a.call(ctx, nil, "list_identities", map[string]any{"limit": 1000, "name_prefix": a.prefix})
	if err != nil {
		return err
	}
	got, err := into[struct {
		Identities []struct{ UUID, Name string }
		Total      int
	}](o)
	if err != nil || a.run.Replicas || a.doubt { // another replica may have an older list
		return err
	}
	for _, i := range a.identities {
		if !slices.Contains(got.Identities, struct{ UUID, Name string }{i.uuid, i.name}) {
			return fmt.Errorf("%s is not listed in %s", i.name, o.text)
		}
	}
	if got.Total != len(a.identities) {
		return fmt.Errorf("%d identities, listed are %d: %s", len(a.identities), got.Total, o.text)
	}
	return nil
}

// remove deletes an identity, which then does not exist for any client.
func (a *actor) remove(ctx context.Context) error {
	i := a.any()
	if i == a.home {
		return nil
	}
	o, err := a.call(ctx, i, "delete_identity", map[string]any{"identity": a.nameOf(i)})
	if err != nil && !errors.Is(err, errLost) {
		return err
	}
	a.identities = slices.DeleteFunc(a.identities, func(other *identity) bool { return other == i })
	if err != nil {
		a.perhaps(i.name)
		a.unsure = a.unsure || a.bound == i
		return err
	}
	if a.bound == i {
		a.bound = nil
	}
	if got, err := into[struct{ Deleted bool }](o); err != nil || !got.Deleted {
		return fmt.Errorf("not deleted: %s", o.text)
	}
	if err := check(o, i, "argument"); err != nil || a.run.Replicas {
		return err
	}
	o, err = a.call(ctx, nil, "get_identity", map[string]any{"identity": i.uuid})
	if err != nil {
		return err
	}
	return refused(o, "identity_not_found")
}
