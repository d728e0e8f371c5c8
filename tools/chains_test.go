package tools_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

// interrupted is a store in which something happens just before a session's cursor is moved.
type interrupted struct {
	*session.Memory
	done   atomic.Bool
	before func()
}

func (s *interrupted) SwapCursor(ctx context.Context, key session.Key, identity, old, next string) (bool, error) {
	if s.before != nil && s.done.CompareAndSwap(false, true) {
		s.before()
	}
	return s.Memory.SwapCursor(ctx, key, identity, old, next)
}

func TestArmingDoesNotLoseAgainstAWaitThatIsJustEnding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		a := h.connect(local())
		me := ok[created](t, a.call("create_identity", args{"name": "racer"}))
		store := &interrupted{Memory: h.store}
		h.deps.Store = store
		store.before = func() {
			h.sms(me.Phone, "32665", "Your code is 111222")
			ok[created](t, a.call("watch_inbox", nil))
		}
		ended := ok[waited](t, a.call("wait_for_otp", args{"timeout_seconds": 1}))
		assert.Equal(t, "pending", ended.Status)
		next := ok[waited](t, a.call("wait_for_otp", args{"timeout_seconds": 1}))
		assert.Equal(t, "pending", next.Status, "what was listed at the arming is old: %s", next.Code)
	})
}

func TestASessionThatWasIdleForADayCanStillWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{TokenLife: 100 * time.Hour})
		a := h.connect(local())
		me := ok[created](t, a.call("create_identity", args{"name": "sleeper"}))
		time.Sleep(25 * time.Hour)
		answer, _ := a.beginCall("wait_for_otp", nil)
		time.Sleep(time.Second)
		h.sms(me.Phone, "32665", "Your code is 454545")
		found := ok[waited](t, parse(t, <-answer))
		assert.Equal(t, "454545", found.Code)
		assert.Equal(t, "at_call", found.Armed)

		time.Sleep(25 * time.Hour)
		cursor := ok[created](t, a.call("watch_inbox", nil)).Cursor
		h.sms(me.Phone, "32665", "Your code is 676767")
		assert.Equal(t, "676767", ok[waited](t, a.call("wait_for_otp", args{"cursor": cursor})).Code)
		assert.Equal(t, fault.CursorInvalid, refused(t, a.call("wait_for_otp", args{"cursor": me.Cursor})).Code, "a cursor lives a day")
	})
}

// One refusal, of one resource, must not end other waits.
func TestARefusalElsewhereLeavesWaitsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		a, b := h.connect(local()), h.connect(local())
		me := ok[created](t, a.call("create_identity", args{"name": "calm"}))
		answer, _ := a.beginCall("wait_for_otp", nil)
		synctest.Wait()
		h.ravi.Server.Faults().Add(sandbox.Fault{Method: "GET", Endpoint: "/api/secrets/", Status: 401, Count: 1})
		refused(t, b.call("list_secrets", args{"identity": "calm"}))
		ok[map[string]any](t, b.call("list_secrets", args{"identity": "calm"}))
		h.sms(me.Phone, "32665", "Your code is 898989")
		assert.Equal(t, "898989", ok[waited](t, parse(t, <-answer)).Code)
	})
}

// A person logs in again while agents wait; they go on with the new credential.
func TestWaitsOutliveANewLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		a, b := h.connect(local()), h.connect(local())
		me := ok[created](t, a.call("create_identity", args{"name": "steady"}))
		cursor := ok[created](t, a.call("watch_inbox", nil)).Cursor
		require.NoError(t, h.ravi.Server.RevokeTokens(h.ravi.Account.Email))
		h.account.Forget()
		refused(t, b.call("list_identities", nil))
		fresh, err := h.ravi.Server.Account(sandbox.AccountConfig{})
		require.NoError(t, err)
		h.ravi.Account = fresh
		ok[map[string]any](t, b.call("list_identities", nil))
		h.sms(me.Phone, "32665", "Your code is 343434")
		assert.Equal(t, "343434", ok[waited](t, a.call("wait_for_otp", args{"cursor": cursor})).Code)
	})
}
