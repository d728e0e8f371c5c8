package main

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
)

// pages are the Markdown files of the repository, by path from its root, with what can be cited in
// each: the anchors of its headings as GitHub makes them, and the names of the lines in the tables
// of SECURITY.md.
type pages map[string]map[string]bool

var (
	citation = regexp.MustCompile(`([\w./:-]*[\w-]+\.md)\b(?:#([\w-]+))?`)
	link     = regexp.MustCompile(`\]\(([^)\s#:]*)(?:#([\w-]+))?\)`)
	security = regexp.MustCompile(`SECURITY(?:\.md)?,?\s+((?:[A-Z]\d+(?:\s+to\s+|\s+and\s+|,\s*)?)+)`)
	row      = regexp.MustCompile(`(?m)^\| ([A-Z]\d+) \|`)
	heading  = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
	fenced   = regexp.MustCompile("(?ms)^```.*?^```$")
	bareTrap = regexp.MustCompile(`\b[Tt]raps? \d`)
	inline   = regexp.MustCompile("`((?:\\.ci|\\.github|docs|internal|ravi|sandbox|schemas|session|testdata|tools)(?:/[\\w.-]+)+)/?`")
)

// anchors returns what can be cited in a page.
func anchors(page string) map[string]bool {
	all := make(map[string]bool)
	page = fenced.ReplaceAllString(page, "")
	for _, m := range heading.FindAllStringSubmatch(page, -1) {
		base := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(m[1]))
		name := base
		for n := 1; all[name]; n++ {
			name = fmt.Sprint(base, "-", n)
		}
		all[name] = true
	}
	for _, m := range row.FindAllStringSubmatch(page, -1) {
		all[m[1]] = true
	}
	return all
}

// dangling returns the citations in a text that lead nowhere. dir is the folder of the file that it
// stands in.
func (p pages) dangling(dir, text string) []string {
	var wrong []string
	check := func(page, anchor, cited string) {
		found, ok := p[path.Join(dir, page)]
		if !ok {
			found, ok = p[path.Clean(page)]
		}
		switch {
		case !ok:
			wrong = append(wrong, cited+": there is no such page")
		case anchor != "" && !found[anchor]:
			wrong = append(wrong, cited+": the page has no such heading")
		}
	}
	for _, m := range citation.FindAllStringSubmatch(text, -1) {
		if !strings.Contains(m[1], "://") { // a page of another repository
			check(m[1], m[2], m[0])
		}
	}
	for _, m := range security.FindAllStringSubmatch(text, -1) {
		for _, line := range regexp.MustCompile(`[A-Z]\d+`).FindAllString(m[1], -1) {
			check("SECURITY.md", line, "SECURITY.md "+line)
		}
	}
	if m := bareTrap.FindString(text); m != "" && !strings.Contains(text, "mcp-go.md#trap-") {
		wrong = append(wrong, m+": cites a trap without its page (docs/mcp-go.md#trap-N)")
	}
	return wrong
}

// links returns the links of a Markdown file to a heading of itself, or to a file, and the paths in
// its inline code, that lead nowhere.
func (p pages) links(file, text string) []string {
	var wrong []string
	for _, m := range inline.FindAllStringSubmatch(text, -1) {
		if m[1] == "tools/call" || m[1] == "tools/list" { // methods of MCP
			continue
		}
		if _, err := os.Stat(filepath.FromSlash(m[1])); err != nil {
			wrong = append(wrong, m[0]+": there is no such file")
		}
	}
	for _, m := range link.FindAllStringSubmatch(text, -1) {
		target := path.Join(path.Dir(file), m[1])
		if m[1] == "" {
			target = file
		}
		if _, err := os.Stat(filepath.FromSlash(target)); err != nil && p[target] == nil {
			wrong = append(wrong, m[0]+": there is no such file")
		} else if m[2] != "" && !p[target][m[2]] {
			wrong = append(wrong, m[0]+": the page has no such heading")
		}
	}
	return wrong
}

