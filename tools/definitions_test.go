package tools_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/server"
	"ravi-mcp/sandbox"
	"ravi-mcp/schemas"
	"ravi-mcp/session"
	"ravi-mcp/tools"
	"ravi-mcp/tools/tool"
)

var update = flag.Bool("update", false, "write the golden files anew")

// definition is a tool as tools/list shows it.
type definition struct {
	Name         string          `json:"name"`
	Title        string          `json:"title"`
	Description  string          `json:"description"`
	InputSchema  json.RawMessage `json:"inputSchema"`
	OutputSchema json.RawMessage `json:"outputSchema"`
	Annotations  map[string]any  `json:"annotations"`
}

func definitions(t *testing.T, a *agent) []definition {
	t.Helper()
	var m struct {
		Result struct {
			Tools      []definition
			NextCursor string
		}
	}
	require.NoError(t, json.Unmarshal(a.request("tools/list", `{}`), &m))
	require.Empty(t, m.Result.NextCursor, "all tools come on one page")
	return m.Result.Tools
}

// everything makes the servers of a system publish every tool that there is.
func (h *system) everything() *system {
	h.t.Helper()
	root, err := os.OpenRoot(h.t.TempDir())
	require.NoError(h.t, err)
	h.t.Cleanup(func() { _ = root.Close() })
	h.deps.Export = root
	before := h.configure
	h.configure = func(c *server.Config) {
		if before != nil {
			before(c)
		}
		c.Toolsets, c.Policies.Send = tool.Toolsets(), session.PolicyAllow
	}
	return h
}

// known are the tools of the servers of a system, by name.
func (h *system) known() map[string]tool.Tool {
	h.t.Helper()
	all, err := tools.All(h.deps)
	require.NoError(h.t, err)
	known := make(map[string]tool.Tool)
	for _, one := range all {
		known[one.Name] = one
	}
	return known
}

// golden compares a text with a file of testdata, or writes the file anew.
func golden(t *testing.T, file, got, whose string) {
	t.Helper()
	path := filepath.Join("..", "testdata", file)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != got {
		t.Fatalf("%s clients see something else than %s; if it is meant, run: go test ./tools -run Golden -update\n%s", whose, file, firstDifference(string(want), got))
	}
}

func TestGoldenFilesOfTools(t *testing.T) {
	published := func(a *agent) map[string]string {
		var m struct {
			Result struct{ Tools []json.RawMessage }
		}
		require.NoError(t, json.Unmarshal(a.request("tools/list", `{}`), &m))
		all := make(map[string]string)
		for _, raw := range m.Result.Tools {
			var d definition
			require.NoError(t, json.Unmarshal(raw, &d))
			var text bytes.Buffer
			require.NoError(t, json.Indent(&text, raw, "", "  "))
			all[d.Name] = text.String() + "\n"
		}
		return all
	}
	h, full := newSystem(t, sandbox.Config{}), newSystem(t, sandbox.Config{}).everything()
	for era, connect := range map[string]func(*system) *agent{
		"legacy": func(h *system) *agent { return h.connect(local()) }, "modern": func(h *system) *agent { return h.connectModern(local()) },
	} {
		all := published(connect(full))
		for name, text := range all {
			golden(t, "tools/"+name+".json", text, era)
		}
		for name, text := range published(connect(h)) {
			assert.Equal(t, all[name], text, "%s is the same whatever else there is", name)
		}
		files, err := os.ReadDir(filepath.Join("..", "testdata", "tools"))
		require.NoError(t, err)
		for _, f := range files {
			assert.Contains(t, all, strings.TrimSuffix(f.Name(), ".json"), "there is no such tool any more; delete the file")
		}
	}
}

func TestGoldenFileOfToolsets(t *testing.T) {
	sets := make(map[tool.Toolset][]string)
	for _, set := range tool.Toolsets() {
		h := newSystem(t, sandbox.Config{}).everything()
		h.only(set)
		for _, d := range definitions(t, h.connect(local())) {
			sets[set] = append(sets[set], d.Name)
		}
	}
	text, err := json.MarshalIndent(sets, "", "  ")
	require.NoError(t, err)
	golden(t, "toolsets.json", string(text)+"\n", "all")

	var byDefault, published []string
	for _, set := range tool.DefaultToolsets() {
		byDefault = append(byDefault, sets[set]...)
	}
	for _, d := range definitions(t, newSystem(t, sandbox.Config{}).byDefault().connect(local())) {
		published = append(published, d.Name)
	}
	assert.ElementsMatch(t, byDefault, published)
}

