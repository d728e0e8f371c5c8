package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// readPIN reads the PIN without echo from the terminal, or from --pin-fd. The caller overwrites it.
// It ends with ctx, so that an interrupt ends the program.
func (l login) readPIN(ctx context.Context) ([]byte, error) {
	if l.pinFD >= 0 {
		return l.readPINFrom(ctx, os.NewFile(uintptr(l.pinFD), "pin"))
	}
	in, ok := l.streams.in.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, errors.New("the vault is encrypted and there is no terminal to ask for the PIN; use --pin-fd")
	}
	terminal := int(in.Fd())
	before, err := term.GetState(terminal)
	if err != nil {
		return nil, fmt.Errorf("the terminal cannot be set up: %w", err)
	}
	fmt.Fprint(l.streams.err, "PIN of the Ravi account (six digits): ")
	pin, err := until(ctx, func() ([]byte, error) { return term.ReadPassword(terminal) })
	fmt.Fprintln(l.streams.err)
	if err != nil {
		_ = term.Restore(terminal, before) // the echo comes back also after an interrupt
		return nil, fmt.Errorf("the PIN was not read: %w", err)
	}
	return bytes.TrimSpace(pin), nil
}

func (l login) readPINFrom(ctx context.Context, f *os.File) ([]byte, error) {
	if f == nil {
		return nil, fmt.Errorf("--pin-fd %d is not open", l.pinFD)
	}
	defer f.Close()
	const longest = 64 // far more than a PIN; a file that is something else is not read whole
	line, err := until(ctx, func() ([]byte, error) {
		line, err := bufio.NewReader(io.LimitReader(f, longest)).ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return line, err
	})
	if err != nil {
		return nil, fmt.Errorf("--pin-fd %d cannot be read", l.pinFD)
	}
	return bytes.TrimSpace(line), nil
}

// until returns what read returns, or the cause of ctx when that ends first; read then goes on
// until the process ends.
func until(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type outcome struct {
		data []byte
		err  error
	}
	done := make(chan outcome, 1)
	go func() {
		data, err := read()
		done <- outcome{data, err}
	}()
	select {
	case o := <-done:
		return o.data, o.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// maxValue is the length in bytes of the longest value that is read; the tools allow 65,536
// characters.
const maxValue = 4 * 65536

// readValue reads a value from the terminal, without echo, or all of stdin without the line break
// at its end.
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