// texts calls visit for every file of the repository that a person writes: with the whole of a page
// or script, and with each comment of a Go file, without its markers.
func texts(t *testing.T, visit func(file, text string)) {
	t.Helper()
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		file = filepath.ToSlash(file)
		if d.IsDir() {
			if name := d.Name(); name == "testdata" || name == "node_modules" || strings.HasPrefix(name, ".") && !slices.Contains([]string{".", ".ci", ".github"}, name) {
				return fs.SkipDir
			}
			return nil
		}
		if strings.HasSuffix(file, ".go") {
			tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			for _, comment := range tree.Comments {
				visit(file, comment.Text())
			}
			return nil
		}
		if strings.HasSuffix(file, ".md") || strings.HasPrefix(file, ".ci/") || strings.HasPrefix(file, ".github/") {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			visit(file, string(text))
		}
		return nil
	})
	require.NoError(t, err)
}

func repositoryPages(t *testing.T) pages {
	t.Helper()
	all := make(pages)
	texts(t, func(file, text string) {
		if strings.HasSuffix(file, ".md") {
			all[file] = anchors(text)
		}
	})
	require.Contains(t, all, "ARCHITECTURE.md")
	return all
}

func TestCitationsLeadSomewhere(t *testing.T) {
	all := repositoryPages(t)
	texts(t, func(file, text string) {
		if strings.HasSuffix(file, ".md") {
			text = fenced.ReplaceAllString(text, "")
			for _, wrong := range all.links(file, text) {
				assert.Fail(t, wrong, file)
			}
		}
		for _, wrong := range all.dangling(path.Dir(file), text) {
			assert.Fail(t, wrong, file)
		}
	})
}

func TestCitationChecker(t *testing.T) {
	all := pages{
		"docs/api.md": anchors("# API\n## SMS & mail\n### Two\n### Two\n```\n# no heading\n```\n"),
		"SECURITY.md": anchors("# Security\n| H1 | the wire |\n| H2 | the wire |\n"),
	}
	for text, want := range map[string]string{
		"see docs/api.md":                 "",
		"(docs/api.md#sms--mail).":        "",
		"docs/api.md#two-1":               "",
		"docs/api.md#two-2":               "docs/api.md#two-2: the page has no such heading",
		"docs/api.md#no-heading":          "docs/api.md#no-heading: the page has no such heading",
		"see other.md":                    "other.md: there is no such page",
		"https://example.com/other.md":    "",
		"SECURITY.md H1 to H2":            "",
		"SECURITY H3":                     "SECURITY.md H3: the page has no such heading",
		"a trap 3 without a page":         "trap 3: cites a trap without its page (docs/mcp-go.md#trap-N)",
		"neither a page nor a trap there": "",
	} {
		assert.Equal(t, want, strings.Join(all.dangling(".", text), "; "), text)
	}
	assert.Empty(t, all.dangling("docs", "see api.md#api"))
	assert.Equal(t, []string{"](#api): the page has no such heading"}, all.links("SECURITY.md", "[x](#api) [y](docs/api.md#api)"))
	assert.Equal(t, []string{"`internal/nowhere`: there is no such file", "`tools/nowhere`: there is no such file"},
		all.links("SECURITY.md", "`internal/nowhere` `docs/` `tools/list` `tools/nowhere` `tools/tool/`"))
	assert.Equal(t, []string{"](nowhere.txt): there is no such file"}, all.links("SECURITY.md", "[x](nowhere.txt)"))
}

// SECURITY.md is checked more closely, see TestTheTestsOfSecurityMDExist.
func TestTestsInPagesExist(t *testing.T) {
	tests := make(map[string]bool)
	declares := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(file, "_test.go") {
			return err
		}
		text, err := os.ReadFile(file)
		for _, m := range declares.FindAllSubmatch(text, -1) {
			tests[string(m[1])] = true
		}
		return err
	})
	require.NoError(t, err)
	named := regexp.MustCompile("`(Test[A-Z]\\w*)`")
	texts(t, func(file, text string) {
		if !strings.HasSuffix(file, ".md") || file == "CONTRIBUTING.md" { // whose tests are examples
			return
		}
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			assert.True(t, tests[m[1]], "%s: there is no %s", file, m[1])
		}
	})
}

