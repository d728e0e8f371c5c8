package inbox

import (
	"strconv"
	"strings"
)

// counter reads "(1/2)", "[1/2]", "1/2:" or "1/2 " at the start, or "(1/2)",
// "[1/2]" at the end, with 2 to 10 parts.
func counter(s string) (no, of int, ok bool) {
	no, of, _, ok = cutCounter(s)
	return no, of, ok
}

func withoutCounter(s string) string {
	if _, _, rest, ok := cutCounter(s); ok {
		return rest
	}
	return s
}

func cutCounter(s string) (no, of int, rest string, ok bool) {
	t := strings.TrimSpace(s)
	for _, pair := range []string{"()", "[]"} {
		if strings.HasPrefix(t, pair[:1]) {
			if in, after, found := strings.Cut(t[1:], pair[1:]); found {
				if no, of, ok = fraction(in); ok {
					return no, of, strings.TrimPrefix(after, " "), true
				}
			}
		}
		if strings.HasSuffix(t, pair[1:]) {
			if i := strings.LastIndex(t, pair[:1]); i >= 0 {
				if no, of, ok = fraction(t[i+1 : len(t)-1]); ok {
					return no, of, strings.TrimSuffix(t[:i], " "), true
				}
			}
		}
	}
	if i := strings.IndexAny(t, ": "); i > 0 && i <= 5 {
		if no, of, ok = fraction(t[:i]); ok {
			return no, of, strings.TrimPrefix(t[i+1:], " "), true
		}
	}
	return 0, 0, "", false
}

func fraction(s string) (no, of int, ok bool) {
	a, b, found := strings.Cut(s, "/")
	if !found || len(a) > 2 || len(b) > 2 {
		return 0, 0, false
	}
	no, errA := strconv.Atoi(strings.TrimSpace(a))
	of, errB := strconv.Atoi(strings.TrimSpace(b))
	return no, of, errA == nil && errB == nil && of >= 2 && of <= maxParts && no >= 1 && no <= of
}
