// Results reads "go test -json" and shows what matters: the closing line of each package as soon as
// it is known, all that a failed test wrote, and every test that was skipped. It ends with 1 if
// there was one of the last two, or nothing at all.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
)

// event is a line of "go test -json" (go doc cmd/test2json).
type event struct{ Action, ImportPath, Package, Test, Output string }

// maxLines is how much of one failed test is shown, from its end.
const maxLines = 400

type results struct {
	written map[[2]string][]string // by package and test, until the test has ended
	bad     []string
	passed  int
}

func (r *results) take(e event) {
	key := [2]string{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Print(e.Output)
	case "output":
		r.written[key] = append(r.written[key], e.Output)
	case "pass":
		if e.Test == "" {
			r.passed++
			r.close(e.Package)
		}
		delete(r.written, key)
	case "skip":
		if e.Test == "" { // a package without tests
			r.close(e.Package)
			return
		}
		r.show(key)
		r.bad = append(r.bad, "skipped: "+e.Package+" "+e.Test)
	case "fail":
		if e.Test == "" {
			r.unfinished(e.Package)
			r.bad = append(r.bad, "failed:  "+e.Package)
			return
		}
		r.show(key)
		r.bad = append(r.bad, "failed:  "+e.Package+" "+e.Test)
	}
}

// close prints the last line of a package.
func (r *results) close(pkg string) {
	key := [2]string{pkg, ""}
	if lines := r.written[key]; len(lines) > 0 {
		fmt.Print(lines[len(lines)-1])
	}
	delete(r.written, key)
}

// unfinished prints what tests that never ended wrote, as after a panic or the timeout, and then
// what the package itself did.
func (r *results) unfinished(pkg string) {
	var keys [][2]string
	for key := range r.written {
		if key[0] == pkg {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b [2]string) int { return strings.Compare(b[1], a[1]) })
	for _, key := range keys {
		r.show(key)
	}
}

func (r *results) show(key [2]string) {
	lines := r.written[key]
	if len(lines) > maxLines {
		fmt.Printf("(%d lines left out)\n", len(lines)-maxLines)
		lines = lines[len(lines)-maxLines:]
	}
	fmt.Print(strings.Join(lines, ""))
	delete(r.written, key)
}

func main() {
	r := results{written: make(map[[2]string][]string)}
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadString('\n')
		var e event
		switch {
		case line == "":
		case json.Unmarshal([]byte(line), &e) != nil:
			fmt.Print(line) // of the go command itself
		default:
			r.take(e)
		}
		if err != nil {
			break
		}
	}
	for _, what := range r.bad {
		fmt.Println(what)
	}
	if len(r.bad) > 0 || r.passed == 0 {
		os.Exit(1)
	}
}
