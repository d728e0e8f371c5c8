package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// layers lists the packages from the top down, as ARCHITECTURE.md lists them. A package may import
// only what stands below it.
var layers = []string{
	"", "internal/test/bench", "internal/test/bench/bare", "internal/test/soak", "internal/test/conformance", "internal/test/harness",
	"internal/cli",
	"internal/server/http",
	"internal/server/stdio",
	"internal/server",
	"internal/test/jsonrpctest",
	"internal/server/jsonrpc",
	"tools",
	"tools/account", "tools/identity", "tools/mail", "tools/messages", "tools/vault", "tools/otpauth", "tools/tool",
	"schemas", "internal/test/redistest", "session/redisstore", "session/lease",
	"session", "internal/inbox", "internal/suspicion", "internal/otp/fit", "internal/otp/corpus", "internal/otp", "internal/host", "internal/fault", "ravi",
	"ravi/seal", "ravi/config", "ravi/secret", "internal/token", "internal/otlphttp", "internal/issuer", "internal/test/issuertest", "sandbox/sandboxtest", "sandbox", "internal/test/ports", "internal/test/site",
}

// allowedImports are the only packages of this module that a package may import, where being above
// is not enough.
var allowedImports = map[string][]string{
	"ravi":                     {"ravi/seal", "ravi/config", "ravi/secret"},
	"ravi/seal":                {"ravi/secret"},
	"ravi/config":              {"ravi/secret"},
	"internal/otp/corpus":      {"internal/otp"},
	"internal/otp/fit":         {"internal/otp", "internal/otp/corpus"},
	"internal/host":            {},
	"internal/otp":             {"internal/host"},
	"internal/suspicion":       {"internal/host", "internal/otp"},
	"internal/server/jsonrpc":  {},
	"internal/server/stdio":    {"internal/server", "internal/server/jsonrpc", "session"},
	"internal/server/http":     {"internal/server", "internal/server/jsonrpc", "internal/server/stdio", "session", "internal/fault"},
	"schemas":                  {"ravi/secret"},
	"ravi/secret":              {},
	"internal/token":           {},
	"internal/issuer":          {},
	"internal/otlphttp":        {},
	"sandbox":                  {},
	"internal/test/bench":      {},
	"internal/test/bench/bare": {},
	"internal/test/soak":       {"internal/test/harness", "sandbox", "ravi", "ravi/config", "ravi/secret"},
	"tools/account":            family(),
	"tools/identity":           family("internal/inbox", "internal/token", "session/lease"),
	"tools/mail":               family("internal/otp", "ravi/config", "tools/otpauth"),
	"tools/messages":           family("internal/inbox", "internal/otp", "internal/suspicion"),
	"tools/vault":              family("tools/otpauth"),
	"tools/otpauth":            {"internal/fault", "ravi", "ravi/secret", "tools/tool"},
	"":                         {"internal/cli"},
}

// family is what a family of tools may import; never another family.
func family(more ...string) []string {
	return append(more, "tools/tool", "session", "internal/fault", "internal/host", "ravi", "ravi/seal", "ravi/secret")
}

// restrictedImports are packages of third parties, and of the standard library, that only these
// packages or files may import, tests aside.
var restrictedImports = map[string][]string{
	"github.com/mark3labs/mcp-go": {"internal/server", "internal/server/stdio", "internal/server/http", "internal/cli/demo_agent.go", "internal/test/bench/bare"},
	"net/http":                    {"ravi", "internal/server", "internal/server/http", "internal/cli", "internal/issuer", "internal/test/issuertest", "internal/otlphttp", "sandbox", "sandbox/sandboxtest", "internal/test/harness", "internal/test/soak", "internal/test/bench", "internal/test/bench/bare"},
	"github.com/coreos/go-oidc":   {"internal/issuer"},
	"github.com/go-jose/go-jose":  {"internal/issuer", "internal/test/issuertest"},
	"os/exec":                     {"internal/cli/demo_agent.go", "internal/cli/install.go", "internal/test/conformance", "internal/test/harness", "internal/test/redistest", "internal/test/bench"},
	"math/rand":                   {"internal/test/soak"}, // whose actions have to be the same again
	"math/rand/v2":                {"internal/test/soak"},

	"github.com/redis/go-redis/v9": {"session/redisstore", "internal/test/redistest"},
}