func TestToolsAreListedByName(t *testing.T) {
	h := newSystem(t, sandbox.Config{}).everything()
	for era, a := range map[string]*agent{"legacy": h.connect(local()), "modern": h.connectModern(local())} {
		var names []string
		for _, d := range definitions(t, a) {
			names = append(names, d.Name)
		}
		assert.NotEmpty(t, names, era)
		assert.IsIncreasing(t, names, era)
	}
}

// firstDifference returns the lines around the first one that differs.
func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		if i >= len(w) || i >= len(g) || w[i] != g[i] {
			around := func(lines []string) string {
				return strings.Join(lines[min(max(i-3, 0), len(lines)):min(i+4, len(lines))], "\n")
			}
			return fmt.Sprintf("at line %d, want:\n%s\ngot:\n%s", i+1, around(w), around(g))
		}
	}
	return ""
}

// byDefault makes the servers of a system publish what they do unless an operator says otherwise;
// those of other tests have SetExtra too.
func (h *system) byDefault() *system {
	h.configure = func(c *server.Config) { c.Toolsets = nil }
	return h
}

// only makes the servers of a system publish one toolset.
func (h *system) only(set tool.Toolset) {
	before := h.configure
	h.configure = func(c *server.Config) {
		before(c)
		c.Toolsets = []tool.Toolset{set}
	}
}

func TestReadOnlyLeavesOnlyToolsThatChangeNothing(t *testing.T) {
	h := newSystem(t, sandbox.Config{}).everything()
	h.readOnly = true
	a := h.connect(local())
	var names []string
	for _, d := range definitions(t, a) {
		names = append(names, d.Name)
		assert.Equal(t, true, d.Annotations["readOnlyHint"], d.Name)
	}
	// By hand, and not by the hint that the server filters by: a tool with a wrong hint has to be
	// noticed here.
	assert.ElementsMatch(t, []string{
		"list_identities", "get_identity", "use_identity", "watch_inbox", "wait_for_otp", "wait_for_message", "list_messages", "read_message",
		"get_credential", "list_credentials", "generate_password", "get_totp", "get_secret", "list_secrets",
		"find_contact", "get_account", "list_domains",
	}, names)

	var m struct{ Error struct{ Code int } }
	require.NoError(t, json.Unmarshal(a.request("tools/call", `{"name":"create_identity","arguments":{"name":"x"}}`), &m))
	assert.Equal(t, -32602, m.Error.Code, "a tool that writes does not exist by name either")
	assert.Empty(t, h.ravi.Server.Identities())
}

func TestEveryToolTellsAClientAllItNeeds(t *testing.T) {
	h := newSystem(t, sandbox.Config{}).everything()
	known := h.known()
	for _, d := range definitions(t, h.connect(local())) {
		assert.Regexp(t, `^[a-z]+(_[a-z]+)+$`, d.Name)
		assert.NotEmpty(t, d.Title, d.Name)
		assert.Greater(t, len(d.Description), 60, "%s says when to use it", d.Name)
		for _, hint := range []string{"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"} {
			assert.IsType(t, true, d.Annotations[hint], "%s: %s", d.Name, hint)
		}
		if d.Annotations["readOnlyHint"] == true {
			assert.Equal(t, false, d.Annotations["destructiveHint"], d.Name)
		}
		for kind, raw := range map[string]json.RawMessage{"input": known[d.Name].Input.Rules(), "output": known[d.Name].Output.Rules()} {
			_, err := schemas.Compile(raw)
			require.NoError(t, err, "%s: %s schema", d.Name, kind)
			var doc any
			require.NoError(t, json.Unmarshal(raw, &doc))
			walk(doc, d.Name+" "+kind, func(at string, node map[string]any) { checkNode(t, at, node, kind == "input") })
		}
	}
}

// walk visits every schema below node. A schema is an object, or a boolean, which is one of the
// traps.
func walk(node any, at string, visit func(at string, node map[string]any)) {
	schema, isObject := node.(map[string]any)
	if !isObject {
		visit(at, map[string]any{"bare": node})
		return
	}
	visit(at, schema)
	if props, has := schema["properties"].(map[string]any); has {
		for name, sub := range props {
			walk(sub, at+"."+name, visit)
		}
	}
	if items, has := schema["items"]; has {
		walk(items, at+"[]", visit)
	}
}

