package cli_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
)

// everywhere calls a tool at both replicas at the same time, several times each.
func (p *peer) everywhere(each int, tool, arguments string) []answered {
	all := make([]answered, 2*each)
	var calls sync.WaitGroup
	for n := range all {
		calls.Go(func() { all[n] = p.call(n%2, tool, arguments) })
	}
	calls.Wait()
	return all
}

// The list that a dry run made at one replica is carried out at the other, once.
func TestCleanupTokenWorksOnceAcrossReplicas(t *testing.T) {
	t.Parallel()
	r := startReplicas(t, "--cleanup", "allow", "--toolsets", "default,extra")
	for _, p := range []*peer{r.open("alice", 1), {replicas: r, caller: "alice"}} {
		for n := range 3 {
			r.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: fmt.Sprintf("alice-test-%d", n)})
		}
		listed := p.call(0, "cleanup_identities", `{"prefixes":["alice-test-"],"min_age_minutes":0}`)
		token := listed.text("token")
		require.NotEmpty(t, token, listed.body)
		assert.Len(t, identityNames(r.ravi), 3)
		bob := &peer{replicas: r, caller: "bob"}
		assert.Equal(t, "confirmation_required", bob.call(1, "cleanup_identities", fmt.Sprintf(`{"token":%q}`, token)).code)

		r.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "alice-test-late"})
		done := 0
		for _, got := range p.everywhere(4, "cleanup_identities", fmt.Sprintf(`{"token":%q}`, token)) {
			if got.code == "" {
				done++
				assert.Len(t, got.result["outcomes"], 3, got.body)
				continue
			}
			assert.Equal(t, "confirmation_required", got.code, got.body)
		}
		assert.Equal(t, 1, done, "of calls at both replicas at once, one deletes")
		for at := range 2 {
			assert.Equal(t, "confirmation_required", p.call(at, "cleanup_identities", fmt.Sprintf(`{"token":%q}`, token)).code)
		}
		assert.Equal(t, []string{"alice-test-late"}, identityNames(r.ravi), "exactly the list is gone")
		require.Empty(t, p.call(0, "cleanup_identities", fmt.Sprintf(`{"token":%q}`,
			p.call(1, "cleanup_identities", `{"prefixes":["alice-test-"],"min_age_minutes":0}`).text("token"))).code)
	}
}

// However many calls come to both replicas at once, no caller gets a two-factor code twice, and no
// backup code is given out twice at all.
func TestCodesAreGivenOutOnceAcrossReplicas(t *testing.T) {
	t.Parallel()
	r := startReplicas(t, "--max-wait", "6s", "--max-reveals", "-1")
	alice := &peer{replicas: r, caller: "alice"}
	uuid := alice.create(0, "alice-main")
	var codes []string
	for n := range 10 {
		codes = append(codes, fmt.Sprintf("backup-%02d", n))
	}
	set := alice.call(1, "set_totp", fmt.Sprintf(`{"identity":%q,"domain":"example.com","username":"me","seed":"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP","backup_codes":["%s"]}`,
		uuid, strings.Join(codes, `","`)))
	require.Empty(t, set.code, set.body)
	arguments := fmt.Sprintf(`{"identity":%q,"domain":"example.com"}`, uuid)
	require.Empty(t, alice.call(0, "set_totp", fmt.Sprintf(`{"identity":%q,"domain":"other.example","username":"me","seed":"KRSXG5CTKRSXG5CTKRSXG5CTKRSXG5CT"}`, uuid)).code)

	began := time.Now().Unix() / 30
	seen := map[string]int{}
	for _, got := range alice.everywhere(6, "get_totp", arguments) {
		if got.code == "" {
			seen[got.text("code")]++
			continue
		}
		assert.Equal(t, "rate_limited", got.code, got.body)
	}
	steps := int(time.Now().Unix()/30 - began)
	assert.NotEmpty(t, seen)
	assert.LessOrEqual(t, len(seen), steps+2)
	for code, n := range seen {
		assert.Equal(t, 1, n, "code %s was given out more than once", code)
	}

	var taken []string
	for _, got := range alice.everywhere(8, "use_backup_code", arguments) {
		if got.code == "" {
			taken = append(taken, got.text("code"))
			continue
		}
		assert.Equal(t, "not_found", got.code, "there were ten of them: %s", got.body)
	}
	slices.Sort(taken)
	assert.Equal(t, codes, taken)

	r.redis.Stop()
	got := alice.call(0, "get_totp", strings.Replace(arguments, "example.com", "other.example", 1))
	assert.Equal(t, "unavailable", got.code, "what cannot be noted is not given out: %s", got.body)
}
