package cli

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"ravi-mcp/internal/server"
	"ravi-mcp/session"
	"ravi-mcp/tools"
)

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
	flags.IntVar(&c.maxCreates, "max-creates", tools.DefaultCreates, "identities and phone numbers that one caller gets in an hour; -1: no limit")
	flags.StringVar(&c.toolsets, "toolsets", "default", "comma-separated toolsets: "+strings.Join(setNames(tools.Toolsets()), ", ")+"; default stands for the first four")
	flags.StringVar(&c.audit, "audit", "", "file that gets a JSON line before and after every call, without values; opened again on SIGHUP or when renamed")
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

func setNames(sets []tools.Toolset) []string {
	names := make([]string, len(sets))
	for i, set := range sets {
		names[i] = string(set)
	}
	return names
}

// sets returns the toolsets that are on.
func (c *control) sets() ([]tools.Toolset, error) {
	sets, err := tools.ParseToolsets(c.toolsets)
	if err != nil {
		return nil, usageError{errors.New("--toolsets: want some of " + strings.Join(setNames(tools.Toolsets()), ", ") + ", or default")}
	}
	if c.maxReveals == 0 || c.maxReveals < -1 || c.maxCreates == 0 || c.maxCreates < -1 {
		return nil, usageError{errors.New("--max-reveals, --max-creates: want a number above zero, or -1 for no limit; --reveal deny shows no value")}
	}
	switch export := slices.Contains(sets, tools.SetExport); {
	case export && c.export == "":
		return nil, usageError{errors.New("--toolsets: export needs --allow-export DIR, which only stdio has")}
	case !export && c.export != "":
		return nil, usageError{errors.New("--allow-export needs --toolsets with export, such as default,export")}
	}
	if c.attach != "" && !slices.Contains(sets, tools.SetMail) {
		return nil, usageError{errors.New("--allow-attach needs --toolsets with mail, such as default,mail")}
	}
	return sets, nil
}

// apply puts the control into a server's configuration. What it opens is closed
// with the app.
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
