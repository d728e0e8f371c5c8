package otp

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The compiled-in table has a line for each feature, in the order of the constants.
func TestWeightTableFitsFeatures(t *testing.T) {
	read, err := parseTable(weightTable)
	require.NoError(t, err)
	seen := map[string]bool{}
	for f, text := range read.texts {
		assert.NotEmpty(t, text)
		assert.False(t, seen[text], "%s stands twice", text)
		seen[text] = true
		assert.NotContains(t, text, "\t", f)
	}
	for f, text := range map[feature]string{
		wordName.at(placeBefore): "words for a verification code directly before it", wordVerb.at(placeSubject): "a request to enter it or to sign in in the subject",
		featSixDigits: "six digits", featHidden: "only in text that is not displayed", featBothParts: "in the text and in the HTML",
		featLinkVerb: "its label says to verify, confirm, activate, reset, accept or approve", featRepeated: "given more than once",
	} {
		assert.Equal(t, text, read.texts[f])
	}
	for _, broken := range []string{"", "x\ty\n" + weightTable, weightTable + "1.00\tone more\n", "no tab\n", strings.Replace(weightTable, "\t", " ", 1)} {
		_, err := parseTable(broken)
		require.ErrorContains(t, err, "otp: weights: ")
	}
}
