package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"ravi-mcp/internal/issuer"
	"ravi-mcp/ravi/config"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// access is who may call a remote endpoint, and under which URLs.
type access struct {
	callers *session.Callers // nil: no token is needed
	anyone  *session.Caller
	issuer  *issuer.Issuer // nil: no tokens but those of the callers file
	public  []*url.URL
}

// check refuses what contradicts itself or would let unknown clients in, and returns who may call.
func (f *httpFlags) check(log zerolog.Logger) (access, error) {
	var a access
	if err := f.options.check(); err != nil {
		return a, err
	}
	loopback, unspecified, err := kindOf(f.addr)
	if err != nil {
		return access{}, wrongUsage("--addr: want HOST:PORT with an IP address or localhost")
	}
	for _, text := range f.publicURLs {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
			return access{}, wrongUsage("--public-url: want a URL such as https://mcp.example.com")
		}
		a.public = append(a.public, u)
	}
	for _, text := range f.allowOrigins {
		u, err := url.Parse(text)
		// A page of a file is "null" or "file://", as is any other.
		if err != nil || u.Scheme == "" || u.Scheme == "file" || u.Host == "" || strings.Contains(u.Host, "*") || text != u.Scheme+"://"+u.Host {
			return access{}, wrongUsage("--allow-origin: want scheme and host only, as the client sends them: https://app.example.com, " +
				"or of an extension or desktop shell chrome-extension://ID, vscode-file://vscode-app, tauri://localhost; never null or file://")
		}
	}
	if (f.cert == "") != (f.key == "") {
		return access{}, wrongUsage("--tls-cert and --tls-key belong together")
	}
	if f.sessions < 1 || f.limits.CallsPerCaller < 1 || f.maxWaits < 1 || f.maxStreams < 1 || f.limits.Rate == 0 || f.idle <= 0 {
		return access{}, wrongUsage("a limit must be above zero")
	}
	if a.callers, a.anyone, err = f.loadCallers(); err != nil {
		return a, err
	}
	if err := f.checkAccounts(a.callers); err != nil {
		return a, err
	}
	if a.issuer, err = f.oidc.open(a.callers, f.callers, log); err != nil {
		return a, err
	}
	_, blank := os.LookupEnv("RAVI_MCP_TOKEN") // set, and no caller came of it
	remote := !loopback || f.behindProxy || reachable(a.public)
	switch {
	case remote && a.callers == nil:
		return access{}, wrongUsage("clients beyond this machine need a token: give --callers, RAVI_MCP_TOKEN or --token-file")
	case blank && a.callers == nil:
		return access{}, wrongUsage("%w: without a token everybody on this machine could call", config.CheckText("RAVI_MCP_TOKEN", ""))
	case !loopback && f.cert == "" && !f.behindProxy:
		return access{}, wrongUsage("an address beyond loopback needs TLS: give --tls-cert and --tls-key, or --behind-tls-proxy")
	case unspecified && len(a.public) == 0:
		return access{}, wrongUsage("listening on every address needs --public-url, which says what clients call the server")
	}
	return a, nil
}

// loadCallers returns the callers, or the one caller of a server that needs no token.
func (f *httpFlags) loadCallers() (*session.Callers, *session.Caller, error) {
	token, source, err := privateText("--token-file", f.tokenFile, "RAVI_MCP_TOKEN")
	if err == nil && token != "" {
		err = config.CheckText(source, token)
	}
	if err != nil {
		return nil, nil, err
	}
	if f.callers != "" {
		switch {
		case token != "":
			return nil, nil, usageError{errors.New("--callers and a single token (RAVI_MCP_TOKEN, --token-file) exclude each other")}
		case f.identity != "" || f.allow != "" || f.callerName != "":
			return nil, nil, usageError{errors.New("with --callers, name and identities are set per caller: name, default_identity and identities in the file")}
		case f.shared:
			return nil, nil, usageError{errors.New("with --callers, shared is set per caller: shared = true in the file")}
		}
		sets, err := f.sets()
		if err != nil {
			return nil, nil, err
		}
		callers, err := session.LoadCallers(f.callers, append(sets, tool.SetSignUp))
		return callers, nil, err
	}
	f.takeIdentity()
	unnamed := session.LocalCaller
	if token != "" {
		unnamed = session.RemoteCaller
	}
	caller, err := f.caller(unnamed)
	if err != nil || token == "" {
		return nil, caller, err
	}
	callers, err := session.SingleCaller(token, caller)
	return callers, nil, err
}

// privateText returns what is in the file that a flag names, or else in the variable, and which of
// the two it is from.
func privateText(flag, file, variable string) (text, source string, err error) {
	if file == "" {
		return strings.TrimSpace(os.Getenv(variable)), variable, nil
	}
	data, err := readPrivate(file)
	if err != nil {
		return "", flag, fmt.Errorf("%s: %w", flag, err)
	}
	if text = strings.TrimSpace(string(data)); text == "" {
		return "", flag, fmt.Errorf("%s: %s is empty", flag, file)
	}
	return text, flag, nil
}

// kindOf says where an address listens.
func kindOf(addr string) (loopback, unspecified bool, err error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false, false, err
	}
	switch host {
	case "localhost":
		return true, false, nil
	case "":
		return false, true, nil
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false, false, err
	}
	return ip.Unmap().IsLoopback(), ip.Unmap().IsUnspecified(), nil
}

// reachable reports whether a public URL is meant for others than this machine.
func reachable(public []*url.URL) bool {
	for _, u := range public {
		loopback, _, err := kindOf(net.JoinHostPort(u.Hostname(), "1"))
		if err != nil || !loopback {
			return true
		}
	}
	return false
}

// authenticator knows the callers, and refuses a token that is a credential at Ravi of this server,
// should an operator have made it a caller's (SECURITY.md H4).
type authenticator struct {
	callers     *session.Callers
	issuer      *issuer.Issuer // may be nil
	accounts    *session.Accounts
	credentials *knownCredentials
}

// Authenticate implements http.Authenticator.
func (a authenticator) Authenticate(ctx context.Context, token string) (caller *session.Caller, until time.Time, err error) {
	caller, until, err = a.callers.Authenticate(ctx, token)
	if caller == nil && err == nil {
		caller, until, err = a.subject(ctx, token)
	}
	if err != nil {
		return nil, until, err
	}
	if caller != nil && caller.RaviConfigDir != "" {
		_, _ = a.accounts.Of(caller, nil).Client() // so that its credential is known; calls say what is wrong with it
	}
	if caller != nil && a.credentials.hold(token) {
		return nil, until, nil
	}
	return caller, until, nil
}

// readPrivate reads a small file that only its owner may read.
func readPrivate(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Size() > 64<<10:
		return nil, fmt.Errorf("%s is no small file", path)
	case info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows": // which has no such modes
		return nil, fmt.Errorf("%s may be read by others; run: chmod 600 %s", path, path)
	}
	return os.ReadFile(path)
}
