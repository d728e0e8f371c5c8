package tools

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
)

// shortestLife is how long a code must still be valid when it is returned.
// With less, there is no time to type it.
const shortestLife = 4 * time.Second

// GetTOTPResult is the result of get_totp.
type GetTOTPResult struct {
	TOTPOutcome
	Code        string `json:"code,omitempty" jsonschema_description:"As it is to be typed."`
	SecondsLeft int    `json:"seconds_left,omitempty" jsonschema_description:"For how long the code is valid."`
	Period      int64  `json:"period,omitempty" jsonschema_description:"Seconds from one code to the next."`
	WaitedMS    int64  `json:"waited_ms,omitempty" jsonschema_description:"How long this call waited for the code to become valid."`
}

// Summary implements Result.
func (r GetTOTPResult) Summary() string {
	if r.Status == CredentialAmbiguous {
		return fmt.Sprintf("%d accounts have a TOTP seed for %s; call again with one of their usernames.", len(r.Candidates), r.Domain)
	}
	return fmt.Sprintf("A code for %s, valid for %d s.", r.Domain, r.SecondsLeft)
}

func (d *Deps) getTOTP(ctx context.Context, call Call, p TOTPArguments) (GetTOTPResult, error) {
	var none GetTOTPResult
	domain, err := registrableDomain("domain", p.Domain)
	if err != nil {
		return none, err
	}
	resolved, scope, err := d.scope(ctx, call, p.Identity)
	if err != nil {
		return none, err
	}
	found, err := p.seeds(ctx, scope, domain)
	if err != nil {
		return none, err
	}
	r := GetTOTPResult{TOTPOutcome: p.outcome(resolved, domain, found)}
	if r.Status == CredentialAmbiguous {
		return r, nil
	}
	a, err := storedAuthenticator(found[0].stored)
	if err != nil {
		return none, err
	}
	turn, err := d.awaitTurn(ctx, call, a)
	if err != nil {
		return none, err
	}
	r.Period, r.SecondsLeft, r.WaitedMS = a.period, int(turn.left/time.Second), turn.waited.Milliseconds()
	r.Code, err = a.code(turn.step)
	return r, err
}

// seeds returns the seeds that the arguments can mean: at least one, or
// not_found.
func (p TOTPArguments) seeds(ctx context.Context, scope *ravi.Scope, domain string) ([]totpEntry, error) {
	if p.Username != "" {
		of := totpAccount{domain, p.Username}
		stored, err := scope.Secret(ctx, of.seedKey())
		if err == nil {
			return []totpEntry{{of, of.seedKey(), stored}}, nil
		}
		if !errors.Is(err, ravi.ErrNotFound) {
			return nil, err
		}
	}
	keys, err := readTOTPKeys(ctx, scope)
	if err != nil {
		return nil, err
	}
	found, err := p.entries(ctx, scope, keys, totpPrefix, domain)
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

// awaitTurn returns a step whose code the caller has not had yet and that is
// still valid for a while. If need be it waits for the next step to begin:
// services refuse a code that was used, and some one that comes too early.
func (d *Deps) awaitTurn(ctx context.Context, call Call, a authenticator) (turn, error) {
	window := time.Duration(a.period) * time.Second
	key := issuedKey{caller: call.Caller.Name, seed: a.fingerprint()}
	began := d.Time()
	for {
		now := d.Time()
		limit := d.WaitLimit() - now.Sub(began)
		if end, has := ctx.Deadline(); has { // it comes early where a person was asked first
			limit = min(limit, time.Until(end)-time.Second)
		}
		step, wait, granted := d.issued.reserve(key, now, window, limit)
		if !granted {
			e := fault.New(fault.RateLimited, "The codes that this call could wait for were given out already.",
				"Use the code that you have; a service takes each of them once. Or call again later for the next one.")
			e.RetryAfter = wait
			return turn{}, e
		}
		if wait > 0 {
			call.Progress(now.Sub(began), now.Sub(began)+wait, "Waiting for the next code to become valid.")
			if err := sleep(ctx, wait); err != nil {
				d.issued.release(key, step)
				return turn{}, err
			}
		}
		left := min(time.Unix((step+1)*a.period, 0).Sub(d.Time()), window)
		if left < shortestLife {
			continue
		}
		// Another replica may have given it to this caller.
		first, err := d.Store.UseOnce(ctx, fmt.Sprintf("totp %s %x %d", key.caller, key.seed, step), left+window)
		switch {
		case err != nil:
			d.issued.release(key, step)
			return turn{}, err
		case first:
			return turn{step: step, left: left, waited: d.Time().Sub(began)}, nil
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// issuedCodes remembers which caller was given which step, so that no caller
// gets a code twice. It is lost with the process, as the protocol's sessions
// are. The zero value is ready for use.
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

// reserve gives a caller the first step that is not given out and lives long
// enough, and says how long to wait for it. It refuses one for which the
// caller would have to wait longer than limit.
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

// release takes back a step that nobody was given after all.
func (i *issuedCodes) release(key issuedKey, step int64) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if last, has := i.last[key]; has && last.step == step {
		last.step--
		i.last[key] = last
	}
}