func TestReadmeListsEveryToolAndCode(t *testing.T) {
	text, err := os.ReadFile("testdata/toolsets.json")
	require.NoError(t, err)
	var toolsets map[string][]string
	require.NoError(t, json.Unmarshal(text, &toolsets))
	var names []string
	for _, tools := range toolsets {
		names = append(names, tools...)
	}
	require.NotEmpty(t, names)
	var codes []string
	for _, code := range fault.Codes() {
		codes = append(codes, string(code))
	}
	for file, names := range map[string][]string{"README.md": append(names, codes...), "ARCHITECTURE.md": codes} {
		page, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, name := range names {
			assert.True(t, strings.Contains(string(page), "`"+name+"`"), "%s does not list %s", file, name)
		}
	}
}

// The list of arguments that hosts add is closed, and pages have all of it.
func TestPagesListInjectedArguments(t *testing.T) {
	names := func(file, list, name string) (all []string) {
		page, err := os.ReadFile(file)
		require.NoError(t, err)
		found := regexp.MustCompile("(?s)" + list).FindSubmatch(page)
		require.NotNil(t, found, file)
		for _, m := range regexp.MustCompile("(?m)"+name).FindAllStringSubmatch(string(found[1]), -1) {
			all = append(all, m[1])
		}
		return all
	}
	injected := names("schemas/injected.go", `var injected = [^{]*\{(.*?)\n\}`, `^\t"(\w+)":`)
	require.NotEmpty(t, injected)
	const quoted = "`(\\w+)`"
	assert.ElementsMatch(t, injected, names("README.md", ` add to calls \((.*?)\)`, quoted))
	assert.ElementsMatch(t, injected, names("docs/decisions.md", `to the calls of every tool: (.*?)\. They are dropped`, quoted))
}

// Packages that only tests import need no line of their own.
func TestArchitectureListsEveryPackage(t *testing.T) {
	page, err := os.ReadFile("ARCHITECTURE.md")
	require.NoError(t, err)
	for _, s := range sources(t) {
		if s.pkg != "" && !strings.HasPrefix(s.pkg, "internal/test/") && !strings.HasSuffix(s.pkg, "test") {
			assert.True(t, strings.Contains(string(page), "`"+s.pkg+"`"), "%s is missing in the table of ARCHITECTURE.md", s.pkg)
		}
	}
}

func TestArchitectureListsPackagesFromTheTopDown(t *testing.T) {
	page, err := os.ReadFile("ARCHITECTURE.md")
	require.NoError(t, err)
	last := -1
	for _, m := range regexp.MustCompile("(?m)^\\| `([\\w/]+)`(?:,| \\|)").FindAllStringSubmatch(string(page), -1) {
		if level := slices.Index(layers, m[1]); level >= 0 {
			assert.Greater(t, level, last, "%s stands too low in the table", m[1])
			last = level
		}
	}
	assert.NotEqual(t, -1, last)
}

var qualified = regexp.MustCompile("`([a-z]\\w*)\\.([A-Z]\\w*)(?:\\.([A-Z]\\w*))?`")

// The pages name types and functions of this module in inline code, such as `session.Resolver` and
// `inbox.Hub.Merge`.
func TestNamesInPagesExist(t *testing.T) {
	declared := make(map[string]map[string]bool)
	for _, s := range sources(t) {
		names := declared[s.tree.Name.Name]
		if names == nil {
			names = make(map[string]bool)
			declared[s.tree.Name.Name] = names
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			for _, name := range declaredBy(n) {
				names[name.Name] = true
			}
			return true
		})
	}
	delete(declared, "http") // shares its name with net/http
	texts(t, func(file, text string) {
		if !strings.HasSuffix(file, ".md") {
			return
		}
		for _, m := range qualified.FindAllStringSubmatch(text, -1) {
			if names, ok := declared[m[1]]; ok {
				assert.True(t, names[m[2]] && (m[3] == "" || names[m[3]]), "%s: there is no %s", file, m[0])
			}
		}
	})
}

func TestEveryPackageIsDocumented(t *testing.T) {
	documented := make(map[string]bool)
	for _, s := range sources(t) {
		documented[s.pkg] = documented[s.pkg] || s.tree.Doc != nil
	}
	for pkg, ok := range documented {
		assert.True(t, ok, "package %q has no package comment", pkg)
	}
}
