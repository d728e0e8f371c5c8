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
		"without a scheme": {vars: map[string]string{"ENDPOINT": "collector.test:4318"}, endpoint: "https://localhost:4318/v1/traces", ignored: []string{"ENDPOINT"}},
		"no address":       {vars: map[string]string{"ENDPOINT": "http://a b"}, endpoint: "https://localhost:4318/v1/traces", ignored: []string{"ENDPOINT"}},
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
