package soak

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// mostIdentities is how many identities a client has at a time.
const mostIdentities = 3

// An ephemeral identity lives for ttl without a call for it; a client uses it for briefUse.
const (
	ttl      = time.Minute
	briefUse = 20 * time.Second
)

// described is what results say about an identity besides its name.
type described struct {
	about
	Address string `json:"address"`
	Phone   string `json:"phone"`
	Created bool   `json:"created"`
	Bound   bool   `json:"bound"`
	Cursor  string `json:"cursor"`

	Ephemeral bool `json:"ephemeral"`
}

func (a *actor) create(ctx context.Context) error {
	if len(a.identities) >= mostIdentities {
		return a.createAgain(ctx)
	}
	return a.alone(func() error { return a.createOne(ctx) })
}

func (a *actor) createOne(ctx context.Context) error {
	name := fmt.Sprintf("%s%d", a.prefix, a.step)
	arguments := map[string]any{"name": name}
	ephemeral := a.rng.IntN(4) == 0
	if ephemeral {
		arguments["ephemeral"], arguments["ttl_minutes"] = true, 1
	}
	o, err := a.call(ctx, nil, "create_identity", arguments)
	if isLost(err) {
		a.perhaps(name)
	}
	if err != nil {
		return err
	}
	got, err := into[described](o)
	if err != nil {
		return err
	}
	i := newIdentity(got.Identity.UUID, name, got.Address, got.Phone)
	i.ephemeral = ephemeral
	i.used.Store(time.Now().UnixNano())
	i.cursors = []cursor{{token: got.Cursor}}
	a.run.book.own(i.uuid, a.prefix, ephemeral)
	if got.Identity.Name != name || got.ResolvedBy != "created" || !got.Created || got.Cursor == "" || got.Ephemeral != ephemeral {
		return fmt.Errorf("created is something else: %s", o.text)
	}
	if !a.learns(i, true, got.Bound) {
		return fmt.Errorf("bound is %t: %s", got.Bound, o.text)
	}
	a.identities = append(a.identities, i)
	if a.transport == overHTTP && a.home == nil && a.number%3 == 0 && !ephemeral {
		a.home, a.homeBy, a.web.requested = i, "header", i.uuid
	}
	return nil
}

// createAgain creates what exists: reused if it is asked for, a conflict otherwise.
func (a *actor) createAgain(ctx context.Context) error {
	i := a.any()
	if a.rng.IntN(2) == 0 {
		return a.alone(func() error {
			return a.takeUp(ctx, i, true, "create_identity", map[string]any{"name": i.name, "if_exists": "reuse"})
		})
	}
	o, err := a.call(ctx, i, "create_identity", map[string]any{"name": i.name})
	if err != nil {
		return err
	}
	if err := refused(o, "conflict"); err != nil || strings.Contains(o.text, i.uuid) {
		return err
	}
	return fmt.Errorf("the conflict does not name %s: %s", i.uuid, o.text)
}

func (a *actor) use(ctx context.Context) error {
	i := a.any()
	return a.alone(func() error { return a.takeUp(ctx, i, false, "use_identity", map[string]any{"identity": a.nameOf(i)}) })
}

// takeUp has the session know an identity that exists.
func (a *actor) takeUp(ctx context.Context, i *identity, created bool, tool string, arguments map[string]any) error {
	listed := len(i.delivered)
	o, err := a.call(ctx, i, tool, arguments)
	if err != nil {
		return err
	}
	got, err := into[described](o)
	if err != nil || got.Created {
		return errors.Join(err, fmt.Errorf("%s: %s", tool, o.text))
	}
	if !a.learns(i, created, got.Bound) {
		return fmt.Errorf("bound is %t: %s", got.Bound, o.text)
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
	a.state.mu.RLock()
	if i, _ := a.implicit(); i != nil || a.state.unsure {
		a.state.mu.RUnlock()
		return a.getIdentity(ctx)
	}
	defer a.state.mu.RUnlock()
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
	return a.alone(func() error { return a.removeOne(ctx, i) })
}

func (a *actor) removeOne(ctx context.Context, i *identity) error {
	o, err := a.call(ctx, i, "delete_identity", map[string]any{"identity": a.nameOf(i)})
	if err != nil && !isLost(err) {
		return err
	}
	a.identities = slices.DeleteFunc(a.identities, func(other *identity) bool { return other == i })
	if err != nil {
		a.perhaps(i.name)
		return err
	}
	a.state.remove(i)
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

// letGo forgets ephemeral identities that were not used for so long that they may be deleted soon.
func (a *actor) letGo() {
	a.identities = slices.DeleteFunc(a.identities, func(i *identity) bool {
		if !i.ephemeral || time.Since(time.Unix(0, i.used.Load())) < briefUse {
			return false
		}
		a.perhaps(i.name)
		a.state.mu.Lock()
		defer a.state.mu.Unlock()
		a.state.lose(i)
		return true
	})
}
