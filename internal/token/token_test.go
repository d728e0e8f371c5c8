package token_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ravi-mcp/internal/token"
)

var bound = token.Binding{Caller: "local", Identity: "4f9d2a6e-0000-4000-8000-000000000001", Purpose: "cursor"}

func key(b byte) []byte { return bytes.Repeat([]byte{b}, token.KeySize) }

func sealer(t *testing.T, current, previous []byte) *token.Sealer {
	t.Helper()
	s, err := token.NewSealer(current, previous)
	require.NoError(t, err)
	return s
}

func TestTokenOpensForItsBindingOnly(t *testing.T) {
	t.Parallel()
	s := sealer(t, key(1), nil)
	tok, err := s.Seal(bound, time.Hour, []byte("state"))
	require.NoError(t, err)

	payload, err := s.Open(bound, tok)
	require.NoError(t, err)
	assert.Equal(t, "state", string(payload))

	// The identity can be read from the token.
	identity, payload, err := s.OpenAny(bound.Caller, bound.Purpose, tok)
	require.NoError(t, err)
	assert.Equal(t, bound.Identity, identity)
	assert.Equal(t, "state", string(payload))

	// Payload and identity are encrypted.
	raw, err := base64.RawURLEncoding.DecodeString(tok)
	require.NoError(t, err)
	assert.NotContains(t, string(raw), "state")
	assert.NotContains(t, string(raw), bound.Identity)

	// Two tokens for the same thing differ.
	again, err := s.Seal(bound, time.Hour, []byte("state"))
	require.NoError(t, err)
	assert.NotEqual(t, tok, again)
}

func TestIdentityOfAnyFormComesBack(t *testing.T) {
	t.Parallel()
	s := sealer(t, key(1), nil)
	lengths := map[string]int{}
	for _, identity := range []string{
		"", "x", bound.Identity, strings.ToUpper("4f9d2a6e-0000-4000-8000-00000000000a"), strings.ReplaceAll(bound.Identity, "-", ""),
		"4f9d2a6e0-000-4000-8000-000000000001", "0123456789abcdef", strings.Repeat("y", 300), "\x00\x01",
	} {
		b := bound
		b.Identity = identity
		tok, err := s.Seal(b, time.Hour, []byte("state"))
		require.NoError(t, err)
		got, payload, err := s.OpenAny(b.Caller, b.Purpose, tok)
		require.NoError(t, err)
		assert.Equal(t, identity, got)
		assert.Equal(t, "state", string(payload))
		lengths[identity] = len(tok)
	}
	assert.Less(t, lengths[bound.Identity], lengths[strings.ToUpper("4f9d2a6e-0000-4000-8000-00000000000a")], "a uuid takes 16 bytes")
	assert.LessOrEqual(t, lengths[bound.Identity], 84)
}

func TestRefusalsAreAlike(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 4, 6, 12, 0, 0, 0, time.UTC)
	s := sealer(t, key(1), nil)
	s.Now = func() time.Time { return now }
	tok, err := s.Seal(bound, time.Hour, []byte("state"))
	require.NoError(t, err)
	otherKey := sealer(t, key(2), nil)
	otherKey.Now = s.Now
	foreign, err := otherKey.Seal(bound, time.Hour, []byte("state"))
	require.NoError(t, err)
	expired, err := s.Seal(bound, time.Millisecond, []byte("state"))
	require.NoError(t, err)
	now = now.Add(time.Millisecond)

	with := func(change func(*token.Binding)) token.Binding {
		b := bound
		change(&b)
		return b
	}
	cases := map[string]struct {
		binding token.Binding
		tok     string
	}{
		"another caller":                    {with(func(b *token.Binding) { b.Caller = "other" }), tok},
		"another identity":                  {with(func(b *token.Binding) { b.Identity = "other" }), tok},
		"no identity":                       {with(func(b *token.Binding) { b.Identity = "" }), tok},
		"another purpose":                   {with(func(b *token.Binding) { b.Purpose = "confirm" }), tok},
		"caller and purpose shifted by one": {with(func(b *token.Binding) { b.Caller, b.Purpose = "localc", "ursor" }), tok},
		"another key":                       {bound, foreign},
		"expired at this very moment":       {bound, expired},
		"empty":                             {bound, ""},
		"not base64":                        {bound, "no token at all!"},
		"too short":                         {bound, "AAAA"},
		"padding":                           {bound, tok + "="},
		"line break inside":                 {bound, tok[:8] + "\n" + tok[8:]},
		"cut":                               {bound, tok[:len(tok)-4]},
		"longer":                            {bound, tok + "AAAA"},
		"huge":                              {bound, strings.Repeat("A", token.MaxLength+4)},
	}
	for name, c := range cases {
		payload, err := s.Open(c.binding, c.tok)
		require.ErrorIs(t, err, token.ErrInvalid, name)
		assert.Equal(t, token.ErrInvalid.Error(), err.Error(), name)
		assert.Nil(t, payload, name)
	}
	_, err = s.Open(bound, tok)
	require.NoError(t, err, "the token itself is still good")
}

