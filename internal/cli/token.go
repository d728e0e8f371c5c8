package cli

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

const tokenNewHelp = `Make a token for a caller of "ravi-mcp http". The lines for the callers file go to
stdout; they hold only a hash. The token itself goes to stderr, once: it is kept
nowhere, so give it to the caller now.`

const tokenNewExample = `  ravi-mcp token new alice >> callers.toml
  ravi-mcp token new ci --identities 'ci-*,shared'`

// tokenPrefix tells a caller's token from other secrets, for readers and for scanners of
// repositories.
const tokenPrefix = "rmcp_"

func newToken(s streams) *cobra.Command {
	var identities string
	add := &cobra.Command{
		Use: "new NAME", Short: "Make a token and print the caller's lines", Long: tokenNewHelp, Example: tokenNewExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !session.ValidCallerName(args[0]) {
				return usageError{errors.New("want one name: up to 64 letters, digits, \".\", \"_\" and \"-\", and not \"local\"")}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return makeToken(s, args[0], identities) },
	}
	add.Flags().StringVar(&identities, "identities", "", "comma-separated name patterns of the identities that exist for the caller, or own for those that it creates itself (default NAME-*)")
	check := &cobra.Command{
		Use: "check FILE CALLER [IDENTITY...]", Short: "Show what a caller of a callers file may use", Long: tokenCheckHelp, Example: tokenCheckExample,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return wrongUsage("want a callers file and the name of a caller")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return checkCaller(s, args[0], args[1], args[2:]) },
	}
	return group("token", "Make tokens for the callers of an HTTP server", add, check)
}

const tokenCheckHelp = `Read a callers file as "ravi-mcp http" does, and show what one of its callers may
use. Of each identity that is named, it says whether the caller's patterns let it be
used by that name. Nothing is asked of Ravi.`

const tokenCheckExample = `  ravi-mcp token check callers.toml alice alice-main shared-1 bob-main`

func checkCaller(s streams, file, name string, identities []string) error {
	callers, err := session.LoadCallers(file, tool.Convert(tool.Toolsets(), func(t tool.Toolset) string { return string(t) }))
	if err != nil {
		return err
	}
	caller := callers.Named(name)
	if caller == nil {
		return fmt.Errorf("no caller of %s is called %q", file, name)
	}
	r := caller.Rights
	patterns := slices.Clone(r.Identities)
	if r.Own {
		patterns = append(patterns, session.Own)
	}
	toolsets := "all of the server"
	if r.Toolsets != nil {
		toolsets = strings.Join(r.Toolsets, ", ")
	}
	fmt.Fprintf(s.out, "identities: %s\ntoolsets: %s\nread only: %t\n", strings.Join(patterns, ", "), toolsets, r.ReadOnly)
	for _, identity := range identities {
		verdict := "no"
		switch {
		case r.AllowsName(identity):
			verdict = "yes"
		case r.Own:
			verdict = "only if the caller created it"
		}
		fmt.Fprintf(s.out, "%s: %s\n", identity, verdict)
	}
	return nil
}

func makeToken(s streams, name, identities string) error {
	patterns := []string{name + "-*"}
	if identities != "" {
		var err error
		if patterns, err = session.ParsePatterns(identities); err != nil {
			return wrongUsage("--identities: %w", err)
		}
	}
	quoted := make([]string, len(patterns))
	for i, p := range patterns {
		quoted[i] = fmt.Sprintf("%q", p)
	}
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand)
	token := tokenPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	fmt.Fprintf(s.out, "[[caller]]\nname = %q\ntoken_sha256 = %q\nidentities = [%s]\n", name, session.HashToken(token), strings.Join(quoted, ", "))
	fmt.Fprintf(s.err, "token of %s, shown this once: %s\n", name, token)
	return nil
}
