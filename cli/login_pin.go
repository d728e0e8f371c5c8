package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// readPIN reads the PIN without echo from the terminal, or from --pin-fd. The
// caller overwrites it.
func (l login) readPIN() ([]byte, error) {
	if l.pinFD >= 0 {
		return l.readPINFrom(os.NewFile(uintptr(l.pinFD), "pin"))
	}
	in, ok := l.streams.in.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, errors.New("the vault is encrypted and there is no terminal to ask for the PIN; use --pin-fd")
	}
	fmt.Fprint(l.streams.err, "PIN of the Ravi account (six digits): ")
	pin, err := term.ReadPassword(int(in.Fd()))
	fmt.Fprintln(l.streams.err)
	if err != nil {
		return nil, fmt.Errorf("read the PIN: %w", err)
	}
	return bytes.TrimSpace(pin), nil
}

func (l login) readPINFrom(f *os.File) ([]byte, error) {
	if f == nil {
		return nil, fmt.Errorf("--pin-fd %d is not open", l.pinFD)
	}
	defer f.Close()
	var line [64]byte
	n, err := io.ReadFull(f, line[:])
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("--pin-fd %d cannot be read", l.pinFD)
	}
	return bytes.TrimSpace(line[:n]), nil
}
