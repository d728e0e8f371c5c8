package redistest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Value is what stands under a key.
type Value struct {
	// Text has every field, member, score and value.
	Text string
	// TTL is how long it will stand; negative: for ever.
	TTL time.Duration
}

// keys returns a client of a Redis without a password, and the keys there.
func keys(t testing.TB, s *Server, pattern string) (context.Context, *redis.Client, []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	c := redis.NewClient(&redis.Options{Addr: s.Addr})
	t.Cleanup(func() { _ = c.Close(); cancel() })
	names, err := c.Keys(ctx, pattern).Result()
	if err != nil {
		t.Fatal(err)
	}
	return ctx, c, names
}

// Dump returns everything that a Redis without a password keeps.
func Dump(t testing.TB, s *Server) map[string]Value {
	t.Helper()
	ctx, c, names := keys(t, s, "*")
	all := make(map[string]Value, len(names))
	for _, name := range names {
		kind, err := c.Type(ctx, name).Result()
		if err != nil {
			t.Fatal(err)
		}
		var value any
		switch kind {
		case "string":
			value, err = c.Get(ctx, name).Result()
		case "hash":
			value, err = c.HGetAll(ctx, name).Result()
		case "zset":
			value, err = c.ZRangeWithScores(ctx, name, 0, -1).Result()
		case "none":
			continue
		default:
			t.Fatalf("%s is a %s, which Dump does not know", name, kind)
		}
		if errors.Is(err, redis.Nil) {
			continue // its time came meanwhile
		}
		ttl, err2 := c.PTTL(ctx, name).Result()
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		if ttl == -2 {
			continue
		}
		all[name] = Value{Text: fmt.Sprint(value), TTL: ttl}
	}
	return all
}