func TestAnyChangedByteIsRefused(t *testing.T) {
	t.Parallel()
	s := sealer(t, key(1), nil)
	tok, err := s.Seal(bound, time.Hour, []byte("state"))
	require.NoError(t, err)
	raw, err := base64.RawURLEncoding.DecodeString(tok)
	require.NoError(t, err)
	for i := range raw {
		for bit := range 8 {
			raw[i] ^= 1 << bit
			_, err := s.Open(bound, base64.RawURLEncoding.EncodeToString(raw))
			require.ErrorIs(t, err, token.ErrInvalid, "byte %d bit %d", i, bit)
			raw[i] ^= 1 << bit
		}
	}
	// No second spelling: unused bits of the last character must be zero.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range tok {
		for _, c := range []byte(alphabet) {
			if c == tok[i] {
				continue
			}
			_, err := s.Open(bound, tok[:i]+string(c)+tok[i+1:])
			require.ErrorIs(t, err, token.ErrInvalid, "character %d as %q", i, c)
		}
	}
}

func TestRotationKeepsOneOldKey(t *testing.T) {
	t.Parallel()
	first := sealer(t, key(1), nil)
	second := sealer(t, key(2), key(1))
	third := sealer(t, key(3), key(2))

	old, err := first.Seal(bound, time.Hour, []byte("old"))
	require.NoError(t, err)
	payload, err := second.Open(bound, old)
	require.NoError(t, err)
	assert.Equal(t, "old", string(payload))
	_, err = third.Open(bound, old)
	require.ErrorIs(t, err, token.ErrInvalid)

	fresh, err := second.Seal(bound, time.Hour, []byte("fresh"))
	require.NoError(t, err)
	_, err = first.Open(bound, fresh)
	require.ErrorIs(t, err, token.ErrInvalid, "the previous key does not seal")
}

func TestMisuseIsRefused(t *testing.T) {
	t.Parallel()
	_, err := token.NewSealer(key(1)[:31], nil)
	require.EqualError(t, err, "token: a sealing key must have 32 bytes, not 31")
	_, err = token.NewSealer(key(1), []byte("short"))
	require.EqualError(t, err, "token: a sealing key must have 32 bytes, not 5")

	s := token.Random()
	_, err = s.Seal(bound, 0, nil)
	require.Error(t, err)
	_, err = s.Seal(bound, time.Hour, make([]byte, token.MaxLength))
	require.Error(t, err)

	tok, err := s.Seal(bound, time.Hour, nil)
	require.NoError(t, err)
	_, err = token.Random().Open(bound, tok)
	require.ErrorIs(t, err, token.ErrInvalid, "random keys differ")
}

// What is sealed is opened by exactly the same binding before the expiry, and by nothing else.
func TestPropertyOnlyTheSameBindingOpens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "now"))
		s, err := token.NewSealer(key(1), key(2))
		require.NoError(t, err)
		s.Now = func() time.Time { return now }
		binding := rapid.Custom(func(t *rapid.T) token.Binding {
			part := rapid.StringN(0, 3, -1)
			return token.Binding{Caller: part.Draw(t, "caller"), Identity: part.Draw(t, "identity"), Purpose: part.Draw(t, "purpose")}
		})
		mine, other := binding.Draw(t, "mine"), binding.Draw(t, "other")
		ttl := time.Duration(rapid.Int64Range(1, 1e9).Draw(t, "ttl")) * time.Millisecond
		later := time.Duration(rapid.Int64Range(0, 2e9).Draw(t, "later")) * time.Millisecond
		payload := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "payload")

		tok, err := s.Seal(mine, ttl, payload)
		require.NoError(t, err)
		now = now.Add(later)
		got, err := s.Open(other, tok)
		if mine == other && later < ttl {
			require.NoError(t, err)
			require.True(t, bytes.Equal(payload, got))
		} else {
			require.ErrorIs(t, err, token.ErrInvalid)
			require.Nil(t, got)
		}
	})
}

func FuzzOpen(f *testing.F) {
	s, err := token.NewSealer(key(1), key(2))
	require.NoError(f, err)
	genuine, err := s.Seal(bound, time.Hour, []byte("state"))
	require.NoError(f, err)
	for _, seed := range []string{"", "AAAA", genuine, genuine[:40], strings.Repeat("A", 56), "\n" + genuine} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, tok string) {
		payload, err := s.Open(bound, tok)
		if err == nil { // a seed of this process or of a sister process: the key is the same
			require.Equal(t, "state", string(payload))
			require.Len(t, tok, len(genuine))
			return
		}
		require.ErrorIs(t, err, token.ErrInvalid)
		require.Nil(t, payload)
	})
}
