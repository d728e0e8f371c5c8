package cli

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ravi-mcp/session"
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
	return group("token", "Make tokens for the callers of an HTTP server", add)
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
