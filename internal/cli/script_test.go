package cli_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"ravi-mcp/internal/test/harness"
	"ravi-mcp/sandbox"
)

var update = flag.Bool("update", false, "write what the scripts compare with, such as the help texts, anew")

// TestScripts plays the sessions in testdata/script. Besides what testscript has, they can use
//
//	mcp FILE FLAGS...      run "ravi-mcp FLAGS...", call the tools that FILE
//	                       lists, one after the other, and print what comes
//	ravi start [key]       start a Ravi of the token era, or of the key era;
//	                       sets RAVI_BASE_URL and CREDENTIAL
//	ravi identity NAME     give it an identity; sets NAME to its uuid and, in
//	                       the key era, NAME_key
//	ravi text NAME BODY    send it a text message
//	expand FILE...         replace variables in files
//	status N PROGRAM...    run a program, which must end with this exit code
//	snapshot DIR...        remember names, times and contents
//	[!] unchanged          fail if they are not the same any more
//
// HOME is the empty folder home, and no RAVI_ variable is set.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			home := filepath.Join(env.WorkDir, "home")
			env.Setenv("HOME", home)
			env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state")) // what a server keeps of its own
			program, err := exec.LookPath("ravi-mcp")
			if err != nil {
				return err
			}
			env.Setenv("BIN", filepath.Dir(program))
			env.Values[propsKey] = &props{}
			return os.MkdirAll(home, 0o700)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"mcp": mcpCommand, "ravi": raviCommand, "status": statusCommand, "expand": expandCommand, "snapshot": snapshotCommand, "unchanged": unchangedCommand,
		},
		RequireUniqueNames: true,
		UpdateScripts:      *update,
	})
}

// props are what a script has around it.
type props struct {
	ravi       *sandbox.Server
	account    *sandbox.Account
	identities map[string]sandbox.IdentityInfo
	folders    []string
	before     snapshot
}

const propsKey = "props"

func raviCommand(ts *testscript.TestScript, _ bool, args []string) {
	p := ts.Value(propsKey).(*props)
	switch {
	case args[0] == "start":
		cfg := sandbox.Config{}
		if len(args) > 1 && args[1] == "key" {
			cfg.Era = sandbox.EraKeys
		}
		p.start(ts, cfg)
	case args[0] == "identity" && len(args) == 2:
		info, err := p.ravi.CreateIdentity(p.account.Email, sandbox.NewIdentity{Name: args[1], ProvisionPhone: true})
		ts.Check(err)
		p.identities[args[1]] = info
		ts.Setenv(args[1], info.UUID)
		ts.Setenv(args[1]+"_key", info.Key)
	case args[0] == "text" && len(args) == 3:
		_, err := p.ravi.DeliverSMS(sandbox.SMS{To: p.identities[args[1]].Phone, From: "32665", Body: args[2]})
		ts.Check(err)
	default:
		ts.Fatalf("unknown: ravi %v", args)
	}
}

func (p *props) start(ts *testscript.TestScript, cfg sandbox.Config) {
	var err error
	p.ravi, err = sandbox.New(cfg)
	ts.Check(err)
	p.account, err = p.ravi.Account(sandbox.AccountConfig{})
	ts.Check(err)
	web := httptest.NewServer(p.ravi)
	ts.Defer(func() {
		_ = p.ravi.Close()
		web.Close()
	})
	p.identities = make(map[string]sandbox.IdentityInfo)
	ts.Setenv("RAVI_BASE_URL", web.URL)
	ts.Setenv("CREDENTIAL", p.account.AccessToken+p.account.ManagementKey)
}

func statusCommand(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

func expandCommand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		path := ts.MkAbs(name)
		ts.Check(os.WriteFile(path, []byte(os.Expand(ts.ReadFile(name), ts.Getenv)), 0o600))
	}
}

func snapshotCommand(ts *testscript.TestScript, _ bool, args []string) {
	p := ts.Value(propsKey).(*props)
	p.folders = nil
	for _, dir := range args {
		p.folders = append(p.folders, ts.MkAbs(dir))
	}
	var err error
	p.before, err = takeSnapshot(p.folders...)
	ts.Check(err)
}

func unchangedCommand(ts *testscript.TestScript, neg bool, _ []string) {
	p := ts.Value(propsKey).(*props)
	after, err := takeSnapshot(p.folders...)
	ts.Check(err)
	if diff := p.before.diff(after); (diff != "") != neg {
		ts.Fatalf("files that differ: %q", diff)
	}
}

// mcpCommand is an MCP client: a line of its file is a tool's name and its arguments, in which
// $cursor and $uuid stand for those of the latest result. It prints the result after the tool's
// name, or "error" and the error. The server must end with 0 and have written nothing but protocol.
func mcpCommand(ts *testscript.TestScript, _ bool, args []string) {
	cmd := exec.Command(filepath.Join(ts.Getenv("BIN"), "ravi-mcp"), args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Stderr = ts.Stderr()
	for _, name := range []string{"PATH", "HOME", "XDG_STATE_HOME", "RAVI_API_KEY", "RAVI_ACCESS_TOKEN", "RAVI_CONFIG_DIR", "RAVI_BASE_URL", "RAVI_IDENTITY"} {
		if v := ts.Getenv(name); v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	w, err := harness.Dial(cmd)
	ts.Check(err)
	if err = w.Initialize(); err == nil {
		err = play(w, ts.ReadFile(args[0]), ts.Stdout())
	}
	code, endErr := w.Close()
	ts.Check(errors.Join(err, endErr))
	if code != 0 {
		ts.Fatalf("exit code %d", code)
	}
}

var (
	cursorField = regexp.MustCompile(`"cursor":"([^"]+)"`)
	uuidField   = regexp.MustCompile(`"uuid":"([^"]+)"`)
)

func play(w *harness.Stdio, calls string, out io.Writer) error {
	latest := map[string]string{}
	for line := range strings.Lines(calls) {
		name, arguments, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" {
			continue
		}
		if arguments == "" {
			arguments = "{}"
		}
		arguments = os.Expand(arguments, func(v string) string { return latest[v] })
		r, err := w.Tool(name, json.RawMessage(arguments))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if r.IsError {
			fmt.Fprintf(out, "%s: error %s\n", name, r.Content[0].Text)
			continue
		}
		for field, shape := range map[string]*regexp.Regexp{"cursor": cursorField, "uuid": uuidField} {
			if m := shape.FindSubmatch(r.Result); m != nil {
				latest[field] = string(m[1])
			}
		}
		fmt.Fprintf(out, "%s: %s\n", name, r.Result)
	}
	return nil
}
