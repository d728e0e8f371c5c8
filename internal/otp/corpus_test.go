package otp_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/otp"
	"ravi-mcp/internal/otp/corpus"
)

func readCases(t testing.TB, name string) []corpus.Case {
	t.Helper()
	cases, err := corpus.Read("../../testdata/otp", name)
	require.NoError(t, err)
	return cases
}

// measure runs a corpus and logs what is read wrongly.
func measure(t *testing.T, name string) *corpus.Tally {
	all := &corpus.Tally{}
	for _, c := range readCases(t, name) {
		v := otp.Extract(c.Message())
		if all.Add(c, v); !c.Right(v) {
			t.Log(c.Miss(v))
		}
	}
	t.Logf("%s: %s", name, all)
	return all
}

// The 120 sample messages must be exactly right, code and link.
func TestSampleMessages(t *testing.T) {
	all := measure(t, "sample")
	require.Equal(t, all.Cases, all.Exact, "every sample must be right")
}

// Our own messages cover what the samples leave out; the thresholds are those that hidden messages
// are judged by.
func TestOwnMessages(t *testing.T) {
	all := measure(t, "own")
	require.GreaterOrEqual(t, all.Cases, 150)
	require.GreaterOrEqual(t, all.Code.Precision(), 0.97, "code precision")
	require.GreaterOrEqual(t, all.Code.Recall(), 0.92, "code recall")
	require.GreaterOrEqual(t, all.Link.Precision(), 0.95, "link precision")
	require.GreaterOrEqual(t, all.Link.Recall(), 0.90, "link recall")
}
