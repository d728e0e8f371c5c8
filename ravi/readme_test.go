package ravi_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi"
)

// row is a line of the table of endpoints.
type row struct{ endpoint, methods, eras, test string }

func table(t *testing.T) []row {
	t.Helper()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	var rows []row
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 4 || !strings.Contains(cells[0], "/api/") {
			continue
		}
		rows = append(rows, row{strings.TrimSpace(cells[0]), strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3])})
	}
	require.Greater(t, len(rows), 50)
	return rows
}

// parsed returns the files of this folder, tests or the others.
func parsed(t *testing.T, tests bool) []*ast.File {
	t.Helper()
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") == tests {
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			require.NoError(t, err)
			files = append(files, f)
		}
	}
	return files
}

func TestREADMERowsHaveTestAndMethod(t *testing.T) {
	t.Parallel()
	tests := map[string]bool{}
	for _, f := range parsed(t, true) {
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "Test") {
				tests[fn.Name.Name] = true
			}
		}
	}
	receivers := map[string]reflect.Type{"Client": reflect.TypeFor[*ravi.Client](), "Scope": reflect.TypeFor[*ravi.Scope]()}
	seen := map[string]bool{}
	for _, r := range table(t) {
		assert.False(t, seen[r.endpoint], "%s stands there twice", r.endpoint)
		seen[r.endpoint] = true
		assert.True(t, tests[r.test], "%s has no test %q", r.endpoint, r.test)
		assert.Regexp(t, `^[1-4]`, r.eras, r.endpoint)
		for _, name := range regexp.MustCompile(`\w+\.\w+`).FindAllString(r.methods, -1) {
			receiver, method, _ := strings.Cut(name, ".")
			_, ok := receivers[receiver].MethodByName(method)
			assert.True(t, ok, "%s: there is no %s", r.endpoint, name)
		}
		assert.NotEmpty(t, r.methods)
	}
}

func TestREADMEListsEveryEndpoint(t *testing.T) {
	t.Parallel()
	listed := map[string]bool{}
	for _, r := range table(t) {
		_, path, _ := strings.Cut(r.endpoint, " ")
		listed[path] = true
	}
	used := map[string]bool{}
	for _, f := range parsed(t, false) {
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if s, err := strconv.Unquote(lit.Value); err == nil && strings.HasPrefix(s, "/api/") {
					used[s] = true
				}
			}
			return true
		})
	}
	for path := range used {
		assert.True(t, listed[path], "%s has no row in README.md", path)
	}
	for path := range listed {
		if path != "/api/secrets/{uuid}/" { // put together from the store's path
			assert.True(t, used[path], "no code uses %s", path)
		}
	}
}

// Secrets are read where they go onto the wire, and nowhere else.
func TestRevealIsCalledInFewFiles(t *testing.T) {
	t.Parallel()
	allowed := map[string]bool{"credentials.go": true, "e2e.go": true}
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		assert.Equal(t, allowed[name], strings.Contains(string(text), ".Reveal()"), name)
	}
}
