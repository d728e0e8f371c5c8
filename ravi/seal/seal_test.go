package seal_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ravi-mcp/ravi/seal"
	"ravi-mcp/ravi/secret"
)

// The vector of docs/ravi-api.md#end-to-end-encryption: PIN 123456 and sixteen zero bytes.
const (
	vectorPrivate = "00da3381d6ef16371f4560f36516180ca9ec7b9057acc252578dc67f90f3f34a"
	vectorPublic  = "af57de06587002d4b87b7e94dc024b1502a3158cd6b1721390aa47d647df707a"
)

func fromHex(t testing.TB, s string) secret.Secret {
	t.Helper()
	raw, err := hex.DecodeString(s)
	require.NoError(t, err)
	return secret.New(base64.StdEncoding.EncodeToString(raw))
}

func vectorKeys(t testing.TB) seal.Keys {
	t.Helper()
	k, err := seal.ParseKeys(fromHex(t, vectorPrivate), fromHex(t, vectorPublic))
	require.NoError(t, err)
	return k
}

func TestDerivationVector(t *testing.T) {
	t.Parallel()
	k, err := seal.DeriveKeys([]byte("123456"), make([]byte, 16))
	require.NoError(t, err)
	assert.True(t, k.Private().Equal(fromHex(t, vectorPrivate)), "private key of the vector")
	assert.True(t, k.Public().Equal(fromHex(t, vectorPublic)), "public key of the vector")
}

func TestPINIsSixDigits(t *testing.T) {
	t.Parallel()
	for _, pin := range []string{"", "12345", "1234567", "12345a", "12 456", "１２"} {
		_, err := seal.DeriveKeys([]byte(pin), make([]byte, 16))
		assert.ErrorIs(t, err, seal.ErrPIN, "%q", pin)
	}
}

func TestSealRoundTrip(t *testing.T) {
	t.Parallel()
	k := vectorKeys(t)
	other, err := seal.DeriveKeys([]byte("654321"), make([]byte, 16))
	require.NoError(t, err)
	rapid.Check(t, func(t *rapid.T) {
		plain := rapid.String().Draw(t, "plain")
		sealed, err := k.Seal(secret.New(plain))
		require.NoError(t, err)
		if plain == "" {
			assert.Empty(t, sealed, "the empty value stays empty")
			return
		}
		assert.True(t, seal.Is(sealed))
		opened, err := k.Open(sealed)
		require.NoError(t, err)
		assert.Equal(t, plain, opened.Reveal())
		_, err = other.Open(sealed)
		assert.ErrorIs(t, err, seal.ErrOpen)
	})
}

func TestPlainValuesPassThrough(t *testing.T) {
	t.Parallel()
	for _, k := range []seal.Keys{{}, vectorKeys(t)} {
		for _, v := range []string{"", "plain", "E2E::x", "xe2e::"} {
			opened, err := k.Open(v)
			require.NoError(t, err)
			assert.Equal(t, v, opened.Reveal())
		}
	}
}

func TestDamagedValuesAreNotRepeated(t *testing.T) {
	t.Parallel()
	k := vectorKeys(t)
	sealed, err := k.Seal(secret.New("hunter2"))
	require.NoError(t, err)
	for v, want := range map[string]error{
		"e2e::":                  seal.ErrNotSealed,
		"e2e::%%canary%%":        seal.ErrNotSealed,
		"e2e::Y2FuYXJ5":          seal.ErrNotSealed,
		sealed[:len(sealed)-4]:   seal.ErrOpen,
		swapLast(sealed):         seal.ErrOpen,
		sealed + "canary":        seal.ErrNotSealed,
		"e2e::" + sealed:         seal.ErrNotSealed,
		"e2e::\x00" + sealed[5:]: seal.ErrNotSealed,
	} {
		_, err := k.Open(v)
		require.ErrorIs(t, err, want, "%.12q", v)
		assert.NotContains(t, err.Error(), "canary")
	}
	_, err = seal.Keys{}.Open(sealed)
	assert.ErrorIs(t, err, seal.ErrNoKey)
	_, err = seal.Keys{}.Seal(secret.New("x"))
	assert.ErrorIs(t, err, seal.ErrNoKey)
}

