package cli

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"ravi-mcp/internal/server"
	"ravi-mcp/internal/token"
	"ravi-mcp/ravi/config"
	"ravi-mcp/session"
	"ravi-mcp/tools/identity"
	"ravi-mcp/tools/tool"
)

// options are the flags that the commands which serve have in common.
type options struct {
	log logFlags
	control

	sandbox      bool
	embedded     embeddedOptions
	identity     string
	identityFrom string // the flag or the variable
	allow        string
	callerName   string
	restricted   func() bool // whether --allow-identities was given, even if empty
	readOnly     bool
	shared       bool
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
	flags.Var((*textFlag)(&o.identity), "identity", "identity to use when a call names none: uuid, name or address (or RAVI_IDENTITY)")
	o.addCaller(flags)
	flags.BoolVar(&o.shared, "shared", false, "several agents use this server as one client, behind a pool or a gateway: nothing is remembered for a session, and every call says which identity it means")
	flags.BoolVar(&o.readOnly, "read-only", false, "leave out every tool that writes")
	flags.BoolVar(&o.trustProject, "trust-project-credentials", false, "also take a credential from .ravi/ in the working directory")
	flags.DurationVar(&o.maxWait, "max-wait", 50*time.Second, "longest time that one wait for a message may take (1s to 10m); keep it below the client's own timeout")
	o.control.add(flags)
	o.log.add(flags)
}

