package cli

import (
	"context"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"ravi-mcp/ravi"
	"ravi-mcp/session/lease"
)

// leaseFolder is the folder of the journals in the state directory.
const leaseFolder = "leases"

// endTime is how long the deletion of ephemeral identities may take at the end.
const endTime = 10 * time.Second

// lease gives the server ephemeral identities. They need a journal, unless nothing outlives the
// process; what replicas share has a place in their store.
func (o *options) lease(a *app, log zerolog.Logger) {
	leases := &lease.Manager{Account: a.account, Accounts: a.accounts, Store: a.store, Persistent: o.remote, Log: log}
	if o.sandbox && o.embedded.data != "" {
		// Its URL and tokens are others at every start; the folder is what stays.
		folder, err := filepath.Abs(o.embedded.data)
		if err != nil {
			folder = o.embedded.data
		}
		leases.Credential = func(*ravi.Client) string { return "embedded " + folder }
	}
	registry, replicas := a.store.(lease.Registry)
	if replicas = replicas && !o.sandbox; replicas { // an embedded Ravi is no other replica's
		leases.Registry, leases.Sealer = registry, o.sealer
	}
	if o.persistent() {
		dir, err := o.stateFolder()
		switch {
		case err == nil:
			leases.Dir = filepath.Join(dir, leaseFolder)
		case !replicas:
			log.Warn().Msg("there is no home directory: ephemeral identities need --state-dir")
			return
		}
	}
	a.deps.Leases, a.deps.Resolver.Leases = leases, leases
	a.closers = append(a.closers, func() {
		ctx, cancel := context.WithTimeout(context.Background(), endTime)
		defer cancel()
		leases.End(ctx)
	})
}

// startLeases starts deleting expired leases, those of earlier processes too.
func (a *app) startLeases() {
	if a.deps.Leases != nil {
		a.deps.Leases.Start()
	}
}
