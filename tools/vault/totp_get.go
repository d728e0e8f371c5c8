package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/tools/otpauth"
	"ravi-mcp/tools/tool"
)

// shortestLife is how long a code must still be valid when it is returned. With less, there is no
// time to type it.
const shortestLife = 4 * time.Second

type getTOTPResult struct {
	totpOutcome
	Code        string `json:"code,omitempty" jsonschema_description:"As to be typed."`
	SecondsLeft int    `json:"seconds_left,omitempty"`
	Period      int64  `json:"period,omitempty"`
	WaitedMS    int64  `json:"waited_ms,omitempty"`
}

func showsCode(p totpArguments) string {
	return "a current authenticator code for " + tool.Shown(p.Domain)
}

func (h *handlers) getTOTP(ctx context.Context, call tool.Call, p totpArguments) (none getTOTPResult, err error) {
	l, err := h.lookup(ctx, call, p)
	if err != nil {
		return none, err
	}
	found, err := l.seeds(ctx)
	if err != nil {
		return none, err
	}
	r := getTOTPResult{totpOutcome: l.outcome(found)}
	if r.Status == credentialAmbiguous {
		return r, nil
	}
	a, err := otpauth.Stored(found[0].stored)
	if err != nil {
		return none, err
	}
	turn, err := h.awaitTurn(ctx, call, a)
	if err != nil {
		return none, err
	}
	r.Period, r.SecondsLeft, r.WaitedMS = a.Period, int(turn.left/time.Second), turn.waited.Milliseconds()
	r.Code, err = a.Code(turn.step)
	return r, err
}

// seeds returns the seeds that the lookup can mean: at least one, or not_found.
func (l totpLookup) seeds(ctx context.Context) ([]totpEntry, error) {
	if l.username != "" {
		of := totpAccount{l.domain, l.username}
		stored, err := l.scope.Secret(ctx, of.seedKey())
		if err == nil {
			return []totpEntry{{of, of.seedKey(), stored}}, nil
		}
		if !errors.Is(err, ravi.ErrNotFound) {
			return nil, err
		}
	}
	keys, err := readTOTPKeys(ctx, l.scope)
	if err != nil {
		return nil, err
	}
	found, err := l.entries(ctx, keys, otpauth.SeedPrefix)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fault.New(fault.NotFound, "This identity has no TOTP seed for that account.",
			"Leave username out to see which accounts of the domain have one; set_totp stores one.")
	}
	return found, nil
}

// turn is a time step that a caller may use, and when.
type turn struct {
	step         int64
	left, waited time.Duration
}

// awaitTurn returns a step whose code the caller has not had yet and that is still valid for a
// while. If need be it waits for the next step to begin: services refuse a code that was used, and
// some one that comes too early.
func (h *handlers) awaitTurn(ctx context.Context, call tool.Call, a otpauth.Authenticator) (turn, error) {
	window := time.Duration(a.Period) * time.Second
	key := issuedKey{caller: call.Caller.Name, seed: a.Fingerprint()}
	began := h.Time()
	for {
		now := h.Time()
		limit := h.WaitLimit() - now.Sub(began)
		if end, has := ctx.Deadline(); has { // it comes early where a person was asked first
			limit = min(limit, time.Until(end)-time.Second)
		}
		step, wait, granted := h.issued.reserve(key, now, window, limit)
		if !granted {
			e := fault.New(fault.RateLimited, "The codes that this call could wait for were given out already.",
				"Use the code that you have; a service takes each of them once. Or call again later for the next one.")
			e.RetryAfter = wait
			return turn{}, e
		}
		if wait > 0 {
			call.Progress(now.Sub(began), now.Sub(began)+wait, "Waiting for the next code to become valid.")
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				h.issued.release(key, step)
				return turn{}, context.Cause(ctx)
			}
		}
		left := min(time.Unix((step+1)*a.Period, 0).Sub(h.Time()), window)
		if left < shortestLife {
			continue
		}
		// Another replica may have given it to this caller.
		first, err := h.Store.UseOnce(ctx, fmt.Sprintf("totp %s %x %d", key.caller, key.seed, step), left+window)
		switch {
		case err != nil:
			h.issued.release(key, step)
			return turn{}, err
		case first:
			return turn{step: step, left: left, waited: h.Time().Sub(began)}, nil
		}
	}
}

// issuedCodes remembers which caller was given which step, so that no caller gets a code twice. It
// is lost with the process, as the protocol's sessions are. The zero value is ready for use.
type issuedCodes struct {
	mu   sync.Mutex
	last map[issuedKey]issuedStep
}

type issuedStep struct {
	step int64
	ends time.Time
}

// issuedKey names what one caller gets codes of. A new seed has new codes.
type issuedKey struct {
	caller string
	seed   [sha256.Size]byte
}

// reserve gives a caller the first step that is not given out and lives long enough, and says how
// long to wait for it. It refuses one for which the caller would have to wait longer than limit.
func (i *issuedCodes) reserve(key issuedKey, now time.Time, window, limit time.Duration) (step int64, wait time.Duration, granted bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	period := int64(window / time.Second)
	step = now.Unix() / period
	if time.Unix((step+1)*period, 0).Sub(now) < shortestLife {
		step++
	}
	for k, last := range i.last { // few: one for each seed in use
		if last.ends.Before(now) {
			delete(i.last, k)
		}
	}
	if last, has := i.last[key]; has && last.step >= step {
		step = last.step + 1
	}
	wait = max(0, time.Unix(step*period, 0).Sub(now))
	if wait > limit {
		return 0, wait, false
	}
	if i.last == nil {
		i.last = make(map[issuedKey]issuedStep)
	}
	i.last[key] = issuedStep{step: step, ends: time.Unix((step+1)*period, 0)}
	return step, wait, true
}

// release takes back a step whose code was not given out after all.
func (i *issuedCodes) release(key issuedKey, step int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if last, has := i.last[key]; has && last.step == step {
		last.step--
		i.last[key] = last
	}
}
