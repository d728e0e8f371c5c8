package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// avoided are words that this code does not use, each with what to write instead. They are looked
// for in comments, and as words of names. What clients see is not affected: strings are not looked
// at.
var avoided = map[string]string{
	"nobody": "no caller, no client, nothing", "somebody": "a caller, a client, another user", "anybody": "any caller, any user",
	"everybody": "every caller, all clients", "whoever": "the caller that, anyone who",
	"stranger": "third party, unknown sender, unknown caller", "strangers": "third parties, unknown senders",
	"flight": "inflight request", "gatekeeper": "guard", "heed": "supports", "heeds": "supports",
	"of ours": "of this server, of this package, own", "no good": "invalid", "one's own": "own",
}

// longestTestName is the length of the longest name of a test, after "Test".
const longestTestName = 45

// avoidedNames are words that only names may not have: they mean something in a sentence.
var avoidedNames = map[string]string{
	"park": "yield", "parks": "yields", "parked": "yielded",
	"wish": "requested", "news": "pending", "told": "reported",
}

// avoidedWord finds an avoided word, but not in "requests in flight".
var avoidedWord = regexp.MustCompile(`\b(?:in[ -]flight|` + strings.Join(slices.Sorted(maps.Keys(avoided)), "|") + `)\b`)

// avoidedIn returns the avoided words in a comment, each with its replacement.
func avoidedIn(comment string) []string {
	var found []string
	for _, word := range avoidedWord.FindAllString(strings.Join(strings.Fields(strings.ToLower(comment)), " "), -1) {
		if instead, ok := avoided[word]; ok {
			found = append(found, word+": write "+instead)
		}
	}
	return found
}

// avoidedInName returns the avoided words that a name is made of.
func avoidedInName(name string) []string {
	var found []string
	words := wordsOf(name)
	for i, word := range words {
		instead, ok := avoided[word]
		if !ok {
			instead, ok = avoidedNames[word]
		}
		if ok && !(word == "flight" && i > 0 && words[i-1] == "in") {
			found = append(found, name+": write "+instead)
		}
	}
	return found
}

// wordsOf splits a name such as serveHTTPRequest into serve, http, request.
func wordsOf(name string) []string {
	var words []string
	runes, start := []rune(name), 0
	for i := 1; i <= len(runes); i++ {
		if i < len(runes) && runes[i] != '_' && !(unicode.IsUpper(runes[i]) && (!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]))) {
			continue
		}
		words = append(words, strings.ToLower(strings.Trim(string(runes[start:i]), "_")))
		start = i
	}
	return words
}

// declaredBy returns the names that a node declares.
func declaredBy(n ast.Node) []*ast.Ident {
	switch n := n.(type) {
	case *ast.FuncDecl:
		return []*ast.Ident{n.Name}
	case *ast.TypeSpec:
		return []*ast.Ident{n.Name}
	case *ast.ValueSpec:
		return n.Names
	case *ast.Field:
		return n.Names
	case *ast.AssignStmt:
		var names []*ast.Ident
		for _, left := range n.Lhs {
			if name, ok := left.(*ast.Ident); ok && n.Tok == token.DEFINE {
				names = append(names, name)
			}
		}
		return names
	}
	return nil
}

func TestAvoidedWords(t *testing.T) {
	files := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		tree, err := parser.ParseFile(files, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, comment := range tree.Comments {
			for _, found := range avoidedIn(comment.Text()) {
				assert.Fail(t, found, files.Position(comment.Pos()))
			}
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			for _, name := range declaredBy(n) {
				if test, ok := strings.CutPrefix(name.Name, "Test"); ok {
					assert.LessOrEqual(t, len(test), longestTestName, "%s: the name of a test says what holds, in few words", files.Position(name.Pos()))
				}
				for _, found := range avoidedInName(name.Name) {
					assert.Fail(t, found, files.Position(name.Pos()))
				}
			}
			return true
		})
		return nil
	})
	require.NoError(t, err)
}

func TestAvoidedWordChecker(t *testing.T) {
	for comment, found := range map[string]bool{
		"what Somebody\nelse did": true, "an unheeded rule": false, "a gatekeeper.": true, "requests in flight": false, "a flight of requests": true,
		"a server of\nours": true, "of course": false, "singleflight": false,
	} {
		assert.Equal(t, found, len(avoidedIn(comment)) > 0, comment)
	}
	for name, found := range map[string]bool{
		"flightKey": true, "errNameInFlight": false, "singleflight": false, "TestNobodyElse": true, "aGatekeeper": true, "parkCall": true,
		"sparkline": false, "HTTPNews": true,
	} {
		assert.Equal(t, found, len(avoidedInName(name)) > 0, name)
	}
	assert.Equal(t, []string{"serve", "http", "request", "2"}, wordsOf("serveHTTPRequest_2"))
}
