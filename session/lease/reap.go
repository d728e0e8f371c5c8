package lease

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"ravi-mcp/ravi"
	"ravi-mcp/session"
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
func (m *Manager) Start() {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	m.mu.Lock()
	m.stop, m.done, m.wake = stop, done, make(chan struct{}, 1)
	wake := m.wake
	m.mu.Unlock()
	telling := make(chan struct{})
	if m.Book != nil {
		telling = m.startTelling(ctx)
	} else {
		close(telling)
	}
	go func() {
		defer close(done)
		defer func() { <-telling }()
		for ctx.Err() == nil {
			timer := time.NewTimer(m.Sweep(ctx).Sub(m.now()))
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
func (m *Manager) wakeUp() {
	select {
	case m.wake <- struct{}{}:
	default: // nobody sleeps, or it was told already
	}
}

// End stops what Start began, and gives the journals back. Unless the leases
// are Shared, it deletes their identities, as far as ctx allows; what is left
// stays in the journal for the next start.
func (m *Manager) End(ctx context.Context) {
	if m == nil {
		return
	}
	m.mu.Lock()
	first := !m.ending
	m.ending = true
	stop, done := m.stop, m.done
	m.mu.Unlock()
	if stop != nil {
		stop()
		<-done
	}
	if !first {
		return
	}
	if m.Book != nil {
		m.tellAll(ctx)
	}
	if !m.Shared {
		m.settle(ctx, m.due(true))
		m.settle(ctx, m.due(true)) // those of which it was found out only now which they are
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	left := 0
	for _, e := range m.all {
		if !e.Shared {
			left++
		}
	}
	if left > 0 {
		m.Log.Warn().Int("count", left).Bool("kept", m.Dir != "").Msg("ephemeral identities could not be deleted at the end")
	}
	m.closed = true
	for _, j := range m.held {
		_ = j.close()
	}
	m.held, m.own = nil, nil
}

// Sweep does what is due now and returns when to come again. Start calls it.
func (m *Manager) Sweep(ctx context.Context) time.Time {
	next := m.sweepJournals(ctx)
	if m.Book != nil {
		if at := m.sweepBook(ctx); at.Before(next) {
			next = at
		}
	}
	return next
}

func (m *Manager) sweepJournals(ctx context.Context) time.Time {
	m.scan(false)
	m.settle(ctx, m.due(false))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.giveBack()
	next := m.now().Add(idle)
	for _, e := range m.all {
		if at := m.dueAt(e); !e.busy && at.Before(next) {
			next = at
		}
	}
	if m.Dir != "" && m.scanAt.Before(next) {
		next = m.scanAt
	}
	return next
}

// dueAt is when something is to be done about a lease. The caller holds mu.
func (m *Manager) dueAt(e *lease) time.Time {
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
func (m *Manager) due(end bool) []*lease {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	var due []*lease
	for _, e := range m.list() {
		if e.busy || m.dueAt(e).After(now) && !(end && !e.Shared) {
			continue
		}
		e.busy = true
		due = append(due, e)
	}
	return due
}

// settle deals with leases that due has returned.
func (m *Manager) settle(ctx context.Context, due []*lease) {
	var group errgroup.Group
	group.SetLimit(settleAtOnce)
	for _, e := range due {
		group.Go(func() error {
			once, cancel := context.WithTimeout(ctx, settleTime)
			defer cancel()
			deleted, err := m.attempt(once, e)
			m.mu.Lock()
			defer m.mu.Unlock()
			e.busy = false
			switch {
			case err != nil:
				m.postpone(e, err)
			case deleted:
				m.drop(e)
			}
			return nil
		})
	}
	_ = group.Wait()
}

// attempt finds out which identity a lease is, or deletes it. It reports
// whether there is nothing left of it.
func (m *Manager) attempt(ctx context.Context, e *lease) (gone bool, err error) {
	account, client, err := m.accountOf(e)
	if err != nil {
		return false, err
	}
	if e.UUID == "" {
		over := e.due || !m.now().Before(e.Intended.Add(createWindow))
		uuid, err := m.find(ctx, account, client, e, over)
		if err != nil || uuid == "" {
			return err == nil && over, err
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		e.UUID, e.Expires = uuid, e.Intended.Add(e.TTL)
		m.note(e, true)
		return false, nil // its own time decides when it goes
	}
	if err := client.DeleteIdentity(ctx, e.UUID); err != nil && !errors.Is(err, ravi.ErrNotFound) {
		account.Observe(err)
		return false, err
	}
	m.Log.Info().Str("identity", e.UUID).Msg("an ephemeral identity is gone")
	account.Forget()
	if m.Store != nil {
		if err := m.Store.ForgetIdentity(ctx, e.UUID); err != nil {
			m.Log.Error().Err(err).Msg("what was kept about a deleted identity could not be dropped")
		}
	}
	return true, nil
}

// accountOf returns the account whose credential a lease names.
func (m *Manager) accountOf(e *lease) (*session.Account, *ravi.Client, error) {
	failed := errOtherCredential
	for _, account := range m.Accounts.All(m.Account) {
		client, err := account.Client()
		switch {
		case err != nil:
			failed = err
		case m.credential(client) == e.Credential:
			return account, client, nil
		}
	}
	return nil, nil, failed
}

// credentials returns the names of all credentials there are, and why one is
// missing.
func (m *Manager) credentials() (names map[string]bool, missing error) {
	names = make(map[string]bool)
	for _, account := range m.Accounts.All(m.Account) {
		client, err := account.Client()
		if err != nil {
			missing = err
			continue
		}
		names[m.credential(client)] = true
	}
	return names, missing
}

var errOtherCredential = errors.New("session: the identity belongs to another credential")

// postpone says when to try again. The caller holds mu.
func (m *Manager) postpone(e *lease, err error) {
	if e.pauses == nil {
		e.pauses = &backoff.ExponentialBackOff{InitialInterval: firstRetry, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: mostRetry}
		m.Log.Warn().Err(err).Str("name", e.Name).Str("identity", e.UUID).Msg("an ephemeral identity could not be deleted; it is tried again")
	}
	e.retry = m.now().Add(e.pauses.NextBackOff())
}
