package issuer_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/issuer"
	"ravi-mcp/internal/test/issuertest"
)

// bubble runs a test in a synctest bubble and ends what it started.
func bubble(t *testing.T, test func(t *testing.T, d *verifier, start func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := open(t, nil)
		ctx, stop := context.WithCancel(t.Context())
		defer synctest.Wait()
		defer stop()
		test(t, d, func() {
			go d.Run(ctx)
			synctest.Wait()
		})
	})
}

func TestKeyRotation(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d *verifier, start func()) {
		start()
		old := d.fake.Token("alice", nil)
		require.Equal(t, "alice", d.subject(old))
		next := issuertest.NewKey(t, "ec-2", jose.ES256)
		d.fake.Publish(append(d.fake.Keys(), next)...)
		time.Sleep(10 * time.Second)
		fresh := issuertest.Sign(t, next, "at+jwt", d.fake.Claims("alice", nil))
		assert.Equal(t, "alice", d.subject(fresh), "read because the key was not known")
		assert.Equal(t, 4, d.fake.Requests())
		assert.Equal(t, "alice", d.subject(old))

		d.fake.Publish(next)
		assert.Equal(t, "alice", d.subject(old), "not read again yet")
		time.Sleep(10*time.Minute + time.Second)
		synctest.Wait()
		assert.Equal(t, issuer.ErrInvalid.Error(), d.subject(old), "withdrawn, though it was remembered")
		assert.Equal(t, "alice", d.subject(fresh))
	})
}

// Forged key ids cost the issuer few requests.
func TestUnknownKeysAreFetchedAtABoundedRate(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d *verifier, start func()) {
		start()
		time.Sleep(time.Minute)
		before := d.fake.Requests()
		began := time.Now()
		for n := range 600 {
			made := issuertest.Key{ID: fmt.Sprintf("made-up-%d", n), Algorithm: jose.ES256, Private: d.fake.Keys()[1].Private}
			assert.Equal(t, issuer.ErrInvalid.Error(), d.subject(issuertest.Sign(t, made, "at+jwt", d.fake.Claims("alice", nil))))
			time.Sleep(100 * time.Millisecond)
		}
		require.Equal(t, time.Minute, time.Since(began))
		assert.LessOrEqual(t, (d.fake.Requests()-before)/2, 6, "readings in a minute")
		assert.Equal(t, "alice", d.subject(d.fake.Token("alice", nil)))
	})
}

func TestIssuerDownAtStart(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d *verifier, start func()) {
		require.ErrorIs(t, d.Ready(), issuer.ErrUnavailable)
		d.fake.Down(true)
		start()
		<-d.Tried()
		token := d.fake.Token("alice", nil)
		assert.Equal(t, issuer.ErrUnavailable.Error(), d.subject(token), "unknown, which is not invalid")
		err := d.Ready()
		require.ErrorIs(t, err, issuer.ErrUnavailable)
		assert.ErrorContains(t, err, "503")
		time.Sleep(10 * time.Minute)
		assert.Less(t, d.fake.Requests(), 30, "with growing pauses")
		d.fake.Down(false)
		time.Sleep(75 * time.Second)
		synctest.Wait()
		require.NoError(t, d.Ready())
		assert.Equal(t, "alice", d.subject(token))
	})
}

func TestIssuerDownDuringRotation(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d *verifier, start func()) {
		start()
		known := d.fake.Token("alice", nil)
		next := issuertest.NewKey(t, "ec-2", jose.ES256)
		fresh := issuertest.Sign(t, next, "at+jwt", d.fake.Claims("bob", nil))
		d.fake.Publish(append(d.fake.Keys(), next)...)
		d.fake.Down(true)
		time.Sleep(time.Minute)
		assert.Equal(t, issuer.ErrUnavailable.Error(), d.subject(fresh))
		assert.Equal(t, "alice", d.subject(known), "the keys that are known still hold")
		require.NoError(t, d.Ready())
		d.fake.Down(false)
		time.Sleep(75 * time.Second)
		synctest.Wait()
		assert.Equal(t, "bob", d.subject(fresh))

		d.fake.Down(true)
		time.Sleep(23 * time.Hour)
		assert.Equal(t, "alice", d.subject(d.fake.Token("alice", nil)))
		time.Sleep(2 * time.Hour)
		assert.Equal(t, issuer.ErrUnavailable.Error(), d.subject(d.fake.Token("alice", nil)), "keys a day old may have been withdrawn")
		require.Error(t, d.Ready())
	})
}

