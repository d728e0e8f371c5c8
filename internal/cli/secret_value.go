package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// maxValue is the length in bytes of the longest value that is read; the tools
// allow 65,536 characters.
const maxValue = 4 * 65536

// readValue reads a value from the terminal, without echo, or all of stdin
// without the line break at its end.
func readValue(s streams, prompt string) (string, error) {
	if in, ok := s.in.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
		fmt.Fprint(s.err, prompt)
		typed, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(s.err)
		if err != nil {
			return "", fmt.Errorf("read the value: %w", err)
		}
		return checkValue(string(typed))
	}
	data, err := io.ReadAll(io.LimitReader(s.in, maxValue+1))
	if err != nil {
		return "", fmt.Errorf("read the value: %w", err)
	}
	return checkValue(strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"))
}

func checkValue(value string) (string, error) {
	switch {
	case value == "":
		return "", errors.New("the value is empty; nothing was stored")
	case len(value) > maxValue:
		return "", errors.New("the value is too long; nothing was stored")
	case !utf8.ValidString(value):
		return "", errors.New("the value is no UTF-8 text; nothing was stored")
	}
	return value, nil
}
