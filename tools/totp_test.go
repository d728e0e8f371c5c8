package tools_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

type totpCode struct {
	identified
	Status, Domain, Username, Code string
	SecondsLeft                    int `json:"seconds_left"`
	Period                         int
	WaitedMS                       int64 `json:"waited_ms"`
	Candidates                     []struct{ Domain, Username string }
}

type totpSet struct {
	identified
	Domain, Username string
	Stored           bool
	Digits, Period   int
	Algorithm        string
	BackupCodes      int `json:"backup_codes"`
}

// Appendix B of RFC 6238, whole: the seeds are the ASCII digits, repeated to the length of the
// hash.
func TestCodesAreThoseOfRFC6238(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.worker("rfc")
	seeds := map[string]string{
		"SHA1":   "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
		"SHA256": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA",
		"SHA512": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNA",
	}
	for algorithm, seed := range seeds {
		set := ok[totpSet](t, a.call("set_totp", args{"domain": algorithm + ".example", "seed": seed, "digits": 8, "algorithm": algorithm}))
		assert.Equal(t, totpSet{identified: set.identified, Domain: strings.ToLower(algorithm) + ".example", Stored: true, Digits: 8, Period: 30, Algorithm: algorithm}, set)
	}
	for _, v := range []struct {
		unix, step           int64
		sha1, sha256, sha512 string
	}{
		{59, 0x1, "94287082", "46119246", "90693936"},
		{1111111109, 0x23523EC, "07081804", "68084774", "25091201"},
		{1111111111, 0x23523ED, "14050471", "67062674", "99943326"},
		{1234567890, 0x273EF07, "89005924", "91819424", "93441116"},
		{2000000000, 0x3F940AA, "69279037", "90698825", "38618901"},
		{20000000000, 0x27BC86AA, "65353130", "77737706", "47863826"},
	} {
		require.Equal(t, v.step, v.unix/30, "the RFC's own T")
		// The vector's second may be one of the last of its window, for which get_totp would wait;
		// the code is that of the whole window.
		h.deps.Now = func() time.Time { return time.Unix(v.step*30, 0) }
		for algorithm, want := range map[string]string{"SHA1": v.sha1, "SHA256": v.sha256, "SHA512": v.sha512} {
			got := ok[totpCode](t, a.call("get_totp", args{"domain": algorithm + ".example"}))
			assert.Equal(t, want, got.Code, "%s at %d", algorithm, v.unix)
			assert.Equal(t, 30, got.SecondsLeft)
		}
	}
}

// A bubble's clock starts at the beginning of a window.
func TestACodeIsNeverReturnedInItsLastSeconds(t *testing.T) {
	for _, c := range []struct {
		at         time.Duration
		left       int
		waited     int64
		nextWindow bool
	}{
		{0, 30, 0, false},
		{25 * time.Second, 5, 0, false},
		{26 * time.Second, 4, 0, false},
		{26*time.Second + time.Millisecond, 30, 3999, true},
		{29*time.Second + 999*time.Millisecond, 30, 1, true},
		{30 * time.Second, 30, 0, true},
	} {
		t.Run(c.at.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newSystem(t, sandbox.Config{})
				a := h.worker("edge")
				ok[totpSet](t, a.call("set_totp", args{"domain": "nimbus.example", "seed": "JBSWY3DPEHPK3PXP"}))
				first, second := codeAt(t, h, "", 0), codeAt(t, h, "", 1)
				time.Sleep(c.at)
				got := ok[totpCode](t, a.call("get_totp", args{"domain": "nimbus.example"}))
				assert.Equal(t, map[bool]string{false: first, true: second}[c.nextWindow], got.Code)
				assert.Equal(t, c.left, got.SecondsLeft)
				assert.Equal(t, c.waited, got.WaitedMS)
			})
		})
	}
}

// codeAt is the code of nimbus.example a number of windows from now, as a caller of its own gets
// it.
func codeAt(t *testing.T, h *system, username string, windows int) string {
	t.Helper()
	now := time.Now().Truncate(30 * time.Second).Add(time.Duration(windows) * 30 * time.Second)
	h.deps.Now = func() time.Time { return now }
	defer func() { h.deps.Now = nil }()
	oracle := h.connect(&session.Caller{Name: fmt.Sprintf("oracle-%d-%d", now.Unix(), windows)})
	name := h.ravi.Server.Identities()[0].UUID
	return ok[totpCode](t, oracle.call("get_totp", args{"identity": name, "domain": "nimbus.example", "username": username})).Code
}

func TestNoCallerGetsACodeTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		a := h.worker("twice")
		ok[totpSet](t, a.call("set_totp", args{"domain": "nimbus.example", "username": "bob", "seed": "JBSWY3DPEHPK3PXP"}))
		ok[totpSet](t, a.call("set_totp", args{"domain": "nimbus.example", "username": "twin", "seed": "jbsw y3dp ehpk 3pxp"}))
		want := []string{codeAt(t, h, "bob", 0), codeAt(t, h, "bob", 1), codeAt(t, h, "bob", 2)}
		get := args{"domain": "nimbus.example", "username": "bob"}

		time.Sleep(3 * time.Second)
		first, _ := a.beginCall("get_totp", get)
		got := ok[totpCode](t, parse(t, <-first))
		assert.Equal(t, want[0], got.Code)
		assert.Equal(t, 27, got.SecondsLeft)

		waiting, _ := a.beginCall("get_totp", get)
		synctest.Wait()
		body := refused(t, a.call("get_totp", get))
		assert.Equal(t, fault.RateLimited, body.Code, "the code after the next is more than 50 s away")
		assert.True(t, body.Retryable)
		assert.Equal(t, 57, body.RetryAfterSeconds)
		got = ok[totpCode](t, parse(t, <-waiting))
		assert.Equal(t, want[1], got.Code)
		assert.Equal(t, int64(27_000), got.WaitedMS)
		assert.Equal(t, 30, got.SecondsLeft)

		other := h.connect(&session.Caller{Name: "other"})
		got = ok[totpCode](t, other.call("get_totp", args{"identity": "twice", "domain": "nimbus.example", "username": "bob"}))
		assert.Equal(t, want[1], got.Code, "another caller has not had it")
		got = ok[totpCode](t, a.call("get_totp", args{"domain": "nimbus.example", "username": "twin"}))
		assert.Equal(t, want[2], got.Code, "the same seed under another name has the same codes")

		ok[totpSet](t, a.call("set_totp", args{"domain": "nimbus.example", "username": "bob", "seed": "KRSXG5CTMVRXEZLU", "if_exists": "replace"}))
		got = ok[totpCode](t, a.call("get_totp", get))
		assert.Zero(t, got.WaitedMS, "a new seed has new codes")
	})
}

func TestACancelledWaitForACodeUsesNoneUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		a := h.worker("impatient")
		ok[totpSet](t, a.call("set_totp", args{"domain": "nimbus.example", "seed": "JBSWY3DPEHPK3PXP"}))
		ok[totpCode](t, a.call("get_totp", args{"domain": "nimbus.example"}))
		next := codeAt(t, h, "", 1)
		_, id := a.beginCall("get_totp", args{"domain": "nimbus.example"})
		synctest.Wait()
		_, err := fmt.Fprintf(a.in, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":%s}}`+"\n", id)
		require.NoError(t, err)
		synctest.Wait()
		assert.Equal(t, next, ok[totpCode](t, a.call("get_totp", args{"domain": "nimbus.example"})).Code)
	})
}

func TestPeriodDigitsAndAlgorithmAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		a := h.worker("settings")
		set := ok[totpSet](t, a.call("set_totp", args{"domain": "https://login.nimbus.example", "otpauth_uri": "otpauth://totp/Nimbus:bob?secret=jbswy3dpehpk3pxp====&algorithm=sha-512&digits=7&period=60&image=x"}))
		assert.Equal(t, "nimbus.example", set.Domain)
		assert.Equal(t, "bob", set.Username, "the account of the URI")
		assert.Equal(t, 7, set.Digits)
		assert.Equal(t, "SHA512", set.Algorithm)
		got := ok[totpCode](t, a.call("get_totp", args{"domain": "nimbus.example", "username": "BOB"}))
		assert.Regexp(t, `^\d{7}$`, got.Code)
		assert.Equal(t, 60, got.Period)
		assert.Equal(t, 60, got.SecondsLeft)
	})
}

