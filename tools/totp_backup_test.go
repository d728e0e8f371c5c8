package tools_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
)

type backup struct {
	identified
	Status, Code string
	Remaining    int
	Candidates   []struct{ Username string }
}

const bobAtGithub = "49CB1C11"

func codes(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("code-%02d", i)
	}
	return out
}

func TestEachBackupCodeIsUsedOnce(t *testing.T) {
	h := sealedSystem(t)
	a := h.worker("spare")
	set := ok[totpSet](t, a.call("set_totp", args{"domain": "nimbus.example", "username": "bob", "backup_codes": codes(3)}))
	assert.Equal(t, 3, set.BackupCodes)
	assert.False(t, set.Stored, "codes alone are no seed")
	for left := range 3 {
		got := ok[backup](t, a.call("use_backup_code", args{"domain": "nimbus.example"}))
		assert.Equal(t, codes(3)[left], got.Code)
		assert.Equal(t, 2-left, got.Remaining)
	}
	body := refused(t, a.call("use_backup_code", args{"domain": "nimbus.example"}))
	assert.Equal(t, fault.NotFound, body.Code)
	assert.False(t, body.Retryable)

	ok[totpSet](t, a.call("set_totp", args{"domain": "nimbus.example", "username": "bob", "backup_codes": codes(1)}))
	ok[totpSet](t, a.call("set_totp", args{"domain": "nimbus.example", "username": "eve", "backup_codes": codes(1)}))
	assert.Len(t, ok[backup](t, a.call("use_backup_code", args{"domain": "nimbus.example"})).Candidates, 2)
	assert.Equal(t, "code-00", ok[backup](t, a.call("use_backup_code", args{"domain": "nimbus.example", "username": "Eve"})).Code)

	h.loseKeys()
	body = refused(t, h.connect(local()).call("use_backup_code", args{"identity": "spare", "domain": "nimbus.example", "username": "bob"}))
	assert.Equal(t, fault.Locked, body.Code)
	assert.Equal(t, "code-00", ok[backup](t, a.call("use_backup_code", args{"domain": "nimbus.example"})).Code, "a code that could not be read was not used up")
}

// Two servers that share nothing but Ravi: every code is given out exactly once.
func TestNoBackupCodeIsGivenOutTwice(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.worker("crowd")
	b := h.another().connect(local())
	ok[totpSet](t, a.call("set_totp", args{"domain": "nimbus.example", "username": "bob", "backup_codes": codes(12)}))
	var answers []<-chan json.RawMessage
	for i := range 16 {
		answer, _ := []*agent{a, b}[i%2].beginCall("use_backup_code", args{"identity": "crowd", "domain": "nimbus.example"})
		answers = append(answers, answer)
	}
	var given []string
	for _, answer := range answers {
		if r := parse(t, <-answer); !r.IsError {
			given = append(given, ok[backup](t, r).Code)
		} else {
			assert.Equal(t, fault.NotFound, refused(t, r).Code)
		}
	}
	assert.ElementsMatch(t, codes(12), given)
}

