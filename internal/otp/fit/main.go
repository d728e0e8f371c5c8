// Command fit measures what the package otp finds in the committed messages.
//
//	go run ./internal/otp/fit            # scores, cross-validated and by corpus, kind, language and channel
//	go run ./internal/otp/fit -miss FILE # the messages of a corpus that are read wrongly
//
// A cross-validation fits without all messages of some kinds, or of some languages, and then reads
// those.
package main

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"ravi-mcp/internal/otp"
	"ravi-mcp/internal/otp/corpus"
)

func main() {
	dir := flag.String("corpora", "testdata/otp", "directory of the messages")
	miss := flag.String("miss", "", "print the messages of this corpus that are read wrongly")
	flag.Parse()
	if err := run(os.Stdout, *dir, *miss); err != nil {
		fmt.Fprintln(os.Stderr, "fit:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, dir, miss string) error {
	cases, err := corpus.ReadAll(dir)
	if err != nil {
		return err
	}
	w := otp.CommittedWeights()
	if miss != "" {
		for _, c := range cases {
			if v := w.Extract(c.Message()); c.Corpus == miss && !c.Right(v) {
				fmt.Fprintln(out, c.Miss(v))
			}
		}
		return nil
	}
	for name, group := range map[string]func(corpus.Case) string{"kinds": kindOf, "languages": languageOf} {
		groups := crossValidate(w, cases, group)
		for _, g := range slices.Sorted(maps.Keys(groups)) {
			fmt.Fprintf(out, "%-36s %s\n", "without "+name+" "+g, groups[g])
		}
	}
	groups := map[string]*corpus.Tally{}
	for _, c := range cases {
		v := w.Extract(c.Message())
		for _, g := range []string{"all", "channel " + c.Channel, "corpus " + c.Corpus, "corpus " + c.Corpus + " " + c.Channel, "lang " + c.Lang, "kind " + kindOf(c)} {
			tallyOf(groups, g).Add(c, v)
		}
	}
	for _, g := range slices.Sorted(maps.Keys(groups)) {
		fmt.Fprintf(out, "%-36s %s\n", g, groups[g])
	}
	return nil
}

func kindOf(c corpus.Case) string     { return c.Corpus + "/" + c.Kind }
func languageOf(c corpus.Case) string { return c.Lang }

func tallyOf(groups map[string]*corpus.Tally, g string) *corpus.Tally {
	if groups[g] == nil {
		groups[g] = &corpus.Tally{}
	}
	return groups[g]
}
