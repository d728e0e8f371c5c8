package redistest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Pass lets time go by for the leases in a Redis without a password, as if each
// had been written so much earlier.
func Pass(t testing.TB, s *Server, by time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := redis.NewClient(&redis.Options{Addr: s.Addr})
	defer c.Close()
	names, err := c.Keys(ctx, "*:lease*:*").Result()
	for _, name := range names {
		switch {
		case err != nil:
		case strings.Contains(name, ":lease:"):
			err = c.HIncrBy(ctx, name, "born", -by.Milliseconds()).Err()
		case strings.Contains(name, ":leases:"):
			var ids []string
			ids, err = c.ZRange(ctx, name, 0, -1).Result()
			for _, id := range ids {
				if err == nil {
					err = c.ZIncrBy(ctx, name, -float64(by.Milliseconds()), id).Err()
				}
			}
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}