// After a lost answer to a deletion it is unknown whose it was. The code counts as used up, so that
// never two are given it.
func TestALostAnswerNeverGivesABackupCodeTwice(t *testing.T) {
	const route = "/api/secrets/{uuid}/"
	for name, c := range map[string]struct {
		fault       sandbox.Fault
		meanwhile   bool // another server takes a code while this one waits for its answer
		want        string
		unavailable bool
	}{
		"carried out":                   {fault: sandbox.Fault{Perform: true, Cut: true}, want: "code-01"},
		"not carried out":               {fault: sandbox.Fault{Cut: true}, want: "code-00"},
		"another caller's was":          {fault: sandbox.Fault{Cut: true}, meanwhile: true, want: "code-01"},
		"no answer at all, carried out": {fault: sandbox.Fault{Perform: true, Status: 502, Count: -1}, unavailable: true},
		"no answer at all, not done":    {fault: sandbox.Fault{Status: 502, Count: -1}, unavailable: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newSystem(t, sandbox.Config{})
				a := h.worker("lossy")
				b := h.another().connect(local())
				ok[totpSet](t, a.call("set_totp", args{"domain": "nimbus.example", "username": "bob", "backup_codes": codes(3)}))
				c.fault.Method, c.fault.Endpoint = "DELETE", route
				h.ravi.Server.Faults().Add(c.fault)
				take := args{"identity": "lossy", "domain": "nimbus.example"}
				given := map[string]bool{}
				if c.meanwhile {
					time.AfterFunc(50*time.Millisecond, func() {
						theirs := ok[backup](t, b.call("use_backup_code", take)).Code
						assert.Equal(t, "code-00", theirs)
						given[theirs] = true
					})
				}
				r := a.call("use_backup_code", take)
				synctest.Wait()
				switch {
				case c.unavailable:
					assert.Equal(t, fault.Unavailable, refused(t, r).Code)
				default:
					assert.Equal(t, c.want, ok[backup](t, r).Code)
				}
				if !r.IsError {
					given[ok[backup](t, r).Code] = true
				}
				h.ravi.Server.Faults().Clear()
				left, err := h.scope("lossy").Secrets(t.Context())
				require.NoError(t, err)
				assert.NotEmpty(t, left, "they are not lost one after the other")
				for {
					r := b.call("use_backup_code", take)
					if r.IsError {
						break
					}
					code := ok[backup](t, r).Code
					assert.False(t, given[code], code)
					given[code] = true
				}
			})
		})
	}
}

// When Ravi fails in the middle the error says how far the call came, and the repetition it asks
// for puts everything right.
func TestAHalfStoredSetIsCompletedByTheRepetition(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.worker("halfway")
	h.ravi.Server.Faults().Add(sandbox.Fault{Method: "POST", Endpoint: "/api/secrets/", After: 3, Count: -1, Status: 503})
	set := args{"domain": "nimbus.example", "username": "bob", "seed": "JBSWY3DPEHPK3PXP", "backup_codes": codes(4)}
	body := refused(t, a.call("set_totp", set))
	assert.Equal(t, fault.Unavailable, body.Code)
	assert.Contains(t, body.Message, "2 of 4")
	assert.Contains(t, body.Hint, "if_exists set to replace")
	h.ravi.Server.Faults().Clear()
	set["if_exists"] = "replace"
	ok[totpSet](t, a.call("set_totp", set))
	assert.Equal(t, 3, ok[backup](t, a.call("use_backup_code", args{"domain": "nimbus.example"})).Remaining)
}

func TestSecretsToolsHideSeedsAndBackupCodes(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.worker("hidden")
	ok[totpSet](t, a.call("set_totp", args{"domain": "github.com", "username": "bob", "seed": "JBSWY3DPEHPK3PXP", "backup_codes": codes(1)}))
	ok[stored](t, a.call("set_secret", args{"name": "TOTPS", "value": "v"}))
	assert.Equal(t, []string{"TOTPS"}, ok[secretList](t, a.call("list_secrets", nil)).names())
	// The key is the contract with other clients of the vault: SHA-256 of "github.com", a zero byte
	// and "bob" begins with these digits.
	for _, key := range []string{"TOTP_GITHUB_COM_" + bobAtGithub, "TOTPBACKUP_GITHUB_COM_" + bobAtGithub + "_01"} {
		for tool, more := range map[string]args{"get_secret": {}, "set_secret": {"value": "v"}, "delete_secret": {}} {
			more["name"] = key
			body := refused(t, a.call(tool, more))
			assert.Equal(t, fault.InvalidArgument, body.Code, tool)
			assert.Contains(t, body.Hint, "tools of its own", tool)
		}
		_, err := h.scope("hidden").Secret(t.Context(), key)
		assert.NoError(t, err, "it is there under that name")
	}
}