func TestSeveralSeedsOfADomainAreListed(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	h.deps.Now = func() time.Time { return time.Unix(1_700_000_010, 0) }
	a := h.worker("many")
	ok[totpSet](t, a.call("set_totp", args{"domain": "foo.co.uk", "username": "bob", "seed": "JBSWY3DPEHPK3PXP"}))
	ok[totpSet](t, a.call("set_totp", args{"domain": "foo-co.uk", "username": "bob", "seed": "KRSXG5CTMVRXEZLU"})) // the same in a key
	assert.Equal(t, "found", ok[totpCode](t, a.call("get_totp", args{"domain": "foo.co.uk"})).Status)
	ok[totpSet](t, a.call("set_totp", args{"domain": "foo.co.uk", "username": "eve", "seed": "MFRGGZDFMZTWQ2LK"}))
	both := ok[totpCode](t, a.call("get_totp", args{"domain": "www.foo.co.uk"}))
	assert.Equal(t, "ambiguous", both.Status)
	assert.Empty(t, both.Code)
	assert.ElementsMatch(t, []struct{ Domain, Username string }{{"foo.co.uk", "bob"}, {"foo.co.uk", "eve"}}, both.Candidates)
	assert.Equal(t, "found", ok[totpCode](t, a.call("get_totp", args{"domain": "foo.co.uk", "username": "eve"})).Status)
	for _, nothing := range []args{{"domain": "bar.example"}, {"domain": "foo.co.uk", "username": "nobody"}} {
		body := refused(t, a.call("get_totp", nothing))
		assert.Equal(t, fault.NotFound, body.Code)
		assert.Contains(t, body.Hint, "set_totp")
	}
}

func TestASeedIsNotWrittenOverByAccident(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.worker("safe")
	set := args{"domain": "nimbus.example", "username": "bob", "seed": "JBSWY3DPEHPK3PXP", "backup_codes": []string{"1111", "2222"}}
	ok[totpSet](t, a.call("set_totp", set))
	before := h.writes()
	ok[totpSet](t, a.call("set_totp", args{"domain": "nimbus.example", "username": "bob", "otpauth_uri": "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP"}))
	for _, other := range []args{
		{"domain": "nimbus.example", "username": "bob", "seed": "KRSXG5CTMVRXEZLU"},
		{"domain": "nimbus.example", "username": "bob", "seed": "JBSWY3DPEHPK3PXP", "digits": 8},
		{"domain": "nimbus.example", "username": "bob", "backup_codes": []string{"3333"}},
	} {
		assert.Equal(t, fault.Conflict, refused(t, a.call("set_totp", other)).Code)
	}
	assert.Equal(t, before, h.writes(), "the same seed again writes nothing, and a conflict neither")
	ok[totpSet](t, a.call("set_totp", args{"domain": "nimbus.example", "username": "bob", "backup_codes": []string{"3333"}, "if_exists": "replace"}))
	used := ok[backup](t, a.call("use_backup_code", args{"domain": "nimbus.example"}))
	assert.Equal(t, "3333", used.Code)
	assert.Zero(t, used.Remaining, "the old codes are gone")
}

// A seed belongs to the account of the stored login, goes along when that is renamed, and goes away
// with it if that is wanted.
func TestASeedFollowsItsLogin(t *testing.T) {
	for name, h := range map[string]*system{"plaintext": newSystem(t, sandbox.Config{}), "sealed": sealedSystem(t)} {
		t.Run(name, func(t *testing.T) {
			h.deps.Now = func() time.Time { return time.Unix(1_700_000_010, 0) }
			a := h.worker("follower")
			saved := ok[credential](t, a.call("save_credential", args{"domain": "nimbus.example", "username": "bob@x.example"}))
			set := ok[totpSet](t, a.call("set_totp", args{"domain": "nimbus.example", "otpauth_uri": "otpauth://totp/Nimbus:somebody?secret=JBSWY3DPEHPK3PXP", "backup_codes": []string{"1111", "2222"}}))
			assert.Equal(t, "bob@x.example", set.Username, "that of the only login of the site")

			done := ok[changed](t, a.call("update_credential", args{"id": saved.Credential.ID, "new_domain": "stratus.example", "new_username": "robert"}))
			assert.True(t, done.TOTPMoved)
			got := ok[totpCode](t, a.call("get_totp", args{"domain": "stratus.example"}))
			assert.Equal(t, "robert", got.Username)
			assert.Equal(t, 1, ok[backup](t, a.call("use_backup_code", args{"domain": "stratus.example", "username": "robert"})).Remaining)
			for _, tool := range []string{"get_totp", "use_backup_code"} {
				assert.Equal(t, fault.NotFound, refused(t, a.call(tool, args{"domain": "nimbus.example"})).Code, tool)
			}

			ok[map[string]any](t, a.call("delete_credential", args{"domain": "stratus.example", "with_totp": true}))
			for _, tool := range []string{"get_totp", "use_backup_code", "get_credential"} {
				assert.Equal(t, fault.NotFound, refused(t, a.call(tool, args{"domain": "stratus.example"})).Code, tool)
			}
		})
	}
}
