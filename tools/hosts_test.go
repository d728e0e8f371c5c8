package tools_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"

	"ravi-mcp/sandbox"
	"ravi-mcp/tools/tool"
)

// A host is mapped as a browser maps it and never lowered before: the name of another site gets no
// password of this one.
func TestHostIsReadAsABrowserReadsIt(t *testing.T) {
	for site, want := range map[string]string{
		"https://GitHub.com/login": "github.com", "ｇｉｔｈｕｂ.com": "github.com", "git\u00adhub.com": "github.com", "github。com": "github.com",
		"https://gİthub.com/login": "xn--github-qyd.com", "gıthub.com": "xn--gthub-n4a.com", "faß.example": "xn--fa-hia.example",
		"https://github.com\\@evil.example/": "github.com", "https://github.com@evil.example/": "evil.example",
		"//www.github.com": "github.com", "github.com:8443": "github.com", "::1": "[::1]", "127.0.0.1": "127.0.0.1", "localhost": "localhost",
	} {
		got, err := tool.RegistrableDomain("domain", site)
		assert.NoError(t, err, site)
		assert.Equal(t, want, got, site)
	}
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		a := h.connect(local())
		ok[created](t, a.call("create_identity", args{"name": "ada"}))
		ok[credential](t, a.call("save_credential", args{"domain": "github.com", "username": "ada"}))
		assert.Equal(t, "not_found", string(refused(t, a.call("get_credential", args{"domain": "https://gİthub.com/login"})).Code))
		assert.Equal(t, "not_found", string(refused(t, a.call("get_totp", args{"domain": "gİthub.com"})).Code))
	})
}
