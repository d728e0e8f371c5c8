package tools_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/server"
	"ravi-mcp/sandbox"
	"ravi-mcp/tools/tool"
)

type exported struct {
	File     string
	Names    []string
	Replaced bool
}

// exporting is a system with an identity that has something to export, and the folder that its
// operator allows.
func exporting(t *testing.T) (*system, *agent, string) {
	t.Helper()
	h := newSystem(t, sandbox.Config{})
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = root.Close() })
	h.deps.Export = root
	h.configure = func(c *server.Config) { c.Toolsets = append(tool.DefaultToolsets(), tool.SetExport) }
	a := h.connect(local())
	ok[created](t, a.call("create_identity", args{"name": "x"}))
	ok[map[string]any](t, a.call("set_secret", args{"name": "API_KEY", "value": canarySecret, "notes": canaryRemark}))
	ok[credential](t, a.call("save_credential", args{"domain": "git-hub.example", "username": "me@x.example", "password": canaryPassword, "notes": canaryNotes}))
	return h, a, dir
}

func TestAProgramGetsSecretsThatTheModelDoesNotSee(t *testing.T) {
	h, a, dir := exporting(t)
	r := a.call("export_secrets", args{"file": "x.env", "secrets": []string{"api_key"}, "domain": "git-hub.example"})
	got := ok[exported](t, r)
	assert.Equal(t, []string{"API_KEY", "GIT_HUB_EXAMPLE_USERNAME", "GIT_HUB_EXAMPLE_PASSWORD"}, got.Names)
	assertNone(t, string(r.raw), "the result", canarySecret, canaryRemark, canaryPassword, canaryNotes)
	assertNone(t, h.log.String(), "the log", canarySecret, canaryRemark, canaryPassword, canaryNotes)

	info, err := os.Stat(filepath.Join(dir, "x.env"))
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	assert.Equal(t, canarySecret+"|me@x.example|"+canaryPassword, sourced(t, dir, `printf '%s|%s|%s' "$API_KEY" "$GIT_HUB_EXAMPLE_USERNAME" "$GIT_HUB_EXAMPLE_PASSWORD"`))
	assert.Equal(t, []string{"x.env"}, files(t, dir), "nothing else is left there")

	assert.Equal(t, fault.Conflict, refused(t, a.call("export_secrets", args{"file": "x.env", "secrets": []string{"API_KEY"}})).Code)
	again := ok[exported](t, a.call("export_secrets", args{"file": "x.env", "domain": "git-hub.example", "prefix": "GH", "if_exists": "replace"}))
	assert.True(t, again.Replaced)
	assert.Equal(t, []string{"GH_USERNAME", "GH_PASSWORD"}, again.Names)
	assert.Equal(t, "", sourced(t, dir, `printf '%s' "$API_KEY"`))
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// sourced runs a shell command after the file was sourced.
func sourced(t *testing.T, dir, command string) string {
	t.Helper()
	cmd := exec.Command("sh", "-c", "set -a; . ./x.env; "+command)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

func TestAShellReadsEveryValueExactly(t *testing.T) {
	_, a, dir := exporting(t)
	for _, value := range []string{
		"plain", " spaces ", "$HOME `id` $(id) \\ \\n", `double " quote`, `single ' quote`, `both ' and " and $x and \ and ` + "`id`",
		"line one\nline two\n", "# no comment", "ünïcödé ☃", "'", `''"`, "=",
	} {
		ok[map[string]any](t, a.call("set_secret", args{"name": "V", "value": value}))
		ok[exported](t, a.call("export_secrets", args{"file": "x.env", "secrets": []string{"V"}, "if_exists": "replace"}))
		assert.Equal(t, value+".", sourced(t, dir, `printf '%s.' "$V"`), "%q", value)
	}
}

func TestNoNameLeadsOutOfTheFolder(t *testing.T) {
	_, a, dir := exporting(t)
	outside := filepath.Join(t.TempDir(), "outside")
	require.NoError(t, os.WriteFile(outside, []byte("untouched"), 0o600))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "link.env")))
	require.NoError(t, os.Symlink("missing.env", filepath.Join(dir, "dangling.env")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	for _, replace := range []string{"error", "replace"} {
		for _, name := range []string{"../x", "..", ".", "/etc/x", "a/b", `a\b`, ".hidden", "", "x\x00y", strings.Repeat("x", 101)} {
			assert.Equal(t, fault.InvalidArgument, refused(t, a.call("export_secrets", args{"file": name, "secrets": []string{"API_KEY"}, "if_exists": replace})).Code, "%q", name)
		}
		for _, name := range []string{"link.env", "dangling.env", "folder"} {
			assert.Equal(t, fault.Forbidden, refused(t, a.call("export_secrets", args{"file": name, "secrets": []string{"API_KEY"}, "if_exists": replace})).Code, name)
		}
	}
	text, err := os.ReadFile(outside)
	require.NoError(t, err)
	assert.Equal(t, "untouched", string(text))
	assert.ElementsMatch(t, []string{"link.env", "dangling.env", "folder"}, files(t, dir))
}

func TestNothingHalfIsExported(t *testing.T) {
	h, a, dir := exporting(t)
	for name, c := range map[string]struct {
		arguments args
		want      fault.Code
	}{
		"one is missing":   {args{"secrets": []string{"API_KEY", "MISSING"}}, fault.NotFound},
		"a seed":           {args{"secrets": []string{"API_KEY", "TOTP_X"}}, fault.InvalidArgument},
		"no login":         {args{"secrets": []string{"API_KEY"}, "domain": "other.example"}, fault.NotFound},
		"nothing":          {args{}, fault.InvalidArgument},
		"twice":            {args{"secrets": []string{"API_KEY", "api_key"}}, fault.InvalidArgument},
		"a username alone": {args{"username": "me"}, fault.InvalidArgument},
	} {
		c.arguments["file"] = "x.env"
		assert.Equal(t, c.want, refused(t, a.call("export_secrets", c.arguments)).Code, name)
		assert.Empty(t, files(t, dir), name)
	}
	require.NoError(t, os.RemoveAll(dir))
	assert.Equal(t, fault.Unavailable, refused(t, a.call("export_secrets", args{"file": "x.env", "secrets": []string{"API_KEY"}})).Code)
	assert.NotContains(t, h.log.String(), canarySecret)
}

func TestExportIsThereOnlyWhereAnOperatorAllowsIt(t *testing.T) {
	h, _, _ := exporting(t)
	has := func() bool {
		for _, d := range definitions(t, h.connect(local())) {
			if d.Name == "export_secrets" {
				return true
			}
		}
		return false
	}
	assert.True(t, has())
	h.readOnly = true
	assert.False(t, has(), "a read-only server writes no files either")
	h.readOnly = false
	h.configure = nil
	assert.False(t, has(), "it is off by default")
	h.configure = func(c *server.Config) { c.Toolsets = append(tool.DefaultToolsets(), tool.SetExport) }
	h.deps.Export = nil
	assert.False(t, has(), "without a folder")
}
