package tools_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

// stepped is a store in which something happens once, just before a step of a call.
type stepped struct {
	*session.Memory
	left   int // steps until then
	before func()
}

func (s *stepped) step() {
	if s.before == nil {
		return
	}
	if s.left--; s.left < 0 {
		before := s.before
		s.before = nil
		before()
	}
}

func (s *stepped) Known(ctx context.Context, key session.Key) (session.Known, error) {
	s.step()
	return s.Memory.Known(ctx, key)
}

func (s *stepped) Learn(ctx context.Context, key session.Key, identity, configured string) (session.Known, error) {
	s.step()
	return s.Memory.Learn(ctx, key, identity, configured)
}

func (s *stepped) LearnDefault(ctx context.Context, key session.Key, identity string) (session.Known, error) {
	s.step()
	return s.Memory.LearnDefault(ctx, key, identity)
}

func (s *stepped) SwapCursor(ctx context.Context, key session.Key, identity, old, next string) (bool, error) {
	s.step()
	return s.Memory.SwapCursor(ctx, key, identity, old, next)
}

// A helper's call that names no identity, between any two steps of another helper's call, leads to
// what it would lead to before that call or after it.
func TestImplicitCallBetweenStepsOfAnother(t *testing.T) {
	const operators, one, other = 0, 1, 2
	for name, before := range map[string]struct {
		operator, followed, one, gone bool
	}{
		"a new session":                        {},
		"one identity":                         {one: true},
		"one that was deleted":                 {one: true, gone: true},
		"an operator's":                        {operator: true},
		"an operator's, used":                  {operator: true, followed: true},
		"an operator's, one that was deleted":  {operator: true, one: true, gone: true},
		"an operator's, one of an earlier use": {operator: true, one: true},
	} {
		for _, tool := range []string{"create_identity", "use_identity"} {
			t.Run(tool+" after "+name, func(t *testing.T) {
				for step, reached := 0, true; reached; step++ {
					h := newSystem(t, sandbox.Config{})
					var uuids []string
					for i := range 3 {
						uuids = append(uuids, h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: fmt.Sprint("i", i)}).UUID)
					}
					r := rules{gone: map[string]bool{}}
					if before.operator {
						r.operator = uuids[operators]
						h.deps.Resolver.Identity = r.operator
					}
					store := &stepped{Memory: h.store, left: step}
					h.deps.Store, h.deps.Resolver.Store = store, store
					a := h.connect(local())
					if before.followed {
						r, _ = r.implicit()
						ok[identified](t, a.call("get_identity", nil))
					}
					if before.one {
						r = r.learn(uuids[one], false)
						ok[created](t, a.call("use_identity", args{"identity": uuids[one]}))
					}
					if before.gone {
						r.gone[uuids[one]] = true
						h.deleteElsewhere(uuids[one])
					}

					call := helperCall{Tool: tool, By: "argument", Arguments: args{"name": "new"}}
					if tool == "use_identity" {
						call.Means, call.Arguments = uuids[other], args{"identity": uuids[other]}
					}
					calls, got := []helperCall{call}, []outcome{{}}
					store.before = func() {
						calls = append(calls, helperCall{Tool: "get_identity"})
						got = append(got, implicitOutcome(t, a))
					}
					made := ok[created](t, a.call(tool, call.Arguments))
					reached = store.before == nil
					store.before = nil
					got[0] = outcome{Identity: made.Identity.UUID, By: made.ResolvedBy, Bound: made.Bound}
					calls, got = append(calls, helperCall{Tool: "get_identity"}), append(got, outcome{})
					last := len(got) - 1
					got[last] = implicitOutcome(t, a)
					end, fits := r.inSomeOrder(calls[:last], got[:last])
					require.True(t, fits, "before step %d: no order of %+v leads to %+v", step, calls[:last], got[:last])
					_, want := end.implicit()
					require.Equal(t, want, got[last], "before step %d", step)
				}
			})
		}
	}
}

// implicitOutcome is what a call leads to that names no identity.
func implicitOutcome(t *testing.T, a *agent) outcome {
	r := a.call("get_identity", nil)
	if !r.IsError {
		found := ok[created](t, r)
		return outcome{Identity: found.Identity.UUID, By: found.ResolvedBy}
	}
	body := refused(t, r)
	if body.Code != fault.IdentityRequired {
		return outcome{Code: body.Code}
	}
	return outcome{Code: body.Code, Candidates: candidatesOf(body.Message + body.Hint)}
}