// addCaller adds what says which client it is and which identities exist for it.
func (o *options) addCaller(flags *pflag.FlagSet) {
	flags.StringVar(&o.allow, "allow-identities", "", "comma-separated name patterns, such as 'research-*', or 'own' for what the client created itself and --identity: nothing else exists for it")
	o.restricted = func() bool { return flags.Changed("allow-identities") }
	flags.StringVar(&o.callerName, "caller", "", "name of the client, by which it is known again after a restart (default local, or remote with a token)")
	flags.Var((*textFlag)(&o.stateDir), "state-dir", "folder for what the server itself has to keep (default $XDG_STATE_HOME/ravi-mcp)")
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

// takeIdentity completes --identity from the environment. A variable that is set and empty is an
// error of the calls that would use another identity in its place (config.Sources.Identity).
func (o *options) takeIdentity() {
	o.identityFrom = "--identity"
	if o.identity == "" {
		o.identity, o.identityFrom = strings.TrimSpace(os.Getenv(config.EnvIdentity)), config.EnvIdentity
	}
}

// stateFolder is where this program keeps state of its own, as a whole path.
func (o *options) stateFolder() (string, error) {
	if o.stateDir != "" {
		return filepath.Abs(o.stateDir)
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "ravi-mcp"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("there is no home directory; give --state-dir")
	}
	return filepath.Join(home, ".local", "state", "ravi-mcp"), nil
}

// caller returns the one caller of a server without callers file. Its name, without --caller, is
// unnamed.
func (o *options) caller(unnamed string) (*session.Caller, error) {
	c := &session.Caller{Name: cmp.Or(o.callerName, unnamed), Shared: o.shared}
	if o.callerName != "" && !session.ValidCallerName(o.callerName) {
		return nil, wrongUsage("--caller: want up to 64 letters, digits, \".\", \"_\" and \"-\", and not \"local\"")
	}
	if o.restricted() {
		patterns, err := session.ParsePatterns(o.allow)
		if err != nil {
			return nil, wrongUsage("--allow-identities: %w", err)
		}
		c.Rights.Allow(patterns)
	}
	if c.Rights.Own && o.callerName == "" && o.stateDir == "" && o.persistent() {
		return nil, wrongUsage("--allow-identities own: say who this client is by --caller NAME, another one for each client, or by a --state-dir of its own; " +
			"else all clients of this machine would be one")
	}
	if !c.Rights.AllowsDefault(o.identity) {
		return nil, wrongUsage("%s: %s fits none of --allow-identities: %s", cmp.Or(o.identityFrom, "--identity"), printable(o.identity), o.allow)
	}
	return c, nil
}

// printable returns a name for an error message, unless it could be a credential.
func printable(name string) string {
	if regexp.MustCompile(credentialForm).MatchString(name) {
		return "its value"
	}
	return fmt.Sprintf("%q", name)
}

// persistent reports whether identities outlive the process.
func (o *options) persistent() bool { return !o.sandbox || o.embedded.data != "" }

// memory is the store of a process by itself, and what seals tokens that are good once: the key of
// cursors only where the marks of their use outlive the process too; nil is a key of the process.
func (o *options) memory(log zerolog.Logger) (*session.Memory, *token.Sealer) {
	if !o.persistent() {
		return &session.Memory{}, nil
	}
	memory := &session.Memory{Files: &session.OwnerFiles{}}
	dir, err := o.stateFolder()
	if err == nil {
		memory.Files.Dir = filepath.Join(dir, ownerFolder)
	}
	if o.sealer == nil {
		return memory, nil
	}
	if err == nil {
		memory.Marks, err = session.OpenMarkFiles(filepath.Join(dir, usedFolder))
	}
	if err != nil {
		log.Warn().Err(err).Msg("approvals and lists for cleanup_identities end with this process")
		return memory, nil
	}
	return memory, o.sealer
}

// Folders in the state directory: of who created which identity, and of what was used once.
const ownerFolder, usedFolder = "owners", "used"

// control are the flags by which an operator decides what a model may do.
type control struct {
	policies session.Policies
	toolsets string
	audit    string
	export   string // only stdio has these two flags
	attach   string

	maxReveals, maxCreates int
}

func (c *control) add(flags *pflag.FlagSet) {
	c.policies = session.DefaultPolicies()
	flags.Var((*policyFlag)(&c.policies.Reveal), "reveal", "whether a stored value may be shown to the model: allow, ask (a person, through the client) or deny")
	flags.Var((*policyFlag)(&c.policies.Delete), "delete", "whether an identity that the caller did not create may be deleted: allow, ask or deny")
	flags.Var((*policyFlag)(&c.policies.Cleanup), "cleanup", "whether identities may be deleted in bulk: allow, ask or deny")
	flags.Var((*policyFlag)(&c.policies.Send), "send", "whether somebody may be written to who is no contact and was not written to before: allow, ask or deny")
	flags.IntVar(&c.maxReveals, "max-reveals", server.DefaultReveals, "stored values that one caller is shown in an hour, a quarter of them at once; -1: no limit")
	flags.IntVar(&c.maxCreates, "max-creates", identity.DefaultCreates, "identities and phone numbers that one caller gets in an hour; -1: no limit")
	flags.StringVar(&c.toolsets, "toolsets", "default", "comma-separated toolsets: "+strings.Join(tool.Toolsets(), ", ")+"; default stands for the first four")
	flags.StringVar(&c.audit, "audit", "", "file that gets a JSON line before and after every call, without values; opened again on SIGHUP or when renamed")
}

// textFlag is a flag whose value cannot be empty or unexpanded.
type textFlag string

func (f *textFlag) String() string { return string(*f) }
func (f *textFlag) Type() string   { return "string" }
func (f *textFlag) Set(text string) error {
	*f = textFlag(text)
	return config.CheckText("it", text)
}

// policyFlag is a policy as a flag.
type policyFlag session.Policy

func (p *policyFlag) String() string { return string(*p) }
func (p *policyFlag) Type() string   { return "policy" }
func (p *policyFlag) Set(text string) error {
	parsed, err := session.ParsePolicy(text)
	*p = policyFlag(parsed)
	return err
}

// sets returns the toolsets that are on.
func (c *control) sets() ([]tool.Toolset, error) {
	sets, err := tool.ParseToolsets(c.toolsets)
	if err != nil {
		return nil, usageError{errors.New("--toolsets: want some of " + strings.Join(tool.Toolsets(), ", ") + ", or default")}
	}
	if c.maxReveals == 0 || c.maxReveals < -1 || c.maxCreates == 0 || c.maxCreates < -1 {
		return nil, usageError{errors.New("--max-reveals, --max-creates: want a number above zero, or -1 for no limit; --reveal deny shows no value")}
	}
	switch export := slices.Contains(sets, tool.SetExport); {
	case export && c.export == "":
		return nil, usageError{errors.New("--toolsets: export needs --allow-export DIR, which only stdio has")}
	case !export && c.export != "":
		return nil, usageError{errors.New("--allow-export needs --toolsets with export, such as default,export")}
	}
	if c.attach != "" && !slices.Contains(sets, tool.SetMail) {
		return nil, usageError{errors.New("--allow-attach needs --toolsets with mail, such as default,mail")}
	}
	return sets, nil
}

// apply puts the control into a server's configuration. What it opens is closed with the app.
func (c *control) apply(a *app, cfg *server.Config, log zerolog.Logger) error {
	var err error
	if cfg.Toolsets, err = c.sets(); err != nil {
		return err
	}
	cfg.Policies = c.policies
	cfg.Reveals = server.NewReveals(c.maxReveals)
	cfg.Deps.Creates = &session.Budget{Limit: c.maxCreates, Burst: c.maxCreates}
	for _, folder := range []struct {
		flag, path string
		root       **os.Root
	}{{"--allow-export", c.export, &cfg.Deps.Export}, {"--allow-attach", c.attach, &cfg.Deps.Attach}} {
		if folder.path == "" {
			continue
		}
		root, err := os.OpenRoot(folder.path)
		if err != nil {
			return fmt.Errorf("%s: %w", folder.flag, err)
		}
		a.closers = append(a.closers, func() { _ = root.Close() })
		*folder.root = root
	}
	if c.audit != "" {
		if cfg.Audit, err = server.OpenAudit(c.audit); err != nil {
			return fmt.Errorf("--audit: %w", err)
		}
		a.closers = append(a.closers, func() { _ = cfg.Audit.Close() }, reopenOnHangup(cfg.Audit, log))
	}
	return nil
}

// reopenOnHangup opens the audit file anew at every SIGHUP, until stop.
func reopenOnHangup(audit *server.Audit, log zerolog.Logger) (stop func()) {
	hangups, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-hangups:
				if err := audit.Reopen(); err != nil {
					log.Error().Err(err).Msg("the audit file cannot be opened anew")
				}
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(done)
	}
}
