package host_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"ravi-mcp/internal/host"
)

func TestMailboxIsExactlyOne(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"a@github.com": "a@github.com", "GitHub <A@GitHub.com>": "A@github.com", `"x@evil.example, <b>" <a@github.com>`: "a@github.com",
		`"say \"x@y\"" <a@github.com>`: "a@github.com", "<a@github.com>": "a@github.com", " Acme, Inc. [bot] <a@github.com> ": "a@github.com",
		"a@gİthub.com": "a@xn--github-qyd.com", "ü@bücher.example": "ü@xn--bcher-kva.example",
		"": "", "a": "", "@github.com": "", "a@": "", "a@b@github.com": "", "a@evil.example, b@github.com": "",
		"a@evil.example <b@github.com>": "", "<a@evil.example> <b@github.com>": "", "<@evil.example:a@github.com>": "",
		"All: a@github.com;": "", "a@github.com (b@evil.example)": "", `"a b"@github.com`: "", "a b@github.com": "", `"x <a@github.com>`: "",
		"a@github.com\nFrom: b@evil.example": "", "<a@github.com> b": "", "a@[192.0.2.1]": "", "a@192.0.2.1": "", ".a@github.com": "",
	} {
		local, ascii, ok := host.Mailbox(in)
		got := ""
		if ok {
			got = local + "@" + ascii
		}
		assert.Equal(t, want, got, in)
	}
}