const module = "ravi-mcp"

type source struct {
	path    string
	pkg     string // folder, "" for the root
	imports []string
	tree    *ast.File
}

// sources parses every Go file of the module that is not a test.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		tree, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		s := source{path: filepath.ToSlash(path), tree: tree}
		if dir := filepath.ToSlash(filepath.Dir(path)); dir != "." {
			s.pkg = dir
		}
		for _, spec := range tree.Imports {
			s.imports = append(s.imports, strings.Trim(spec.Path.Value, `"`))
		}
		all = append(all, s)
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

func TestImportsFollowTheLayers(t *testing.T) {
	for _, s := range sources(t) {
		level := slices.Index(layers, s.pkg)
		if !assert.NotEqual(t, -1, level, "%s: package %q is not listed in layers", s.path, s.pkg) {
			continue
		}
		for _, imported := range s.imports {
			ours, ok := strings.CutPrefix(imported, module+"/")
			if !ok {
				checkRestricted(t, s, imported)
				continue
			}
			assert.Greater(t, slices.Index(layers, ours), level, "%s imports %s, which does not stand below it", s.path, ours)
			if allowed, listed := allowedImports[s.pkg]; listed {
				assert.Contains(t, allowed, ours, "%s may not import %s", s.path, ours)
			}
			if ours == "sandbox" {
				assert.Contains(t, []string{"internal/cli", "sandbox/sandboxtest", "internal/test/soak"}, s.pkg, "%s: only cli and tests use the sandbox", s.path)
			}
			if !strings.HasPrefix(s.pkg, "internal/test/") {
				assert.False(t, forTests(ours), "%s imports %s, which only tests use", s.path, ours)
			}
		}
	}
}

// forTests reports whether only tests may import a package.
func forTests(pkg string) bool {
	return pkg == "sandbox/sandboxtest" || strings.HasPrefix(pkg, "internal/test/")
}

func checkRestricted(t *testing.T, s source, imported string) {
	for pkg, importers := range restrictedImports {
		if imported == pkg || strings.HasPrefix(imported, pkg+"/") {
			assert.True(t, slices.Contains(importers, s.pkg) || slices.Contains(importers, s.path), "%s may not import %s", s.path, imported)
		}
	}
}

// revealers are the files that may read the value of a Secret: where it goes onto the wire to Ravi,
// into a file of the owner, or into the one result that was asked for it.
var revealers = map[string]bool{
	"ravi/auth.go":                      true, // the device code of a login
	"ravi/config/save.go":               true, // a rotated token goes back to auth.json
	"ravi/config/values.go":             true, // whether a field was left unfinished; errors name the shape only
	"ravi/credentials.go":               true, // the Authorization header
	"ravi/e2e.go":                       true, // fields of requests
	"ravi/seal/seal.go":                 true, // what is to be sealed, and the keys
	"tools/vault/export.go":             true, // lines of a dotenv file
	"tools/vault/export_file.go":        true, // the dotenv file
	"tools/vault/credentials_save.go":   true, // save_credential with show
	"tools/vault/credentials_get.go":    true, // get_credential
	"tools/vault/credentials_change.go": true, // update_credential with show
	"tools/vault/password_tool.go":      true, // generate_password
	"tools/vault/record.go":             true, // a password that is replaced, into the record of its login
	"tools/tool/record.go":              true, // former passwords, for get_credential and the check of what leaves
	"tools/vault/secrets.go":            true, // get_secret
	"tools/vault/totp.go":               true, // the notes that say whose a seed is
	"tools/otpauth/otpauth.go":          true, // a stored seed, to compute its code
	"tools/vault/totp_backup.go":        true, // use_backup_code
	"tools/mail/scan.go":                true, // what must not leave in a message
	"tools/account/sso.go":              true, // get_sso_token
	"tools/messages/wait_otp.go":        true, // codes and links that were waited for
	"tools/messages/wait_message.go":    true, // the text that was waited for

	"session/redisstore/connect.go": true, // the URL of the session store, with its password
}

// policyFiles have a field of the same name, of a policy.
var policyFiles = map[string]bool{"session/policy.go": true, "session/callers_file.go": true, "internal/cli/options.go": true}

