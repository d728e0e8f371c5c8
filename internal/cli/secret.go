package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ravi-mcp/internal/fault"
	"ravi-mcp/session"
	"ravi-mcp/tools"
	"ravi-mcp/tools/tool"
)

const secretSetHelp = `Store a value such as an API key in an identity's vault, so that an agent can use
it without a person pasting it into a conversation. The value is asked for on the
terminal and not shown, or read from stdin; it is never an argument. An existing
value of that name is replaced.`

const secretSetExample = `  ravi-mcp secret set GITHUB_TOKEN --identity research-agent
  pass show github | ravi-mcp secret set GITHUB_TOKEN`

const credentialSetHelp = `Store the password for a site in an identity's vault, so that an agent can log in
there without a person pasting it into a conversation. The password is asked for
on the terminal and not shown, or read from stdin; it is never an argument.`

const credentialSetExample = `  ravi-mcp credential set github.com --username me@example.com
  pass show github | ravi-mcp credential set github.com --username me@example.com --replace`

// vaultFlags are the flags of the commands that store a value.
type vaultFlags struct {
	options
	username string
	replace  bool
}

func newSecret(s streams) *cobra.Command {
	var f vaultFlags
	set := &cobra.Command{
		Use: "set NAME", Short: "Store a value that no model gets to see", Long: secretSetHelp, Example: secretSetExample,
		Args: oneArgument("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.store(cmd.Context(), s, "set_secret", args[0], map[string]any{"name": args[0]}, "value")
		},
	}
	f.addVault(set)
	return group("secret", "Store secrets without showing them to a model", set)
}

func newCredential(s streams) *cobra.Command {
	var f vaultFlags
	set := &cobra.Command{
		Use: "set DOMAIN", Short: "Store a password that no model gets to see", Long: credentialSetHelp, Example: credentialSetExample,
		Args: oneArgument("DOMAIN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			arguments := map[string]any{"domain": args[0], "username": f.username}
			if f.replace {
				arguments["if_exists"] = "replace"
			}
			return f.store(cmd.Context(), s, "save_credential", args[0], arguments, "password")
		},
	}
	f.addVault(set)
	set.Flags().StringVar(&f.username, "username", "", "account name or email address at the site")
	set.Flags().BoolVar(&f.replace, "replace", false, "replace the password of a login that exists")
	return group("credential", "Store logins without showing them to a model", set)
}

func group(name, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, Args: noArguments, RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(subs...)
	return cmd
}

// oneArgument wants one argument. A second one may be the value, so the message does not repeat it.
func oneArgument(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != 1 {
			return wrongUsage("want %s and nothing else; the value is asked for, or read from stdin", what)
		}
		return nil
	}
}

func (f *vaultFlags) addVault(cmd *cobra.Command) {
	cmd.Flags().Var((*textFlag)(&f.identity), "identity", "identity to store it for: uuid, name or address (or RAVI_IDENTITY, or config.json)")
	cmd.Flags().BoolVar(&f.trustProject, "trust-project-credentials", false, "also take a credential from .ravi/ in the working directory")
}

// open puts together what a command needs to call one tool.
func (f *vaultFlags) open(s streams) (*app, error) {
	f.log = logFlags{level: "warn", format: "text"}
	log, err := f.log.logger(s.err)
	if err != nil {
		return nil, err
	}
	f.takeIdentity()
	f.maxWait, f.toolsets = 50*time.Second, "default"
	f.maxReveals, f.maxCreates = -1, -1 // neither happens
	return newApp(f.options, log, s.err)
}

// store reads a value and stores it with a tool, by whose rules it goes.
func (f *vaultFlags) store(ctx context.Context, s streams, tool, what string, arguments map[string]any, field string) error {
	app, err := f.open(s)
	if err != nil {
		return err
	}
	defer app.close()
	value, err := readValue(s, fmt.Sprintf("%s for %s (not shown): ", field, what))
	if err != nil {
		return err
	}
	arguments[field] = value
	result, err := app.run(ctx, &session.Caller{Name: session.LocalCaller}, tool, arguments)
	if fault.Has(err, fault.IdentityRequired) {
		return usageError{errors.New("no identity is named: give --identity, or set RAVI_IDENTITY")}
	}
	if err != nil {
		return err
	}
	stored, err := readStored(result)
	if err != nil {
		return err
	}
	verb := "Stored"
	if stored.Replaced || stored.Created != nil && !*stored.Created {
		verb = "Replaced"
	}
	fmt.Fprintf(s.out, "%s the %s for %s.\n", verb, field, stored.Credential.Domain+stored.Secret.Name)
	return nil
}

// storedValue is what is read of the results of set_secret and save_credential.
type storedValue struct {
	Secret     struct{ Name string }
	Credential struct{ Domain string }
	Created    *bool // of a secret
	Replaced   bool  // of a credential
}

func readStored(result tool.Result) (stored storedValue, err error) {
	raw, err := json.Marshal(result)
	if err == nil {
		err = json.Unmarshal(raw, &stored)
	}
	return stored, err
}

// run calls a tool as a caller.
func (a *app) run(ctx context.Context, caller *session.Caller, name string, arguments map[string]any) (tool.Result, error) {
	all, err := tools.All(a.deps)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(arguments)
	if err != nil {
		return nil, err
	}
	t := all[slices.IndexFunc(all, func(t tool.Tool) bool { return t.Name == name })]
	args, problems, err := t.Input.Arguments(raw)
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		return nil, usageError{errors.New(strings.TrimSuffix(problems[0].String(), "."))}
	}
	call := tool.Call{
		Call:     session.Call{Caller: caller, RequestID: session.NewID()},
		Progress: func(time.Duration, time.Duration, string) {},
	}
	result, err := t.Run(ctx, call, args)
	if err != nil {
		return nil, fault.From(err)
	}
	return result, nil
}
