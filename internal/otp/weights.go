package otp

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// feature is one thing that can be said of a candidate: of a value that may be the code, or of a
// URL that may be the link. weights.tsv has a line for each, in the order of the constants, with a
// text that says it in words.
type feature uint8

// finding is a feature that a candidate has. Its share is 1, or less where distance or another
// candidate takes from it.
type finding struct {
	feature feature
	share   float64
}

// Weights holds what each feature is worth, in points. A code wins with [CodeThreshold] points and
// a link with [LinkThreshold]. Weights are read-only once made, and safe for concurrent use.
type Weights [numFeatures]float64

// weightTable has one line for each feature: points, a tab, and its text.
//
//go:embed weights.tsv
var weightTable string

type table struct {
	weights Weights
	texts   [numFeatures]string
}

var committed = sync.OnceValue(func() *table {
	t, err := parseTable(weightTable)
	if err != nil {
		return &table{} // the table is compiled in and read by a test
	}
	return t
})

// CommittedWeights returns a copy of the weights that [Extract] reads messages with.
func CommittedWeights() Weights { return committed().weights }

func parseTable(data string) (*table, error) {
	var t table
	f := feature(0)
	for line := range strings.Lines(data) {
		points, text, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !ok || f == numFeatures {
			return nil, fmt.Errorf("otp: weights: %q is no line of points and text, or one too many", line)
		}
		var err error
		if t.weights[f], err = strconv.ParseFloat(points, 64); err != nil {
			return nil, fmt.Errorf("otp: weights: %q: %w", text, err)
		}
		t.texts[f] = text
		f++
	}
	if f < numFeatures {
		return nil, fmt.Errorf("otp: weights: %d lines are missing", numFeatures-f)
	}
	return &t, nil
}

func (w *Weights) sum(found []finding) (points float64) {
	for _, f := range found {
		points += w[f.feature] * f.share
	}
	return points
}

// Values returns the values that a message shows as codes and as links, each with the shares of its
// features, for fitting weights: its points are the sum of weights times shares.
func Values(w Weights, m Message) (codes, links map[string]Weights) {
	e := newExtraction(&w, m, false)
	defer e.release()
	codes, links = make(map[string]Weights), make(map[string]Weights)
	for _, value := range e.rated().rank() {
		codes[value.code] = shares(value.found)
	}
	for _, l := range e.links(len(codes) > 0) {
		if !l.excluded {
			links[l.url] = shares(l.found)
		}
	}
	return codes, links
}

func shares(found []finding) (out Weights) {
	for _, f := range found {
		out[f.feature] += f.share
	}
	return out
}
