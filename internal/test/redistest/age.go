package redistest

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// AgeLeases makes the leases in a Redis without a password older, as if each had been written so
// much earlier.
func AgeLeases(t testing.TB, s *Server, by time.Duration) {
	t.Helper()
	ctx, c, names := keys(t, s, "*:lease*:*")
	for _, name := range names {
		var err error
		switch {
		case strings.Contains(name, ":lease:"):
			err = c.HIncrBy(ctx, name, "born", -by.Milliseconds()).Err()
		case strings.Contains(name, ":leases:"):
			var ids []string
			ids, err = c.ZRange(ctx, name, 0, -1).Result()
			for _, id := range ids {
				err = errors.Join(err, c.ZIncrBy(ctx, name, -float64(by.Milliseconds()), id).Err())
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
