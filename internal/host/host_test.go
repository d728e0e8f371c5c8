package host_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"ravi-mcp/internal/host"
)

func TestHostIsMappedBeforeItIsCompared(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"GitHub.com": "github.com", "github.com.": "github.com", "ｇｉｔｈｕｂ。com": "github.com", "git\u00adhub.com": "github.com",
		"gİthub.com": "xn--github-qyd.com", "bücher.example": "xn--bcher-kva.example", "faß.example": "xn--fa-hia.example",
		"_dmarc.a-.example": "_dmarc.a-.example", "r3---sn.example": "r3---sn.example", "localhost": "localhost",
		"192.0.2.1": "192.0.2.1", "[2001:DB8::1]": "[2001:db8::1]", "2001:db8::1": "[2001:db8::1]", "::ffff:192.0.2.1": "192.0.2.1",
		"": "", "a..example": "", "a b.example": "", "a/b": "", "a%41.example": "", "xn--a.example": "", "1.2.3": "", "0x7f.1": "", "a.0x10": "",
	} {
		got, ok := host.ASCII(in)
		assert.Equal(t, want, got, in)
		assert.Equal(t, want != "", ok, in)
	}
}

func TestHostOfURLIsWhereABrowserGoes(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"https://GitHub.com:443/x?y#z": "github.com", "https://github.com@evil.example/": "evil.example",
		`https://github.com\@evil.example/`: "github.com", "https://git\nhub.com/": "github.com", " https://github.com ": "github.com",
		"https://[::1]:8080/": "[::1]", "https:///x": "", "https://a b/": "", "github.com": "", "https://2130706433/": "",
	} {
		got, _ := host.OfURL(in)
		assert.Equal(t, want, got, in)
	}
}
