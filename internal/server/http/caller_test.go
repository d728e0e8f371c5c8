package http

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBurstIsTwiceTheRate(t *testing.T) {
	assert.Nil(t, newLimiter(-1), "no limit")
	for perSecond, burst := range map[int]int{
		1:                 2,
		DefaultRate:       2 * DefaultRate,
		math.MaxInt / 2:   math.MaxInt - 1,
		math.MaxInt/2 + 1: math.MaxInt,
		math.MaxInt:       math.MaxInt,
	} {
		limiter := newLimiter(perSecond)
		require.NotNil(t, limiter, perSecond)
		assert.Equal(t, burst, limiter.Burst(), perSecond)
		assert.True(t, limiter.Allow(), perSecond)
	}
}
