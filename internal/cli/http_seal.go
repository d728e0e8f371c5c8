package cli

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"ravi-mcp/internal/token"
)

// sealKeyName is the file in the state directory that holds the key which was made here.
const sealKeyName = "seal.key"

// seal returns the sealer of cursors: with the operator's key, else with the one in the state
// directory. An embedded Ravi that keeps nothing needs no key that outlives the process.
func (f *httpFlags) seal() (*token.Sealer, error) {
	text, source := os.Getenv("RAVI_MCP_SEAL_KEY"), "RAVI_MCP_SEAL_KEY"
	switch {
	case f.sealKeyFile != "":
		data, err := readPrivate(f.sealKeyFile)
		if err != nil {
			return nil, fmt.Errorf("--seal-key-file: %w", err)
		}
		text, source = string(data), "--seal-key-file"
	case strings.TrimSpace(text) != "":
	case f.sandbox && f.embedded.data == "" && f.stateDir == "":
		return token.Random(), nil
	default:
		dir, err := f.stateFolder()
		if err != nil {
			return nil, err
		}
		data, err := ownSealKey(dir)
		if err != nil {
			return nil, err
		}
		text, source = string(data), sealKeyName
	}
	keys := strings.Fields(strings.ReplaceAll(text, ",", " "))
	if len(keys) < 1 || len(keys) > 2 {
		return nil, fmt.Errorf("%s: want the key, and perhaps the previous one after it", source)
	}
	var raw [2][]byte
	for i, key := range keys {
		if raw[i] = sealKey(key); raw[i] == nil {
			return nil, fmt.Errorf("%s: want keys of 32 bytes in base64 or hex, such as `openssl rand -base64 32` prints", source)
		}
	}
	return token.NewSealer(raw[0], raw[1])
}

// sealKey reads a key of 32 bytes, or returns nil.
func sealKey(text string) []byte {
	decoders := []func(string) ([]byte, error){
		hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString,
		base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	}
	for _, decode := range decoders {
		if key, err := decode(text); err == nil && len(key) == token.KeySize {
			return key
		}
	}
	return nil
}

// ownSealKey reads the key in the state directory, or makes it there. Of two processes that make it
// at the same time, one wins and both use that one's.
func ownSealKey(dir string) ([]byte, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("--state-dir: %w", err)
	}
	path := filepath.Join(dir, sealKeyName)
	data, err := readPrivate(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	key := make([]byte, token.KeySize)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	temporary, err := os.CreateTemp(dir, ".seal-*")
	if err != nil {
		return nil, fmt.Errorf("--state-dir: %w", err)
	}
	defer os.Remove(temporary.Name())
	_, err = fmt.Fprintln(temporary, base64.StdEncoding.EncodeToString(key))
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return nil, fmt.Errorf("--state-dir: %w", err)
	}
	if err := os.Link(temporary.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("--state-dir: %w", err)
	}
	data, err = readPrivate(path)
	return bytes.TrimSpace(data), err
}
