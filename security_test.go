package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var quoted = regexp.MustCompile("`([A-Za-z0-9_/]+)`")

// released are the lines about what is released, which CI proves and no test of a package can.
var released = map[string]bool{"O3": true, "O4": true}

// Every line of the tables in SECURITY.md stands there once and names tests that exist, each after
// its package.
func TestTheTestsOfSecurityMDExist(t *testing.T) {
	text, err := os.ReadFile("SECURITY.md")
	require.NoError(t, err)
	seen := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		name := strings.TrimSpace(cells[0])
		if len(cells) != 3 || !regexp.MustCompile(`^[A-Z][0-9]+$`).MatchString(name) {
			continue
		}
		assert.False(t, seen[name], "%s stands there twice", name)
		seen[name] = true
		folder, tests := "", 0
		for _, m := range quoted.FindAllStringSubmatch(cells[2], -1) {
			if !strings.HasPrefix(m[1], "Test") {
				folder = m[1]
				continue
			}
			tests++
			function, script, _ := strings.Cut(m[1], "/")
			assert.True(t, hasTest(t, folder, function), "%s: there is no %s in %s", name, function, folder)
			if function == "TestScripts" {
				assert.FileExists(t, filepath.Join(folder, "testdata", "script", script+".txt"), name)
			}
		}
		assert.Positive(t, tests, "%s names no test", name)
	}
	for letter, last := range map[string]int{"T": 8, "H": 12, "S": 15, "C": 8, "U": 8, "O": 5} {
		for n := 1; n <= last; n++ {
			name := fmt.Sprint(letter, n)
			assert.True(t, seen[name] || released[name], "%s is missing", name)
		}
	}
}

// hasTest reports whether a package has a test function of this name.
func hasTest(t *testing.T, folder, function string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if strings.Contains(string(text), "\nfunc "+function+"(") {
			return true
		}
	}
	return false
}
