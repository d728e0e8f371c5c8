package otp

import (
	"cmp"
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// feature is one thing that can be said of a candidate: of a value that may be the code, or of a
// URL that may be the link. Its text says it in words, both in the table of weights and in reasons.
type feature uint8

// finding is a feature that a candidate has. Its share is 1, or less where distance or another
// candidate takes from it.
type finding struct {
	feature feature
	share   float64
}

// Points are one number for each feature.
type Points [numFeatures]float64

// Weights holds what each feature is worth, in points. A code wins with [CodeThreshold] points and
// a link with [LinkThreshold]. Weights are read-only once made, and safe for concurrent use.
type Weights struct {
	Points Points // as fitted to the committed messages
	Prior  Points // as set by hand; the fitting begins here and is held to it
}

// weightTable has one line for each feature: points, points set by hand, text, with tabs between.
// The command internal/otp/fit writes the first column.
//
//go:embed weights.tsv
var weightTable string

var fitted = sync.OnceValue(func() *Weights {
	w, err := ParseWeights(weightTable)
	if err != nil {
		return &Weights{} // the table is compiled in and read by a test
	}
	return w
})

// FittedWeights returns a copy of the weights that [Extract] reads messages with.
func FittedWeights() Weights { return *fitted() }

// ParseWeights reads a table as [Weights.String] writes it. It fails on a line without points, on
// an unknown feature, and on a feature that is missing or stands twice.
func ParseWeights(table string) (*Weights, error) {
	byText := make(map[string]feature, numFeatures)
	for f := range numFeatures {
		byText[f.String()] = f
	}
	var w Weights
	for line := range strings.Lines(table) {
		columns := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		text := columns[len(columns)-1]
		f, ok := byText[text]
		if !ok || len(columns) != 3 {
			return nil, fmt.Errorf("otp: weights: unknown, doubled or incomplete feature %q", line)
		}
		points, err := strconv.ParseFloat(columns[0], 64)
		prior, err2 := strconv.ParseFloat(columns[1], 64)
		if err := cmp.Or(err, err2); err != nil {
			return nil, fmt.Errorf("otp: weights: %q: %w", text, err)
		}
		w.Points[f], w.Prior[f] = points, prior
		delete(byText, text)
	}
	if len(byText) > 0 {
		return nil, fmt.Errorf("otp: weights: %d features are missing", len(byText))
	}
	return &w, nil
}

// String writes the table, features in their order.
func (w *Weights) String() string {
	var b strings.Builder
	for f := range numFeatures {
		fmt.Fprintf(&b, "%.2f\t%.2f\t%s\n", w.Points[f], w.Prior[f], f)
	}
	return b.String()
}

func (w *Points) sum(found []finding) (points float64) {
	for _, f := range found {
		points += w[f.feature] * f.share
	}
	return points
}

// Values returns the values that a message shows as codes and as links, each with the shares of its
// features, for fitting weights: its points are the sum of weights times shares.
func Values(w Points, m Message) (codes, links map[string]Points) {
	e := newExtraction(&w, m, false)
	defer e.release()
	codes, links = make(map[string]Points), make(map[string]Points)
	v := Verdict{Kind: KindNone}
	for _, value := range e.rated().rank() {
		codes[value.code] = shares(value.found)
	}
	e.decide(&v)
	for _, l := range e.links(v.Code != "" || v.Kind == KindAmbiguous) {
		if !l.excluded {
			links[l.url] = shares(l.found)
		}
	}
	return codes, links
}

func shares(found []finding) (out Points) {
	for _, f := range found {
		out[f.feature] += f.share
	}
	return out
}