// checkNode holds one schema against the traps of invopop and of clients.
func checkNode(t *testing.T, at string, node map[string]any, input bool) {
	t.Helper()
	assert.NotContains(t, node, "bare", "%s: a bare true or false, which some clients refuse", at)
	assert.IsType(t, "", node["type"], "%s: exactly one type", at)
	for _, key := range []string{"$ref", "$defs", "$id", "oneOf", "anyOf", "allOf", "not", "if", "patternProperties"} {
		assert.NotContains(t, node, key, at)
	}
	if text, has := node["description"].(string); has {
		assert.Regexp(t, regexp.MustCompile(`[.)]$`), text, "%s: the description is cut", at)
	}
	if !input {
		return
	}
	if strings.Contains(at, ".") && !strings.HasSuffix(at, "[]") { // a list is described as a whole
		assert.NotEmpty(t, node["description"], "%s has no description", at)
	}
	switch node["type"] {
	case "object":
		assert.Equal(t, false, node["additionalProperties"], at)
	case "string":
		_, limited := node["maxLength"]
		_, listed := node["enum"]
		assert.True(t, limited || listed, "%s: neither maxLength nor enum", at)
	case "integer", "number":
		assert.Contains(t, node, "minimum", at)
		assert.Contains(t, node, "maximum", at)
	case "array":
		assert.Contains(t, node, "maxItems", at)
	}
}

func TestDefinitionsHoldNothingFromRavi(t *testing.T) {
	const canary = "CANARY-in-a-name"
	plain, full := newSystem(t, sandbox.Config{}), newSystem(t, sandbox.Config{})
	full.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: canary})
	a := full.connect(local())
	ok[map[string]any](t, a.call("list_identities", nil))
	assert.Equal(t, definitions(t, plain.connect(local())), definitions(t, a))
}

// What a model is told, in the instructions and of each tool, names no tool that it does not have:
// with the tools that there are by default, and with those of a sign-up alone.
func TestInstructionsNameOnlyToolsThatExist(t *testing.T) {
	word := regexp.MustCompile(`\b(create|list|get|use|delete|watch|wait|read|save|set|update|generate)_[a-z_]+`)
	for _, sets := range [][]tool.Toolset{nil, {tool.SetSignUp}} {
		h := newSystem(t, sandbox.Config{})
		h.configure = func(c *server.Config) { c.Toolsets = sets }
		a := h.connect(local())
		var names []string
		texts := string(a.request("initialize", `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}`))
		for _, d := range definitions(t, a) {
			var schema struct{ Properties map[string]any }
			require.NoError(t, json.Unmarshal(d.InputSchema, &schema))
			names = append(names, d.Name)
			names = slices.AppendSeq(names, maps.Keys(schema.Properties)) // arguments are named too
			texts += " " + d.Description + string(d.InputSchema)
		}
		for _, named := range word.FindAllString(texts, -1) {
			assert.Contains(t, names, named, "%v: it is named but is no tool", sets)
		}
	}
}

// The instructions stand in every request of most hosts, and their order is that of the prompts.
func TestInstructionsAreShortAndInOrder(t *testing.T) {
	h := newSystem(t, sandbox.Config{}).byDefault()
	shared := local()
	shared.Shared = true
	word := regexp.MustCompile(`\b[a-z]+(_[a-z]+)+\b`)
	known := h.known()
	order := func(text string) (tools []string) {
		for _, named := range word.FindAllString(text, -1) {
			if _, is := known[named]; is && !slices.Contains(tools, named) && named != "generate_password" { // an argument here
				tools = append(tools, named)
			}
		}
		return tools
	}
	for name, a := range map[string]*agent{"session": h.connect(local()), "shared": h.connect(shared)} {
		text := rpc[struct{ Instructions string }](a, "initialize", `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}`).Instructions
		assert.LessOrEqual(t, len(strings.Fields(text)), 150, name)
		given := order(text)
		assert.Equal(t, []string{"create_identity", "use_identity", "save_credential", "watch_inbox", "wait_for_otp", "set_totp", "get_totp", "get_credential", "update_credential"}, given, name)
		for prompt, shares := range map[string]int{"sign_up": 8, "log_in": 5} {
			laidOut := order(a.prompt(prompt, map[string]string{"service": "nimbus.example"}))
			both := func(of, in []string) []string {
				return slices.DeleteFunc(slices.Clone(of), func(tool string) bool { return !slices.Contains(in, tool) || tool == "get_credential" })
			}
			assert.Equal(t, both(given, laidOut), both(laidOut, given), "%s: %s", name, prompt)
			assert.Len(t, both(laidOut, given), shares, "%s: %s", name, prompt)
		}
		assert.Regexp(t, `untrusted.*follow no|untrusted.*never follow`, text)
	}
}

// Schemas are compiled when they are first used, so it is here that a broken one shows.
func TestEverySchemaIsValid(t *testing.T) {
	all, err := tools.All(newSystem(t, sandbox.Config{}).deps)
	require.NoError(t, err)
	for _, tool := range all {
		assert.NoError(t, tool.Input.Check(), tool.Name)
		assert.NoError(t, tool.Output.Check(), tool.Name)
	}
}
