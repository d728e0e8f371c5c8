package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/otp"
	"ravi-mcp/internal/otp/corpus"
)

// What is to hold of messages that the weights were not fitted on, and of the committed weights.
func TestCrossValidatedScores(t *testing.T) {
	cases, err := corpus.ReadAll("../../../testdata/otp")
	require.NoError(t, err)
	for name, group := range map[string]func(corpus.Case) string{"kinds": kindOf, "languages": languageOf} {
		groups := crossValidate(otp.CommittedWeights(), cases, group)
		all, mails := groups["(all)"], groups["channel email"]
		assert.GreaterOrEqual(t, all.Code.Precision(), 0.97, name)
		assert.GreaterOrEqual(t, all.Code.Recall(), 0.95, name)
		assert.GreaterOrEqual(t, all.Link.Precision(), 0.97, name)
		assert.GreaterOrEqual(t, all.Link.Recall(), 0.92, name)
		assert.GreaterOrEqual(t, mails.Code.Precision(), 0.96, name)
		assert.GreaterOrEqual(t, groups["corpus kinds"].ExactShare(), 0.95, name)
	}
}

// Each kind of messages around kinds of fault is read rightly, and each kind of pairs.
func TestScoresOfKinds(t *testing.T) {
	for _, name := range []string{"kinds", "pairs"} {
		cases, err := corpus.Read("../../../testdata/otp", name)
		require.NoError(t, err)
		groups := map[string]*corpus.Tally{}
		for _, c := range cases {
			tallyOf(groups, kindOf(c)).Add(c, otp.Extract(c.Message()))
		}
		for kind, tally := range groups {
			assert.GreaterOrEqual(t, tally.ExactShare(), 0.85, kind)
		}
	}
}
