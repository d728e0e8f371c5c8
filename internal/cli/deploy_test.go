package cli_test

import (
	"debug/elf"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/cli"
	"ravi-mcp/internal/test/harness"
	"ravi-mcp/session"
)

// readmeBlock is the first block of README.md in that language.
func readmeBlock(t *testing.T, language string) string {
	t.Helper()
	block := regexp.MustCompile("(?s)\n```" + language + "\n(.*?)```").FindStringSubmatch(harness.Readme(t))
	require.NotNil(t, block, "README.md has no %s", language)
	return block[1]
}

// openFolder is a folder that every user may go to, as the temporary ones of tests are not.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ravi-mcp-deploy")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

// place copies a file, which every user may read and only root may write.
func place(t *testing.T, from, to string, mode os.FileMode) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(to), 0o755))
	data, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, data, mode))
}

// service is a deployed server: a command line, an environment without HOME, and, where the test
// may, a user of its own.
type service struct {
	line []string
	env  []string
	uid  uint32 // and gid
	root string // "" for the machine's
}

// runs starts it on a free port, calls a tool as a caller, and ends it in order.
func (s service) runs(t *testing.T) {
	t.Helper()
	cmd := exec.Command(s.line[0], append(s.line[1:], "--addr", "127.0.0.1:0")...)
	cmd.Env, cmd.Dir = s.env, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: s.root}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: s.uid, Gid: s.uid}
	}
	r := harness.Serve(t, cmd)
	response, _ := r.Post(http.DefaultClient, carolToken, "", harness.InitializeMessage)
	require.Equal(t, http.StatusOK, response.StatusCode)
	id := response.Header.Get("Mcp-Session-Id")
	_, made := r.Post(http.DefaultClient, carolToken, id, harness.ToolMessage(1, "create_identity", `{"name":"carol-main"}`))
	assert.Contains(t, made, `"cursor"`)
	assert.Contains(t, r.Get("/readyz"), "200 ")
	signalled := time.Now()
	r.Stop(t)
	assert.Less(t, time.Since(signalled), harness.Prompt)
	assert.NotContains(t, r.Log(), "permission denied")
}

func writeCarol(t *testing.T, path string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(callerOf("carol", "token_sha256", session.HashToken(carolToken).String())), 0o644))
}

// The unit of README.md is one that systemd takes, and its command line serves as a user without a
// home, who may write to the state directory only.
func TestReadmeUnitServes(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed: apt-get install systemd")
	}
	unit := readmeBlock(t, "ini")
	dir := openFolder(t)
	program, state := filepath.Join(dir, "ravi-mcp"), filepath.Join(dir, "state")
	place(t, harness.Binary(t), program, 0o755)
	require.Contains(t, unit, "/usr/local/bin/ravi-mcp ")
	unit = strings.ReplaceAll(unit, "/usr/local/bin/ravi-mcp ", program+" ")
	file := filepath.Join(dir, "ravi-mcp.service")
	require.NoError(t, os.WriteFile(file, []byte(unit), 0o644))
	out, err := exec.Command(analyze, "verify", "--recursive-errors=no", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Empty(t, string(out))

	const uid = 61184 // the first that systemd gives to a DynamicUser
	require.NoError(t, os.Mkdir(state, 0o700))
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chown(state, uid, uid))
	}
	writeCarol(t, filepath.Join(dir, "callers.toml"))
	settings := map[string]string{}
	for line := range strings.Lines(unit) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		settings[name] = value
	}
	line := strings.NewReplacer("%S/ravi-mcp", state, "/etc/ravi-mcp", dir).Replace(settings["ExecStart"])
	limit, err := time.ParseDuration(settings["TimeoutStopSec"] + "s")
	require.NoError(t, err)
	assert.GreaterOrEqual(t, limit, cli.LongestStop, "systemd kills a server that still ends in order")
	ravi, _, _ := leaseEnvironment(t)
	service{line: strings.Fields(line), uid: uid, env: []string{"RAVI_ACCESS_TOKEN=" + ravi.Account.AccessToken, "RAVI_BASE_URL=" + ravi.URL}}.runs(t)
	_, err = os.Stat(filepath.Join(state, "seal.key"))
	require.NoError(t, err)
}

// The image of README.md has a static program, its certificates and nothing else; the program
// serves there as that user, with the flags that README.md gives it.
func TestReadmeImageServes(t *testing.T) {
	t.Parallel()
	text := readmeBlock(t, "dockerfile")
	root := openFolder(t)
	command := regexp.MustCompile(`(?m)^RUN CGO_ENABLED=0 (go build .*)-o (/ravi-mcp) \.$`).FindStringSubmatch(text)
	require.NotNil(t, command, text)
	program := filepath.Join(root, command[2])
	build := exec.Command("go", append(strings.Fields(command[1])[1:], "-buildvcs=false", "-o", program, ".")...)
	build.Dir, build.Env = harness.ModuleRoot(t), append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	binary, err := elf.Open(program)
	require.NoError(t, err)
	libraries, err := binary.ImportedLibraries()
	require.NoError(t, err)
	assert.Empty(t, libraries)
	for _, part := range binary.Progs {
		assert.NotEqual(t, elf.PT_INTERP, part.Type, "it needs a loader")
	}
	require.NoError(t, binary.Close())

	require.Contains(t, text, "FROM scratch\n")
	require.Contains(t, text, "USER 65532\n")
	entry := regexp.MustCompile(`(?m)^ENTRYPOINT \[(.*)\]$`).FindStringSubmatch(text)
	require.NotNil(t, entry)
	line := strings.Split(strings.ReplaceAll(entry[1], `"`, ""), ", ")
	run := regexp.MustCompile(`(?m)^docker run .* ravi-mcp (--callers /callers\.toml .*)$`).FindStringSubmatch(harness.Readme(t))
	require.NotNil(t, run, "README.md does not run the image")
	line = append(line, strings.Fields(run[1])...)
	ravi, _, _ := leaseEnvironment(t)
	s := service{uid: 65532, env: []string{"RAVI_ACCESS_TOKEN=" + ravi.Account.AccessToken, "RAVI_BASE_URL=" + ravi.URL, "RAVI_MCP_SEAL_KEY=" + strings.Repeat("5e", 32)}}
	callers := filepath.Join(root, "callers.toml")
	writeCarol(t, callers)
	if os.Geteuid() == 0 {
		s.root = root // which has what the image has
	} else {
		line[0] = program
		line[slices.Index(line, "/callers.toml")] = callers
	}
	s.line = line
	s.runs(t)
}
