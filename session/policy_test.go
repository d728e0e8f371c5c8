package session_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/session"
)

var policies = []session.Policy{session.PolicyAllow, session.PolicyAsk, session.PolicyDeny}

func TestOnlyTheThreeWordsArePolicies(t *testing.T) {
	for _, p := range policies {
		got, err := session.ParsePolicy(string(p))
		require.NoError(t, err)
		assert.Equal(t, p, got)
	}
	for _, bad := range []string{"", "Allow", "yes", "allow ", "none"} {
		_, err := session.ParsePolicy(bad)
		assert.Error(t, err, "%q", bad)
	}
}

func TestCallerPoliciesOnlyTighten(t *testing.T) {
	for i, server := range policies {
		for j, caller := range policies {
			flags := session.Policies{Delete: server}
			rights := session.Rights{Policies: session.Policies{Delete: caller}}
			assert.Equal(t, policies[max(i, j)], flags.Effective(rights, session.KindDelete), "%s and %s", server, caller)
		}
	}
}

func TestDefaultPolicies(t *testing.T) {
	var flags session.Policies
	for kind, want := range map[session.Kind]session.Policy{
		session.KindReveal: session.PolicyAllow, session.KindDelete: session.PolicyAsk,
		session.KindCleanup: session.PolicyAsk, session.KindSend: session.PolicyAsk,
	} {
		assert.Equal(t, want, flags.Effective(session.Rights{}, kind), kind)
	}
	loose := session.Policies{Delete: session.PolicyAllow}
	assert.Equal(t, session.PolicyAllow, loose.Effective(session.Rights{}, session.KindDelete), "the operator may relax it")
	assert.Equal(t, session.PolicyAsk, loose.Effective(session.Rights{}, session.KindCleanup))
}

func TestInvalidPolicyDenies(t *testing.T) {
	flags := session.Policies{Delete: "alow"}
	assert.Equal(t, session.PolicyDeny, flags.Effective(session.Rights{}, session.KindDelete))
	assert.Equal(t, session.PolicyDeny, session.Policies{}.Effective(session.Rights{}, "teleport"))
}