func TestSecretsAreRevealedOnlyInListedFiles(t *testing.T) {
	for _, s := range sources(t) {
		ast.Inspect(s.tree, func(n ast.Node) bool {
			selector, ok := n.(*ast.SelectorExpr)
			if ok && selector.Sel.Name == "Reveal" && !revealers[s.path] && !policyFiles[s.path] {
				assert.Fail(t, "Reveal is called in a file that is not listed", s.path)
			}
			return true
		})
	}
}

// dialers are the files that may open connections to somewhere else, each to what an operator has
// configured and to nothing besides (SECURITY.md O5, S14).
var dialers = map[string]bool{
	"ravi/client.go":                true, // Ravi
	"internal/issuer/read.go":       true, // the OpenID Connect issuer
	"session/redisstore/connect.go": true, // the Redis of several replicas
	"internal/otlphttp/client.go":   true, // the collector that OTEL_EXPORTER_OTLP_ENDPOINT names
}

// dialing is what opens a connection, or looks up where to.
var dialing = map[string]string{
	"net":   "Dial DialTimeout DialTCP DialUDP DialUnix DialIP Dialer Resolver DefaultResolver LookupHost LookupIP LookupAddr LookupTXT LookupMX LookupNS LookupCNAME LookupSRV",
	"tls":   "Dial DialWithDialer Dialer Client",
	"http":  "Get Post PostForm Head DefaultClient DefaultTransport",
	"smtp":  "Dial DialTLS DialStartTLS SendMail",
	"redis": "NewClient NewClusterClient NewUniversalClient",
	"oidc":  "NewProvider",
}

func TestOnlyListedFilesOpenConnections(t *testing.T) {
	found := map[string]bool{}
	for _, s := range sources(t) {
		if forTests(s.pkg) {
			continue // they are no part of the program
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			of, name := "", ""
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if pkg, ok := n.X.(*ast.Ident); ok {
					of, name = pkg.Name, n.Sel.Name
				}
			case *ast.CompositeLit: // an own client or transport
				if literal, ok := n.Type.(*ast.SelectorExpr); ok && (literal.Sel.Name == "Client" || literal.Sel.Name == "Transport") {
					of, name = "http", "DefaultClient"
				}
			}
			if slices.Contains(strings.Fields(dialing[of]), name) {
				found[s.path] = true
				assert.True(t, dialers[s.path], "%s uses %s.%s and is not on the list", s.path, of, name)
			}
			return true
		})
	}
	for path := range dialers {
		assert.True(t, found[path], "%s opens no connection any more", path)
	}
}

// A handler that took the server's own account would act for a caller who has another account.
func TestToolsWorkWithTheAccountOfTheirCall(t *testing.T) {
	for _, s := range sources(t) {
		if s.pkg != "tools" && !strings.HasPrefix(s.pkg, "tools/") || s.path == "tools/tool/deps.go" {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			if selector, ok := n.(*ast.SelectorExpr); ok && selector.Sel.Name == "Account" {
				if of, ok := selector.X.(*ast.Ident); !ok || of.Name != "session" { // the type
					assert.Fail(t, "use AccountOf(call)", s.path)
				}
			}
			return true
		})
	}
}

func TestNoFileIsLongerThanFiveHundredLines(t *testing.T) {
	for _, s := range sources(t) {
		data, err := os.ReadFile(s.path)
		require.NoError(t, err)
		assert.LessOrEqual(t, strings.Count(string(data), "\n"), 500, s.path)
	}
}

// commentWidth is how many columns a line may have that is nothing but a comment, a tab counting as
// four.
const commentWidth = 100

func TestCommentsFitTheWidth(t *testing.T) {
	plain := regexp.MustCompile(`^// [^ \t]`) // indented text is preformatted
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "node_modules" {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		n := 0
		for line := range strings.Lines(string(text)) {
			n++
			comment := strings.TrimLeft(strings.TrimRight(line, "\n"), "\t")
			columns := utf8.RuneCountInString(comment) + 4*strings.Count(line[:strings.Index(line, comment)], "\t")
			if plain.MatchString(comment) && strings.Contains(comment[3:], " ") && columns > commentWidth {
				assert.Fail(t, "wrap the comment", "%s:%d has %d columns", path, n, columns)
			}
		}
		return err
	})
	require.NoError(t, err)
}