func swapLast(s string) string {
	i := len(s) - 6
	c := byte('A')
	if s[i] == c {
		c = 'B'
	}
	return s[:i] + string(c) + s[i+1:]
}

func TestVerifierChecksPIN(t *testing.T) {
	t.Parallel()
	k := vectorKeys(t)
	verifier, err := k.Verifier()
	require.NoError(t, err)
	raw, err := base64.StdEncoding.DecodeString(verifier)
	require.NoError(t, err)
	assert.Len(t, raw, 63)

	public := fromHex(t, vectorPublic).Reveal()
	require.NoError(t, k.Check(verifier, public))

	other, err := seal.DeriveKeys([]byte("123457"), make([]byte, 16))
	require.NoError(t, err)
	require.ErrorIs(t, other.Check(verifier, public), seal.ErrWrongPIN)
	foreign, err := other.Verifier()
	require.NoError(t, err)
	assert.ErrorIs(t, k.Check(foreign, public), seal.ErrWrongPIN, "foreign verifier")
	assert.ErrorIs(t, k.Check(verifier, other.Public().Reveal()), seal.ErrWrongPIN, "foreign public key")
	assert.ErrorIs(t, k.Check("", ""), seal.ErrWrongPIN)
	fake, err := k.Seal(secret.New("something else"))
	require.NoError(t, err)
	assert.ErrorIs(t, k.Check(strings.TrimPrefix(fake, seal.Prefix), public), seal.ErrWrongPIN, "another text")
}

func TestStoredKeys(t *testing.T) {
	t.Parallel()
	private, public := fromHex(t, vectorPrivate), fromHex(t, vectorPublic)

	k, err := seal.ParseKeys(private, secret.Secret{})
	require.NoError(t, err)
	assert.True(t, k.Public().Equal(public), "the public key follows from the private one")

	k, err = seal.ParseKeys(secret.Secret{}, public)
	require.NoError(t, err)
	assert.True(t, k.CanSeal())
	assert.False(t, k.CanOpen())
	sealed, err := k.Seal(secret.New("x"))
	require.NoError(t, err)
	_, err = k.Open(sealed)
	assert.ErrorIs(t, err, seal.ErrNoKey)

	k, err = seal.ParseKeys(secret.Secret{}, secret.Secret{})
	require.NoError(t, err)
	assert.False(t, k.CanSeal() || k.CanOpen())

	for name, pair := range map[string][2]secret.Secret{
		"not base64":  {secret.New("canary!"), public},
		"too short":   {secret.New("Y2FuYXJ5"), public},
		"mixed pairs": {private, private},
		"bad public":  {secret.Secret{}, secret.New("canary")},
	} {
		_, err := seal.ParseKeys(pair[0], pair[1])
		require.ErrorIs(t, err, seal.ErrKey, name)
		assert.NotContains(t, err.Error(), "canary")
	}
}

func TestClearEmptiesEveryCopy(t *testing.T) {
	t.Parallel()
	k := vectorKeys(t)
	sealed, err := k.Seal(secret.New("x"))
	require.NoError(t, err)
	cp := k
	k.Clear()
	assert.False(t, k.CanOpen())
	_, err = cp.Open(sealed)
	assert.ErrorIs(t, err, seal.ErrOpen, "the copy's memory is overwritten")
	assert.Equal(t, base64.StdEncoding.EncodeToString(make([]byte, 32)), cp.Private().Reveal())
}

func TestKeysPrintAsAMask(t *testing.T) {
	t.Parallel()
	k := vectorKeys(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		assert.Equal(t, secret.Mask, fmt.Sprintf(verb, k), verb)
	}
}

func FuzzOpen(f *testing.F) {
	k := vectorKeys(f)
	sealed, err := k.Seal(secret.New("seed"))
	require.NoError(f, err)
	for _, s := range []string{"", "plain", "e2e::", sealed, sealed + "=", "e2e::AAAA"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, v string) {
		opened, err := k.Open(v)
		switch {
		case err != nil:
			assert.True(t, seal.Is(v), "only a sealed value can fail to open")
			assert.True(t, opened.Empty())
		case !seal.Is(v):
			assert.Equal(t, v, opened.Reveal())
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	k := vectorKeys(b)
	sealed, err := k.Seal(secret.New("a password of ordinary length"))
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Open(sealed); err != nil {
			b.Fatal(err)
		}
	}
}
