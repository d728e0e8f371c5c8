// Package cli is the command line: it reads flags and the environment, puts the parts together and
// runs them.
//
// Rules of the terminal: results go to stdout, everything else to stderr. With the stdio command
// stdout belongs to the protocol. An error is one line that begins with "ravi-mcp:", then, where
// there is one, a line with a hint. No flag takes a credential, because command lines are visible
// to everyone on the machine.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"ravi-mcp/internal/fault"
)

// Main runs the command line with the given arguments, without the program's name, on the process's
// own streams, and returns the exit code: 0 for success (also after SIGINT or SIGTERM ended a
// server in order), 1 for a failure, 2 for wrong usage.
func Main(args []string) int {
	// A client that goes away must end the server in order, not kill it.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, args, streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
}

// streams are where a command reads and writes.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
}

func run(ctx context.Context, args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(s.err, "ravi-mcp: %s\n", err)
	var f *fault.Error
	if errors.As(err, &f) && f.Hint != "" {
		fmt.Fprintf(s.err, "hint: %s\n", f.Hint)
	}
	if usage, ok := errors.AsType[usageError](err); ok {
		if f == nil {
			fmt.Fprintf(s.err, "hint: %s\n", usage.hint(cmd))
		}
		return 2
	}
	return 1
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:           "ravi-mcp",
		Short:         "An MCP server that gives agents an identity of their own, through Ravi",
		Long:          rootHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArguments,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newStdio(s), newHTTP(s), newToken(s), newDemo(s), newSandbox(s), newLogin(s), newInstall(s), newDoctor(s), newSecret(s), newCredential(s), newVersion())
	root.SetFlagErrorFunc(flagProblem)
	return root
}

const rootHelp = `ravi-mcp gives any MCP client an identity of its own: an email inbox, a phone
number, passwords and secrets, through Ravi.

Try it without an account:      ravi-mcp demo
Register it in Claude Code:     claude mcp add ravi -- ravi-mcp stdio
The same with an embedded Ravi: claude mcp add ravi -- ravi-mcp stdio --sandbox

The Ravi credential comes from RAVI_API_KEY, RAVI_ACCESS_TOKEN, the folder in
RAVI_CONFIG_DIR, or ~/.ravi, in this order; never from the command line.`

// version returns the version of the module that this binary was built from, "devel" for one built
// from a checkout.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "ravi-mcp %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
