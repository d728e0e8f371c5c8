package sandbox

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The vector of docs/ravi-api.md#end-to-end-encryption.
func TestDeriveKeys(t *testing.T) {
	t.Parallel()
	private, public, err := deriveKeys("123456", make([]byte, 16))
	require.NoError(t, err)
	assert.Equal(t, "00da3381d6ef16371f4560f36516180ca9ec7b9057acc252578dc67f90f3f34a", hex.EncodeToString(private[:]))
	assert.Equal(t, "af57de06587002d4b87b7e94dc024b1502a3158cd6b1721390aa47d647df707a", hex.EncodeToString(public[:]))
	for _, pin := range []string{"", "12345", "1234567", "12345a"} {
		_, _, err := deriveKeys(pin, make([]byte, 16))
		assert.Error(t, err, pin)
	}
}

func TestCleanDomain(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"example.com": "example.com", "https://mail.google.com/inbox?x=1": "google.com", "WWW.Example.CO.UK": "example.co.uk",
		"user:pw@sub.example.com:8443/x": "example.com", "localhost:3000": "localhost", "http://127.0.0.1:80/": "127.0.0.1",
		"[::1]:80": "::1", "a.github.io": "a.github.io", "b.a.github.io": "a.github.io", "example.com.": "example.com",
		"": "", "  ": "", "https://": "", "a b": "", "x<y": "", "%zz": "",
	} {
		assert.Equal(t, want, cleanDomain(in), "%q", in)
	}
}

func TestGeneratePassword(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 200 {
		p := generatePassword(16, upperCase, lowerCase, digits, special)
		require.Len(t, p, 16)
		for _, class := range []string{upperCase, lowerCase, digits, special} {
			require.True(t, containsAny(p, class), "%s lacks one of %s", p, class)
		}
		require.False(t, seen[p])
		seen[p] = true
	}
}

func containsAny(s, chars string) bool {
	for _, c := range s {
		for _, d := range chars {
			if c == d {
				return true
			}
		}
	}
	return false
}

func TestHTMLText(t *testing.T) {
	t.Parallel()
	for src, want := range map[string]string{
		`<p>Your <b>code</b> is 123456</p><p><a href="https://x.example/c?a=1&amp;b=2">Confirm</a></p>`: "Your code is 123456\n\nConfirm ( https://x.example/c?a=1&b=2 )",
		`<div>1</div>2<br/>3<h1>4</h1>5`: "1\n2\n3\n4\n5",
		`<title>x</title><style>p{}</style><a href="https://x.example">https://x.example</a>`: "https://x.example",
		`<a href="#top">Top</a> <a name="x">&lt;b&gt;</a>`:                                    "Top <b>",
		`<b>12</b><b>34</b>`: "1234",
	} {
		assert.Equal(t, want, htmlText(src), src)
	}
}