// An issuer that hangs delays few tokens, and briefly.
func TestSlowIssuerDelaysUnknownKeysOnly(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T, d *verifier, start func()) {
		start()
		time.Sleep(time.Minute)
		known := d.fake.Token("alice", nil)
		d.fake.Answer(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		foreign := issuertest.Sign(t, issuertest.NewKey(t, "ec-2", jose.ES256), "at+jwt", d.fake.Claims("alice", nil))
		began := time.Now()
		var shed, late atomic.Int32
		var wait sync.WaitGroup
		for range 200 {
			wait.Go(func() {
				assert.Equal(t, issuer.ErrUnavailable.Error(), d.subject(foreign))
				switch took := time.Since(began); took {
				case 0:
					shed.Add(1)
				case 5 * time.Second:
					late.Add(1)
				default:
					assert.Fail(t, "unexpected", "%v", took)
				}
			})
		}
		synctest.Wait()
		assert.Equal(t, "alice", d.subject(known))
		assert.Zero(t, time.Since(began), "known keys do not wait")
		gone, cancel := context.WithCancelCause(t.Context())
		cancel(fmt.Errorf("the client went away"))
		_, _, err := d.Verify(gone, foreign)
		require.Error(t, err)
		wait.Wait()
		assert.EqualValues(t, 64, late.Load())
		assert.EqualValues(t, 136, shed.Load())
		d.fake.Answer(nil)
		time.Sleep(2 * time.Minute)
		assert.Equal(t, "alice", d.subject(known))
	})
}

// Answers of an issuer are checked and bounded.
func TestInvalidIssuerAnswersAreRefused(t *testing.T) {
	t.Parallel()
	discovery := func(keys string) string { return fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, issuerURL, keys) }
	small := `{"keys":[{"kty":"RSA","kid":"x","alg":"RS256","use":"sig","e":"AQAB","n":"` + strings.Repeat("A", 100) + `"}]}`
	for name, c := range map[string]struct{ discovery, keys, says string }{
		"10 MB of keys":      {discovery(issuerURL + "/keys"), `{"keys":[],"pad":"` + strings.Repeat("a", 10<<20) + `"}`, "more than 1 MiB"},
		"10 MB of discovery": {strings.Repeat(" ", 10<<20), "", "more than 1 MiB"},
		"another issuer":     {`{"issuer":"https://evil.test","jwks_uri":"` + issuerURL + `/keys"}`, "", "names another issuer"},
		"keys without TLS":   {discovery("http://login.test/keys"), "", "no https URL"},
		"keys on loopback":   {discovery("http://127.0.0.1/keys"), "", "no https URL"},
		"keys in a file":     {discovery("file:///etc/passwd"), "", "no https URL"},
		"no JSON":            {"<html>" + strings.Repeat("x", 5000), "", "decode"},
		"no keys":            {discovery(issuerURL + "/keys"), `{"keys":[]}`, "no key that can be used"},
		"a shared secret":    {discovery(issuerURL + "/keys"), `{"keys":[{"kty":"oct","k":"AAAA","kid":"rsa-1"}]}`, "no key that can be used"},
		"a small key":        {discovery(issuerURL + "/keys"), small, "no key that can be used"},
		"too many":           {discovery(issuerURL + "/keys"), `{"keys":[` + strings.Repeat("{},", 64) + `{}]}`, "more than 64"},
		"a redirect":         {"-> https://evil.test/", "", "302"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, nil)
			d.fake.Answer(func(w http.ResponseWriter, r *http.Request) {
				if to, ok := strings.CutPrefix(c.discovery, "-> "); ok {
					http.Redirect(w, r, to, http.StatusFound)
					return
				}
				text := c.discovery
				if r.URL.Path == "/realm/keys" {
					text = c.keys
				}
				assert.Equal(t, "login.test", r.URL.Host, "nothing else is asked")
				_, _ = w.Write([]byte(text))
			})
			d.run()
			err := d.Ready()
			require.ErrorIs(t, err, issuer.ErrUnavailable)
			assert.ErrorContains(t, err, c.says)
			assert.Less(t, len(err.Error()), 400)
			assert.Less(t, len(d.log.String()), 1000)
			assert.Equal(t, issuer.ErrUnavailable.Error(), d.subject(d.fake.Token("alice", nil)))
		})
	}
}

// Unusable keys leave the others usable.
func TestUnusableKeysAreSkipped(t *testing.T) {
	t.Parallel()
	d := open(t, nil)
	good, err := jose.JSONWebKey{Key: d.fake.Keys()[0].Private.Public(), KeyID: "rsa-1"}.MarshalJSON()
	require.NoError(t, err)
	d.fake.Answer(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/realm/keys" {
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, issuerURL, issuerURL+"/keys")
			return
		}
		fmt.Fprintf(w, `{"keys":[{"kty":"OKP","crv":"Ed448","kid":"a","x":"AAAA"},{"kty":"oct","kid":"rsa-1","k":"AAAA"},`+
			`{"kty":"RSA","kid":"rsa-1","use":"enc","e":"AQAB","n":"AAAA"},{"kty":"new"},%s]}`, good)
	})
	d.run()
	assert.Equal(t, "alice", d.subject(d.fake.Token("alice", nil)))
	assert.Contains(t, d.log.String(), `"keys":1`)
}
