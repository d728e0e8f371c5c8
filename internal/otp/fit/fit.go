package main

import (
	"hash/fnv"
	"io"
	"maps"
	"math"
	"slices"

	"ravi-mcp/internal/otp"
	"ravi-mcp/internal/otp/corpus"
)

const (
	rounds = 2    // the strongest word of each kind is chosen anew in each
	steps  = 60   // of descent in a round
	rate   = 0.05 // of a step
	hold   = 0.5  // how strongly a weight is held to what it was set to by hand
	room   = 1.0  // points that a value is to be clear of the threshold
	folds  = 5    // of a cross-validation
)

// example is a value that a message shows.
type example struct {
	said []said
	sign float64 // 1 if it is to be found, else -1
	bar  float64 // points that it is found with
}

type said struct {
	feature int
	share   float64
}

// fit returns the weights that read the cases best, starting from weights set by hand: logistic
// regression by full descent, so that the same cases give the same weights.
func fit(prior otp.Weights, cases []corpus.Case) otp.Weights {
	w := prior
	for range rounds {
		examples := examplesOf(w, cases)
		for range steps {
			descend(&w, prior, examples)
		}
	}
	for f := range w {
		w[f] = math.Round(w[f]*100) / 100
	}
	return w
}

func examplesOf(w otp.Weights, cases []corpus.Case) (out []example) {
	for _, c := range cases {
		codes, links := otp.Values(w, c.Message())
		out = append(append(out, labelled(codes, c.WantCode, otp.CodeThreshold)...), labelled(links, c.WantLink, otp.LinkThreshold)...)
	}
	return out
}

func labelled(values map[string]otp.Weights, want string, bar float64) (out []example) {
	for _, v := range slices.Sorted(maps.Keys(values)) {
		e := example{sign: -1, bar: bar}
		if v == want {
			e.sign = 1
		}
		for f, share := range values[v] {
			if share != 0 {
				e.said = append(e.said, said{f, share})
			}
		}
		out = append(out, e)
	}
	return out
}

// descend makes one step against the slope of the loss.
func descend(w *otp.Weights, prior otp.Weights, examples []example) {
	var slope, times otp.Weights
	for _, e := range examples {
		score := -e.bar
		for _, s := range e.said {
			score += w[s.feature] * s.share
		}
		pull := 1 / (1 + math.Exp(2*(e.sign*score-room)))
		for _, s := range e.said {
			slope[s.feature] += pull * e.sign * s.share
			times[s.feature] += pull * s.share
		}
	}
	for f := range w {
		w[f] += rate * (slope[f]/math.Max(1, math.Sqrt(times[f]+1)) - hold*float64(len(examples))/1000*(w[f]-prior[f]))
	}
}

// crossValidate reads the messages of each fold with weights fitted without them. A fold holds
// whole groups.
func crossValidate(prior otp.Weights, cases []corpus.Case, group func(corpus.Case) string) map[string]*corpus.Tally {
	groups := map[string]*corpus.Tally{}
	for fold := range folds {
		var in, rest []corpus.Case
		for _, c := range cases {
			if foldOf(group(c)) == fold {
				in = append(in, c)
			} else {
				rest = append(rest, c)
			}
		}
		w := fit(prior, rest)
		for _, c := range in {
			v := w.Extract(c.Message())
			for _, g := range []string{"(all)", "corpus " + c.Corpus, "channel " + c.Channel} {
				tallyOf(groups, g).Add(c, v)
			}
		}
	}
	return groups
}

func foldOf(group string) int {
	h := fnv.New32a()
	io.WriteString(h, group) //nolint:errcheck // a hash takes all
	return int(h.Sum32() % folds)
}
