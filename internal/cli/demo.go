package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"
)

const demoHelp = `Show what ravi-mcp does, on this machine alone: an embedded Ravi is started, and
two agents at the same time, each an MCP client with a server process of its
own, go through the four steps of every sign-up: get an identity, trigger a code
and wait for it, keep the credential, read it back. Then each shows that it
cannot see the other, because of --allow-identities own; the commands of both
servers are shown. Passwords are masked; the codes are made up.`

func newDemo(s streams) *cobra.Command {
	return &cobra.Command{
		Use: "demo", Short: "Watch two agents sign up somewhere, on an embedded Ravi", Long: demoHelp,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return demo(cmd.Context(), s) },
	}
}

// demoTime bounds the demo; it takes a few seconds.
const demoTime = time.Minute

func demo(ctx context.Context, s streams) error {
	ctx, cancel := context.WithTimeout(ctx, demoTime)
	defer cancel()
	p := &printer{out: s.out, colored: isTerminal(s.out)}
	p.title("An embedded Ravi, and two agents at the same time")

	ravi, err := startEmbedded(embeddedOptions{era: "token"}, io.Discard)
	if err != nil {
		return fmt.Errorf("start the embedded Ravi: %w", err)
	}
	defer ravi.close()
	state, err := os.MkdirTemp("", "ravi-mcp-demo-")
	if err != nil {
		return fmt.Errorf("make a folder for the servers' state: %w", err)
	}
	defer os.RemoveAll(state)

	agents := []*agent{
		{name: "agent-amber", domain: "nimbus.example", code: "804 213", link: "https://nimbus.example/verify?token=Zk3v9QpW7xTn", color: cyan},
		{name: "agent-basalt", domain: "quarry.example", code: "551 906", link: "https://quarry.example/confirm/8fJq2LmX4sRd", color: magenta},
	}
	g, running := errgroup.WithContext(ctx)
	for _, a := range agents {
		a.printer, a.ravi, a.state = p, ravi, state
	}
	p.printf("Both have the same Ravi account, and each starts a server process of its own:\n\n")
	p.printf("  export %s\n", strings.Join(agents[0].env(), " "))
	for _, a := range agents {
		p.printf("  ravi-mcp %s\n", strings.Join(a.flags(), " "))
	}
	p.printf("\n--allow-identities own lets each use what it created itself, and nothing else.\n\n")
	for _, a := range agents {
		g.Go(func() error {
			if err := a.start(running); err != nil {
				return err
			}
			return a.signUp(running)
		})
	}
	defer func() {
		for _, a := range agents {
			a.stop()
		}
	}()
	if err := g.Wait(); err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return errors.New("the demo was interrupted")
		}
		return err
	}

	p.title("Neither sees the other")
	for i, a := range agents {
		if err := a.checkIsolation(ctx, agents[1-i]); err != nil {
			return err
		}
	}
	p.title("Your turn")
	p.printf("%s", registration)
	return nil
}

const registration = `Register the server in Claude Code (with the embedded Ravi, no account needed):

  claude mcp add ravi -- ravi-mcp stdio --sandbox

With your Ravi account, leave --sandbox out and log in, or pass a credential:

  claude mcp add ravi --env RAVI_API_KEY=... -- ravi-mcp stdio

Install the binary with 'go install .' in this checkout; README.md has the rest.
`
