package host_test

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/assert"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

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

// No code point beyond ASCII makes a host that it does not stand for: what becomes plain ASCII is
// what compatibility folding makes of it, by another implementation, and else it stays its own.
func TestNoCodePointBecomesAnothersHost(t *testing.T) {
	t.Parallel()
	fold := cases.Fold()
	for r := rune(0x80); r <= unicode.MaxRune; r++ {
		got, ok := host.ASCII("a" + string(r) + "b.example")
		if !ok || strings.Contains(got, "xn--") {
			continue
		}
		folded := norm.NFKC.String(fold.String(norm.NFKC.String(string(r))))
		if folded == "\u3002" {
			folded = "." // the full stops of East Asia part labels
		}
		if want := "a" + folded + "b.example"; got != want && got != "ab.example" {
			t.Errorf("%U: %q, want %q", r, got, want)
		}
		if got == "ab.example" && !unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
			t.Errorf("%U is left out", r)
		}
	}
}

// Reading a host again changes nothing, and what a person reads is read as the same host.
func FuzzASCII(f *testing.F) {
	for _, seed := range []string{"github.com", "gİthub.com", "bücher.example", "[::1]", "1.2.3.4", "xn--bcher-kva.example", "a\u200db.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		ascii, ok := host.ASCII(name)
		if !ok {
			return
		}
		again, ok := host.ASCII(ascii)
		if !ok || again != ascii {
			t.Fatalf("%q is %q, and that %q", name, ascii, again)
		}
		if shown, ok := host.ASCII(host.Unicode(ascii)); !ok || shown != ascii {
			t.Fatalf("%q is shown as %q, and that is %q", ascii, host.Unicode(ascii), shown)
		}
	})
}

func FuzzMailbox(f *testing.F) {
	f.Add("GitHub <a@github.com>")
	f.Add(`"x, y@z" <a@github.com>`)
	f.Fuzz(func(t *testing.T, header string) {
		local, ascii, ok := host.Mailbox(header)
		if !ok {
			return
		}
		again, at, ok := host.Mailbox(local + "@" + ascii)
		if !ok || again != local || at != ascii || !strings.Contains(header, local+"@") {
			t.Fatalf("%q is %q at %q", header, local, ascii)
		}
	})
}

func TestPortOfURL(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]uint16{
		"http://localhost:3000/x": 3000, `http:\\[::1]:8080\x`: 8080, "https://127.0.0.1:0443": 0, "http://h:80": 0, "http://h": 0, "http://h:": 0,
	} {
		port, ok := host.PortOfURL(raw)
		assert.True(t, ok, raw)
		assert.Equal(t, want, port, raw)
	}
	for _, raw := range []string{"http://h:70000", "http://h:x", "http://[::1"} {
		_, ok := host.PortOfURL(raw)
		assert.False(t, ok, raw)
	}
}

func TestHasDomain(t *testing.T) {
	t.Parallel()
	for ascii, want := range map[string]bool{
		"example.com": true, "a.example.co.uk": true, "localhost": false, "app.localhost": false, "192.168.0.1": false, "[::1]": false, "nas": false, "co.uk": false,
	} {
		assert.Equal(t, want, host.HasDomain(ascii), ascii)
	}
}
