//go:build !race

package harness

// Race says that the test runs with the race detector, which the program then has as well.
const Race = false
