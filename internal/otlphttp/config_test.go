package otlphttp

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestVariablesOfTracesWin(t *testing.T) {
	const base = "https://collector.test"
	for name, c := range map[string]struct {
		vars     map[string]string
		endpoint string
		timeout  time.Duration
		gzip     bool
		headers  http.Header
		ignored  []string
	}{
		"none":             {endpoint: "https://localhost:4318/v1/traces"},
		"endpoint":         {vars: map[string]string{"ENDPOINT": " http://collector.test "}, endpoint: "http://collector.test/v1/traces"},
		"of traces":        {vars: map[string]string{"ENDPOINT": "http://other.test", "TRACES_ENDPOINT": base}, endpoint: base + "/"},
		"used as it is":    {vars: map[string]string{"TRACES_ENDPOINT": base + "/in/"}, endpoint: base + "/in/"},
		"no user":          {vars: map[string]string{"ENDPOINT": "https://me:secret@collector.test?q=1"}, endpoint: base + "/v1/traces"},
		"insecure":         {vars: map[string]string{"ENDPOINT": base, "INSECURE": "TRUE"}, endpoint: "http://collector.test/v1/traces"},
		"secure after all": {vars: map[string]string{"ENDPOINT": "http://collector.test", "INSECURE": "true", "TRACES_INSECURE": "false"}, endpoint: base + "/v1/traces"},
		"timeout":          {vars: map[string]string{"ENDPOINT": base, "TIMEOUT": "5", "TRACES_TIMEOUT": "7"}, endpoint: base + "/v1/traces", timeout: 7 * time.Millisecond},
		"timeout in words": {vars: map[string]string{"ENDPOINT": base, "TIMEOUT": "5s"}, endpoint: base + "/v1/traces", ignored: []string{"TIMEOUT"}},
		"compression":      {vars: map[string]string{"ENDPOINT": base, "COMPRESSION": "none", "TRACES_COMPRESSION": "gzip"}, endpoint: base + "/v1/traces", gzip: true},
		"other compression": {
			vars: map[string]string{"ENDPOINT": base, "COMPRESSION": "zstd"}, endpoint: base + "/v1/traces", ignored: []string{"COMPRESSION"},
		},
		"no compression of traces": {
			vars: map[string]string{"ENDPOINT": base, "COMPRESSION": "gzip", "TRACES_COMPRESSION": "none"}, endpoint: base + "/v1/traces",
		},
		"other compression of traces": {
			vars:     map[string]string{"ENDPOINT": base, "COMPRESSION": "gzip", "TRACES_COMPRESSION": "zstd"},
			endpoint: base + "/v1/traces", ignored: []string{"TRACES_COMPRESSION"},
		},
		"headers": {
			vars:     map[string]string{"ENDPOINT": base, "HEADERS": "a=1", "TRACES_HEADERS": "authorization = Basic%20abc= , b=2"},
			endpoint: base + "/v1/traces", headers: http.Header{"Authorization": {"Basic abc="}, "B": {"2"}},
		},
		"headers in part": {
			vars:     map[string]string{"ENDPOINT": base, "HEADERS": "secret,a b=1,c=%zz,d=4"},
			endpoint: base + "/v1/traces", headers: http.Header{"D": {"4"}}, ignored: []string{"HEADERS"},
		},
		"no such files": {
			vars:     map[string]string{"ENDPOINT": base, "CERTIFICATE": "/no/such", "TRACES_CLIENT_CERTIFICATE": "/no/such", "TRACES_CLIENT_KEY": "/no/such"},
			endpoint: base + "/v1/traces", ignored: []string{"CERTIFICATE", "TRACES_CLIENT_CERTIFICATE"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			config, ignored, err := FromEnv(func(name string) string { return c.vars[name[len(prefix):]] })
			require.NoError(t, err)
			assert.Equal(t, c.endpoint, config.Endpoint.String())
			if c.timeout == 0 {
				c.timeout = defaultTimeout
			}
			assert.Equal(t, c.timeout, config.Timeout)
			assert.Equal(t, c.gzip, config.Gzip)
			assert.Equal(t, c.headers, config.Headers)
			for i := range c.ignored {
				c.ignored[i] = prefix + c.ignored[i]
			}
			assert.Equal(t, c.ignored, ignored)
			assert.Nil(t, config.TLS)
		})
	}
}

// Spans and the headers for their collector go where the operator says, or nowhere.
func TestUnusableEndpointsAreErrors(t *testing.T) {
	for name, value := range map[string]string{
		"without a scheme": "canary.test:4318",
		"an IP address":    "10.0.0.1:4318",
		"a host":           "canary.test",
		"no address":       "http://canary b",
		"no host":          "http:///canary",
		"a port":           "http://:4318/canary",
		"no scheme":        "//canary.test:4318",
		"other scheme":     "grpc://canary.test:4317",
		"spaces":           "  ",
	} {
		for _, variable := range []string{"ENDPOINT", "TRACES_ENDPOINT"} {
			vars := map[string]string{"ENDPOINT": "http://collector.test", "HEADERS": "authorization=canary"}
			vars[variable] = value
			config, ignored, err := FromEnv(func(name string) string { return vars[name[len(prefix):]] })
			if assert.ErrorContains(t, err, prefix+variable+" ", name) {
				assert.NotContains(t, err.Error(), "canary", name)
			}
			assert.Equal(t, Config{}, config, name)
			assert.Empty(t, ignored, name)
		}
	}
}
