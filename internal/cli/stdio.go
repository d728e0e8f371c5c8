package cli

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"ravi-mcp/internal/server/stdio"
	"ravi-mcp/session"
)

const stdioHelp = `Serve one MCP client over stdin and stdout. This is the command to register in
Claude Code, Claude Desktop and other clients that start a server themselves.

The Ravi credential comes from RAVI_API_KEY, RAVI_ACCESS_TOKEN, the folder in
RAVI_CONFIG_DIR, or ~/.ravi. Without one the server starts all the same and
every tool says how to provide one.

The identity of a call is, first match wins: the tool's identity argument, the
one this session knows if it is the only one, --identity or RAVI_IDENTITY, then
config.json in RAVI_CONFIG_DIR or else .ravi/config.json here or in the home
directory. A session that knows several has none by itself: calls pass
identity. No shared file is ever written.`

const stdioExample = `  claude mcp add ravi -- ravi-mcp stdio
  ravi-mcp stdio --sandbox
  ravi-mcp stdio --identity research-agent --allow-identities 'research-*'
  ravi-mcp stdio --caller coder --allow-identities own`

func newStdio(s streams) *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use: "stdio", Short: "Serve one MCP client over stdin and stdout", Long: stdioHelp, Example: stdioExample,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return serveStdio(cmd.Context(), o, s) },
	}
	o.add(cmd.Flags())
	cmd.Flags().StringVar(&o.export, "allow-export", "", "folder that export_secrets may write files to (with --toolsets default,export)")
	cmd.Flags().StringVar(&o.attach, "allow-attach", "", "folder whose files may be attached to mails (with --toolsets default,mail)")
	return cmd
}

func serveStdio(ctx context.Context, o options, s streams) error {
	log, err := o.log.logger(s.err)
	if err != nil {
		return err
	}
	if !o.sandbox { // the variable names an identity of the real Ravi
		o.takeIdentity()
	}
	caller, err := o.caller(session.LocalCaller)
	if err != nil {
		return err
	}
	if o.sealer, err = o.seal("", log); err != nil {
		return err
	}
	app, err := newApp(o, log, s.err)
	if err != nil {
		return err
	}
	defer app.close()
	app.startLeases()

	transport := stdio.Server{
		MCP: app.mcp.Server, Dispatcher: app.mcp.Dispatcher, In: s.in, Out: s.out, Log: log,
		DrainTimeout: o.maxWait + 10*time.Second,
		Context:      stdio.Local(caller),
		Shared:       o.shared, OnShared: app.deps.Leases.Keep,
	}
	if o.shared {
		app.deps.Leases.Keep()
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go watchParent(ctx, os.Getppid(), log, stop)
	log.Info().Str("version", version()).Bool("sandbox", o.sandbox).Msg("serving on stdio")
	return transport.Serve(ctx)
}

// watchParent ends the server when the process that started it is gone. Its end closes the input as
// a rule, but not if another process has the pipe open too. A server under nohup is meant to live
// on, and one whose parent is process 1 from the start has none to watch.
func watchParent(ctx context.Context, parent int, log zerolog.Logger, end func()) {
	if parent <= 1 || signal.Ignored(syscall.SIGHUP) {
		return
	}
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if os.Getppid() != parent {
			log.Info().Msg("the process that started this one is gone")
			end()
			return
		}
	}
}
