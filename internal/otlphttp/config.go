package otlphttp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

const (
	prefix         = "OTEL_EXPORTER_OTLP_"
	defaultTimeout = 10 * time.Second
	tracesPath     = "/v1/traces"
)

// Config is where spans go and how. FromEnv starts from the defaults of the specification; the zero
// value is not usable.
type Config struct {
	Endpoint *url.URL // complete, with the path for traces
	Headers  http.Header
	Gzip     bool
	Timeout  time.Duration // of one request
	TLS      *tls.Config   // nil for the defaults of net/http
}

// FromEnv reads the variables that the package documentation lists through env, which is os.Getenv
// outside of tests.
//
// A variable that is malformed counts as unset, or in part so for headers; another compression than
// gzip is none. Its name is in ignored, for a warning; its value is not, since it may be a
// credential. The error is for an endpoint that is not usable, since spans and headers must go
// nowhere else, and for variables that contradict each other; it has no value in it either.
func FromEnv(env func(string) string) (c Config, ignored []string, err error) {
	r := reader{env: env}
	c = Config{
		Endpoint: &url.URL{Scheme: "https", Host: "localhost:4318", Path: tracesPath},
		Timeout:  defaultTimeout,
	}
	if err := r.readEndpoint(&c); err != nil {
		return Config{}, nil, err
	}
	r.readTLS(&c)
	r.both("HEADERS", func(value string) (ok bool) {
		c.Headers, ok = parseHeaders(value)
		return ok
	})
	r.both("COMPRESSION", func(value string) bool {
		c.Gzip = value == "gzip"
		return c.Gzip || value == "none"
	})
	r.both("TIMEOUT", func(value string) bool {
		ms, err := strconv.Atoi(value)
		if err == nil {
			c.Timeout = time.Duration(ms) * time.Millisecond
		}
		return err == nil
	})
	if c.TLS != nil && c.Endpoint.Scheme == "http" {
		return Config{}, nil, errors.New("certificates are configured for an endpoint without TLS")
	}
	return c, r.ignored, nil
}

// reader reads variables and collects the names of those that are malformed.
type reader struct {
	env     func(string) string
	ignored []string
}

func (r *reader) value(name string) string { return strings.TrimSpace(r.env(prefix + name)) }

// one passes the value of a variable that is set to use, which reports whether it is well formed.
func (r *reader) one(name string, use func(value string) (ok bool)) {
	if value := r.value(name); value != "" && !use(value) {
		r.ignored = append(r.ignored, prefix+name)
	}
}

// both reads the variable for all signals and then the one for traces, which so overrides it.
func (r *reader) both(name string, use func(value string) (ok bool)) {
	r.one(name, use)
	r.one("TRACES_"+name, use)
}

func (r *reader) readEndpoint(c *Config) error {
	for _, variable := range []struct {
		name   string
		pathOf func(string) string
	}{
		{"ENDPOINT", func(base string) string { return path.Join("/", base, tracesPath) }},
		{"TRACES_ENDPOINT", func(whole string) string { return "/" + strings.TrimPrefix(whole, "/") }},
	} {
		if r.env(prefix+variable.name) == "" {
			continue
		}
		u, err := url.Parse(r.value(variable.name))
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
			return errors.New(prefix + variable.name + " is not an http or https URL")
		}
		c.Endpoint = &url.URL{Scheme: u.Scheme, Host: u.Host, Path: variable.pathOf(u.Path)}
	}
	r.both("INSECURE", func(value string) bool {
		c.Endpoint.Scheme = "https"
		if strings.EqualFold(value, "true") {
			c.Endpoint.Scheme = "http"
		}
		return true
	})
	return nil
}

func (r *reader) readTLS(c *Config) {
	config := tls.Config{MinVersion: tls.VersionTLS12}
	r.both("CERTIFICATE", func(file string) bool {
		pem, err := os.ReadFile(file)
		if err != nil {
			return false
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return false
		}
		config.RootCAs = pool
		return true
	})
	for _, signal := range []string{"", "TRACES_"} {
		key := r.value(signal + "CLIENT_KEY")
		r.one(signal+"CLIENT_CERTIFICATE", func(file string) bool {
			pair, err := tls.LoadX509KeyPair(file, key)
			if err == nil {
				config.Certificates = []tls.Certificate{pair}
			}
			return err == nil
		})
	}
	if config.RootCAs != nil || config.Certificates != nil {
		c.TLS = &config
	}
}

// parseHeaders reads name=value pairs with commas between them. It leaves malformed pairs out and
// then reports false.
func parseHeaders(list string) (http.Header, bool) {
	headers, ok := http.Header{}, true
	for pair := range strings.SplitSeq(list, ",") {
		name, escaped, found := strings.Cut(pair, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(escaped)
		if !found || err != nil || !httpguts.ValidHeaderFieldName(name) {
			ok = false
			continue
		}
		headers.Set(name, strings.TrimSpace(value))
	}
	return headers, ok
}
