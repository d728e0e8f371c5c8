package tools_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/server"
	"ravi-mcp/internal/test/harness"
	"ravi-mcp/sandbox"
	"ravi-mcp/tools/tool"
)

// What a list of tools costs a model, in every request that it is part of. Most hosts give a model
// name, description and input schema; some give it the output schema too.
var lists = []struct {
	name     string
	toolsets []tool.Toolset
	// ceilings, 0 for none: tokens, and tokens with output schemas
	tokens, whole int
	before        string // tools and both numbers of the list that had no ceiling
}{
	{"default", tool.DefaultToolsets(), 4000, 9000, "26: 6348, 13420"},
	{"signup", []tool.Toolset{tool.SetSignUp}, 2500, 5500, "-"},
	{"all", tool.Toolsets(), 0, 0, "37: 8979, 18301"},
}

// bytesOf is how long texts of so many tokens are, or a little less: texts that are no longer keep
// to the ceiling by the tokenizer as well.
func bytesOf(tokens int) int { return tokens * 43 / 10 }

type offered struct {
	Name         string          `json:"name"`
	Description  string          `json:"description"`
	InputSchema  json.RawMessage `json:"inputSchema"`
	OutputSchema json.RawMessage `json:"outputSchema,omitempty"`
}

// offer returns what a model gets of each tool of the toolsets, without output schemas and with
// them.
func offer(t *testing.T, toolsets []tool.Toolset) (short, whole []string) {
	t.Helper()
	h := newSystem(t, sandbox.Config{}).everything()
	before := h.configure
	h.configure = func(c *server.Config) { before(c); c.Toolsets = toolsets }
	for _, d := range definitions(t, h.connect(local())) {
		one := offered{Name: d.Name, Description: d.Description, InputSchema: d.InputSchema}
		short = append(short, compact(t, one))
		one.OutputSchema = d.OutputSchema
		whole = append(whole, compact(t, one))
	}
	return short, whole
}

func compact(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	require.NoError(t, enc.Encode(v))
	return string(bytes.TrimSpace(b.Bytes()))
}

func length(texts []string) (n int) {
	for _, text := range texts {
		n += len(text)
	}
	return n
}

func TestListsOfToolsStayLean(t *testing.T) {
	for _, l := range lists {
		short, whole := offer(t, l.toolsets)
		require.NotEmpty(t, short)
		if l.tokens > 0 {
			assert.LessOrEqual(t, length(short), bytesOf(l.tokens), l.name)
		}
		if l.whole > 0 {
			assert.LessOrEqual(t, length(whole), bytesOf(l.whole), "%s, with output schemas", l.name)
		}
	}
}

// countTokens counts the tokens of each text, and skips the test where the tokenizer is missing.
func countTokens(t *testing.T, texts []string) (counts []int) {
	t.Helper()
	clients := harness.FindClients(t)
	if _, err := os.Stat(filepath.Join(clients.Modules, "js-tiktoken")); err != nil {
		t.Skip("install the tokenizer first: .ci/install-clients")
	}
	dir := t.TempDir()
	require.NoError(t, os.Symlink(clients.Modules, filepath.Join(dir, "node_modules")))
	script, err := os.ReadFile(filepath.Join(harness.ModuleRoot(t), ".ci", "clients", "tokens.mjs"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tokens.mjs"), script, 0o600))
	given, err := json.Marshal(texts)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), clients.Node, filepath.Join(dir, "tokens.mjs"))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(given), os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(out, &counts))
	require.Len(t, counts, len(texts))
	return counts
}

func TestTokensOfListsOfTools(t *testing.T) {
	var texts []string
	for _, l := range lists {
		short, whole := offer(t, l.toolsets)
		texts = append(append(texts, short...), whole...)
	}
	counts := countTokens(t, texts)
	count := func(texts []string) (sum int) {
		for range texts {
			sum, counts = sum+counts[0], counts[1:]
		}
		return sum
	}
	t.Logf("%-8s %5s %7s %19s %22s", "list", "tools", "tokens", "with output schemas", "before it was made lean")
	for _, l := range lists {
		short, whole := offer(t, l.toolsets)
		tokens, all := count(short), count(whole)
		t.Logf("%-8s %5d %7d %19d %22s", l.name, len(short), tokens, all, l.before)
		assert.Greater(t, length(short), bytesOf(tokens), "%s: the bound without a tokenizer holds less", l.name)
		assert.Greater(t, length(whole), bytesOf(all), "%s: the bound without a tokenizer holds less", l.name)
		if l.tokens > 0 {
			assert.LessOrEqual(t, tokens, l.tokens, l.name)
		}
		if l.whole > 0 {
			assert.LessOrEqual(t, all, l.whole, "%s, with output schemas", l.name)
		}
	}
}
