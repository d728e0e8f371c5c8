package otp

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The compiled-in table names every feature once, as it is written.
func TestWeightTableIsComplete(t *testing.T) {
	w, err := ParseWeights(weightTable)
	require.NoError(t, err)
	assert.Equal(t, w.String(), weightTable)
	seen := map[string]bool{}
	for f := range numFeatures {
		assert.NotEmpty(t, f.String())
		assert.False(t, seen[f.String()], "%s stands for two features", f)
		seen[f.String()] = true
	}
	for _, broken := range []string{"", "1.00\tno such feature\n" + weightTable, "x" + weightTable, weightTable + weightTable} {
		_, err := ParseWeights(broken)
		require.ErrorContains(t, err, "otp: weights: ")
	}
}
