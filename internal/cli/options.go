package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"ravi-mcp/internal/server"
	"ravi-mcp/internal/token"
	"ravi-mcp/session"
)

// options are the flags that the commands which serve have in common.
type options struct {
	log logFlags
	control

	sandbox      bool
	embedded     embeddedOptions
	identity     string
	allow        string
	restricted   func() bool // whether --allow-identities was given, even if empty
	readOnly     bool
	stateDir     string
	trustProject bool
	maxWait      time.Duration

	// What only a remote endpoint sets.
	remote               bool          // several callers: no identity comes from a file
	sealer               *token.Sealer // of cursors; nil: a key of the process
	store                session.Store // shared with other replicas; nil: in memory
	maxStreams, maxWaits int           // 0: the defaults of package inbox
	metrics              *server.Metrics
}

func (o *options) add(flags *pflag.FlagSet) {
	flags.BoolVar(&o.sandbox, "sandbox", false, "use an embedded Ravi instead of the real one: no account, no network")
	addSandboxData(flags, &o.embedded.era, &o.embedded.data, "sandbox-")
	flags.StringVar(&o.identity, "identity", "", "identity to use when a call names none: uuid, name or address (or RAVI_IDENTITY)")
	flags.StringVar(&o.allow, "allow-identities", "", "comma-separated name patterns, such as 'research-*': the only identities that exist for the client")
	o.restricted = func() bool { return flags.Changed("allow-identities") }
	flags.BoolVar(&o.readOnly, "read-only", false, "leave out every tool that writes")
	flags.BoolVar(&o.trustProject, "trust-project-credentials", false, "also take a credential from .ravi/ in the working directory")
	flags.DurationVar(&o.maxWait, "max-wait", 50*time.Second, "longest time that one wait for a message may take (1s to 10m); keep it below the client's own timeout")
	flags.StringVar(&o.stateDir, "state-dir", "", "folder for what the server itself has to keep (default $XDG_STATE_HOME/ravi-mcp)")
	o.control.add(flags)
	o.log.add(flags)
}

// check refuses values that make no sense together or alone.
func (o *options) check() error {
	if o.maxWait < time.Second || o.maxWait > 10*time.Minute {
		return usageError{errors.New("--max-wait: want 1s to 10m")}
	}
	if !o.sandbox && o.embedded.data != "" {
		return usageError{errors.New("--sandbox-data needs --sandbox")}
	}
	_, err := o.sets()
	return err
}

// caller returns the one caller of a server without callers file.
func (o *options) caller() (*session.Caller, error) {
	c := &session.Caller{Name: session.LocalCaller}
	if o.restricted() {
		patterns, err := session.ParsePatterns(o.allow)
		if err != nil {
			return nil, usageError{fmt.Errorf("--allow-identities: %w", err)}
		}
		c.Rights.Identities = patterns
	}
	return c, nil
}
