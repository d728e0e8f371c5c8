package session

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"ravi-mcp/ravi"
)

const (
	firstRetry = 5 * time.Second
	mostRetry  = 5 * time.Minute
	// settleTime bounds one attempt to delete an identity.
	settleTime = 45 * time.Second
	// settleAtOnce is how many deletions run at a time.
	settleAtOnce = 8
	// idle is how long Run sleeps when nothing is due.
	idle = time.Hour
)

// Start looks for what earlier processes left, and deletes what is due from
// then on, until End.
func (l *Leases) Start() {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	l.mu.Lock()
	l.stop, l.done, l.wake = stop, done, make(chan struct{}, 1)
	wake := l.wake
	l.mu.Unlock()
	telling := make(chan struct{})
	if l.Book != nil {
		telling = l.startTelling(ctx)
	} else {
		close(telling)
	}
	go func() {
		defer close(done)
		defer func() { <-telling }()
		for ctx.Err() == nil {
			timer := time.NewTimer(l.Sweep(ctx).Sub(l.now()))
			select {
			case <-ctx.Done():
			case <-wake:
			case <-timer.C:
			}
			timer.Stop()
		}
	}()
}

// wakeUp makes Start's goroutine look at what is due. The caller holds mu.
func (l *Leases) wakeUp() {
	select {
	case l.wake <- struct{}{}:
	default: // nobody sleeps, or it was told already
	}
}

// End stops what Start began, and gives the journals back. Unless the leases
// are Shared, it deletes their identities, as far as ctx allows; what is left
// stays in the journal for the next start.
func (l *Leases) End(ctx context.Context) {
	if l == nil {
		return
	}
	l.mu.Lock()
	first := !l.ending
	l.ending = true
	stop, done := l.stop, l.done
	l.mu.Unlock()
	if stop != nil {
		stop()
		<-done
	}
	if !first {
		return
	}
	if l.Book != nil {
		l.tellAll(ctx)
	}
	if !l.Shared {
		l.settle(ctx, l.due(true))
		l.settle(ctx, l.due(true)) // those of which it was found out only now which they are
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	left := 0
	for _, e := range l.all {
		if !e.Shared {
			left++
		}
	}
	if left > 0 {
		l.Log.Warn().Int("count", left).Bool("kept", l.Dir != "").Msg("ephemeral identities could not be deleted at the end")
	}
	l.closed = true
	for _, j := range l.held {
		_ = j.close()
	}
	l.held, l.own = nil, nil
}

// Sweep does what is due now and returns when to come again. Start calls it.
func (l *Leases) Sweep(ctx context.Context) time.Time {
	next := l.sweepJournals(ctx)
	if l.Book != nil {
		if at := l.sweepBook(ctx); at.Before(next) {
			next = at
		}
	}
	return next
}

func (l *Leases) sweepJournals(ctx context.Context) time.Time {
	l.scan(false)
	l.settle(ctx, l.due(false))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.giveBack()
	next := l.now().Add(idle)
	for _, e := range l.all {
		if at := l.dueAt(e); !e.busy && at.Before(next) {
			next = at
		}
	}
	if l.Dir != "" && l.scanAt.Before(next) {
		next = l.scanAt
	}
	return next
}

// dueAt is when something is to be done about a lease. The caller holds mu.
func (l *Leases) dueAt(e *lease) time.Time {
	at := e.Expires
	switch {
	case e.UUID == "":
		at = e.Intended.Add(createWindow)
	case e.orphan && !e.Shared:
		at = time.Time{}
	case e.orphan && e.noted.IsZero():
		at = at.Add(renewEvery) // its last use may not have been noted
	}
	if e.retry.After(at) {
		return e.retry
	}
	return at
}

// due returns the leases that something is to be done about, marked as busy. At
// the end that is every one of this process.
func (l *Leases) due(end bool) []*lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	var due []*lease
	for _, e := range l.list() {
		if e.busy || l.dueAt(e).After(now) && !(end && !e.Shared) {
			continue
		}
		e.busy = true
		due = append(due, e)
	}
	return due
}

// settle deals with leases that due has returned.
func (l *Leases) settle(ctx context.Context, due []*lease) {
	var group errgroup.Group
	group.SetLimit(settleAtOnce)
	for _, e := range due {
		group.Go(func() error {
			once, cancel := context.WithTimeout(ctx, settleTime)
			defer cancel()
			deleted, err := l.attempt(once, e)
			l.mu.Lock()
			defer l.mu.Unlock()
			e.busy = false
			switch {
			case err != nil:
				l.postpone(e, err)
			case deleted:
				l.drop(e)
			}
			return nil
		})
	}
	_ = group.Wait()
}

// attempt finds out which identity a lease is, or deletes it. It reports
// whether there is nothing left of it.
func (l *Leases) attempt(ctx context.Context, e *lease) (gone bool, err error) {
	account, client, err := l.accountOf(e)
	if err != nil {
		return false, err
	}
	if e.UUID == "" {
		over := e.due || !l.now().Before(e.Intended.Add(createWindow))
		uuid, err := l.find(ctx, account, client, e, over)
		if err != nil || uuid == "" {
			return err == nil && over, err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		e.UUID, e.Expires = uuid, e.Intended.Add(e.TTL)
		l.note(e, true)
		return false, nil // its own time decides when it goes
	}
	if err := client.DeleteIdentity(ctx, e.UUID); err != nil && !errors.Is(err, ravi.ErrNotFound) {
		account.Observe(err)
		return false, err
	}
	l.Log.Info().Str("identity", e.UUID).Msg("an ephemeral identity is gone")
	account.Forget()
	if l.Store != nil {
		if err := l.Store.ForgetIdentity(ctx, e.UUID); err != nil {
			l.Log.Error().Err(err).Msg("what was kept about a deleted identity could not be dropped")
		}
	}
	return true, nil
}

// accountOf returns the account whose credential a lease names.
func (l *Leases) accountOf(e *lease) (*Account, *ravi.Client, error) {
	failed := errOtherCredential
	for _, account := range l.Accounts.with(l.Account) {
		client, err := account.Client()
		switch {
		case err != nil:
			failed = err
		case l.credential(client) == e.Credential:
			return account, client, nil
		}
	}
	return nil, nil, failed
}

// credentials returns the names of all credentials there are, and why one is
// missing.
func (l *Leases) credentials() (names map[string]bool, missing error) {
	names = make(map[string]bool)
	for _, account := range l.Accounts.with(l.Account) {
		client, err := account.Client()
		if err != nil {
			missing = err
			continue
		}
		names[l.credential(client)] = true
	}
	return names, missing
}

var errOtherCredential = errors.New("session: the identity belongs to another credential")

// postpone says when to try again. The caller holds mu.
func (l *Leases) postpone(e *lease, err error) {
	if e.pauses == nil {
		e.pauses = &backoff.ExponentialBackOff{InitialInterval: firstRetry, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: mostRetry}
		l.Log.Warn().Err(err).Str("name", e.Name).Str("identity", e.UUID).Msg("an ephemeral identity could not be deleted; it is tried again")
	}
	e.retry = l.now().Add(e.pauses.NextBackOff())
}
