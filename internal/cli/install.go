package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ravi-mcp/session"
)

const installHelp = `Register this program with an MCP client, by an entry in the client's own
configuration file:

  claude-code     .mcp.json in the working directory (--scope project); every
                  member of the project gets the server
  claude-desktop  claude_desktop_config.json of the user

What else is in the file stays as it is. The old file is kept beside it, and the
new one replaces it in one step. What stands after -- becomes flags of
"ravi-mcp stdio". No credential is ever written: servers find it by themselves,
see "ravi-mcp login". With --allow-identities own the entry gets a --caller of its
own, so that no other client can use what this one creates.

To register it for yourself in Claude Code, in all projects:
  claude mcp add --scope user ravi -- ravi-mcp stdio`

const installExample = `  ravi-mcp install --client claude-desktop
  ravi-mcp install --client claude-code --dry-run
  ravi-mcp install --client claude-desktop -- --identity research-agent --read-only
  ravi-mcp install --client claude-desktop -- --allow-identities own`

type install struct {
	client, scope, name string
	dryRun, replace     bool
	flags               []string // of ravi-mcp stdio
	streams             streams
}

func newInstall(s streams) *cobra.Command {
	i := install{streams: s}
	cmd := &cobra.Command{
		Use: "install --client CLIENT [-- FLAGS]", Short: "Register with Claude Code or Claude Desktop", Long: installHelp, Example: installExample,
		DisableFlagsInUseLine: true,
		Args: func(cmd *cobra.Command, args []string) error {
			if dash := cmd.ArgsLenAtDash(); len(args) > 0 && dash != 0 {
				return usageError{errors.New("install takes flags only; those of the server stand after --")}
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			i.flags = args
			return i.run()
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&i.client, "client", "", "claude-code or claude-desktop")
	flags.StringVar(&i.scope, "scope", "project", "of claude-code: project, which is .mcp.json in the working directory")
	flags.StringVar(&i.name, "name", "ravi", "name of the server in the client")
	flags.BoolVar(&i.replace, "replace", false, "replace command and flags of an entry of that name")
	flags.BoolVar(&i.dryRun, "dry-run", false, "show what would be written, and write nothing")
	return cmd
}

func (i install) check() error {
	serverName := regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
	credential := regexp.MustCompile(credentialForm)
	switch {
	case i.client != "claude-code" && i.client != "claude-desktop":
		return wrongUsage("--client: want claude-code or claude-desktop")
	case i.scope != "project":
		return wrongUsage("--scope: want project; for other scopes run: claude mcp add --scope user ravi -- ravi-mcp stdio")
	case !serverName.MatchString(i.name):
		return wrongUsage("--name: want letters, digits, - and _")
	}
	if slices.ContainsFunc(i.flags, credential.MatchString) {
		return wrongUsage("there is a credential among the flags, and none belongs into a configuration file; run: ravi-mcp login")
	}
	stdio := newStdio(i.streams)
	if err := stdio.ParseFlags(i.flags); err != nil {
		return flagProblem(stdio, err)
	}
	return stdio.ValidateArgs(stdio.Flags().Args())
}

func (i install) path() (string, error) {
	if i.client == "claude-code" {
		return filepath.Abs(".mcp.json")
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "Claude", "claude_desktop_config.json"), nil
}

// command is how the client starts this program. A project's file is shared, so that it names the
// program by where PATH finds it, if it does; a desktop client has another PATH than a shell.
func (i install) command() (string, error) {
	own, err := os.Executable()
	if err != nil {
		return "", err
	}
	if i.client == "claude-code" {
		if found, err := exec.LookPath("ravi-mcp"); err == nil && sameFile(found, own) {
			return "ravi-mcp", nil
		}
	}
	return own, nil
}

func sameFile(a, b string) bool {
	x, errA := os.Stat(a)
	y, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(x, y)
}

func (i install) run() error {
	if err := i.check(); err != nil {
		return err
	}
	path, err := i.path()
	if err != nil {
		return err
	}
	i.flags = i.named(path)
	command, err := i.command()
	if err != nil {
		return err
	}
	file, err := readClientFile(path)
	if err != nil {
		return err
	}
	after, changed, err := i.register(file.data, command)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	out := i.streams.out
	switch {
	case !changed:
		fmt.Fprintf(out, "%q is registered in %s already; nothing was changed\n", i.name, path)
		return nil
	case i.dryRun:
		fmt.Fprintf(out, "would write %s with the entry %q:\n%s\n", path, i.name, i.entry(command))
		return nil
	}
	backup, err := file.replace(after)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "registered %q in %s: %s\n", i.name, path, strings.Join(append([]string{command, "stdio"}, i.flags...), " "))
	if backup != "" {
		fmt.Fprintf(out, "the file as it was is %s\n", backup)
	}
	fmt.Fprintf(out, "start the client anew; \"ravi-mcp doctor\" says whether the server will find its credential\n")
	return nil
}

// named returns the flags with a name for the client, if it may use what it created itself: one
// that is the same at every start, and no other registration's.
func (i install) named(path string) []string {
	stdio := newStdio(i.streams)
	_ = stdio.ParseFlags(i.flags) // check has seen them
	patterns, _ := session.ParsePatterns(stdio.Flag("allow-identities").Value.String())
	if !slices.Contains(patterns, session.Own) || stdio.Flag("caller").Changed {
		return i.flags
	}
	sum := sha256.Sum256([]byte(path + "\x00" + i.name))
	return append(slices.Clone(i.flags), "--caller", i.client+"-"+hex.EncodeToString(sum[:4]))
}

// entry is what is written, indented for reading.
func (i install) entry(command string) string {
	var o object
	o.set("command", plainJSON(command))
	o.set("args", plainJSON(append([]string{"stdio"}, i.flags...)))
	var b bytes.Buffer
	_ = json.Indent(&b, o.encode(), "", "  ")
	return b.String()
}

// register puts the entry into the text of a configuration file.
func (i install) register(data []byte, command string) (after []byte, changed bool, err error) {
	root, err := parseObject(data)
	if err != nil {
		return nil, false, err
	}
	servers, err := parseObject(root.get("mcpServers"))
	if err != nil {
		return nil, false, fmt.Errorf("mcpServers: %w", err)
	}
	entry, err := parseObject(servers.get(i.name))
	if err != nil {
		return nil, false, fmt.Errorf("mcpServers.%s: %w", i.name, err)
	}
	args := plainJSON(append([]string{"stdio"}, i.flags...))
	if servers.get(i.name) != nil {
		if same(entry.get("command"), plainJSON(command)) && same(entry.get("args"), args) {
			return nil, false, nil
		}
		if !i.replace {
			return nil, false, fmt.Errorf("there is another entry %q; give --replace, or another --name", i.name)
		}
		entry.drop("url") // of a server elsewhere
		entry.drop("headers")
		entry.drop("type")
	}
	entry.set("command", plainJSON(command))
	entry.set("args", args)
	servers.set(i.name, entry.encode())
	root.set("mcpServers", servers.encode())
	var b bytes.Buffer
	if err := json.Indent(&b, root.encode(), "", "  "); err != nil {
		return nil, false, err
	}
	b.WriteByte('\n')
	return b.Bytes(), true, nil
}
