package cli

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"

	"ravi-mcp/internal/token"
	"ravi-mcp/ravi/config"
)

// sealKeyName is the file in the state directory that holds the key which was made here.
const sealKeyName = "seal.key"

// errNoState says that nothing can be kept in the state directory.
var errNoState = errors.New("nothing can be kept in the state directory")

// seal returns the sealer of cursors: with the operator's key, in keyFile or RAVI_MCP_SEAL_KEY,
// else with the one in the state directory, so that cursors live on in the process that comes next.
// It is nil for a key of the process. An embedded Ravi that keeps nothing needs no other.
func (o *options) seal(keyFile string, log zerolog.Logger) (*token.Sealer, error) {
	text, source := os.Getenv(sealKeyVariable), sealKeyVariable
	switch {
	case keyFile != "":
		data, err := readPrivate(keyFile)
		if err != nil {
			return nil, fmt.Errorf("--seal-key-file: %w", err)
		}
		text, source = string(data), "--seal-key-file"
	case strings.TrimSpace(text) != "":
	case o.sandbox && o.embedded.data == "" && o.stateDir == "":
		return nil, nil
	default:
		return o.ownSealer(log)
	}
	return newSealer(text, source)
}

const sealKeyVariable = "RAVI_MCP_SEAL_KEY"

// ownSealer returns the sealer with the key in the state directory. Where none can be kept there,
// cursors end with this process. So they do over stdio where the file is damaged: the one client of
// the process is better off with a server than without.
func (o *options) ownSealer(log zerolog.Logger) (*token.Sealer, error) {
	data, path, err := o.ownSealKey()
	var sealer *token.Sealer
	if err == nil {
		sealer, err = newSealer(string(data), path)
	}
	if err == nil {
		return sealer, nil
	}
	if !errors.Is(err, errNoState) {
		err = fmt.Errorf("the key that seals cursors cannot be used: %w; or remove %s: a new one is made at the next start, and cursors in use end", err, path)
		if o.remote {
			return nil, err
		}
	}
	log.Warn().Err(err).Msg("cursors end with this process")
	return nil, nil
}

// newSealer reads the key and perhaps the previous one; source says in errors where they are from.
func newSealer(text, source string) (*token.Sealer, error) {
	keys := strings.Fields(strings.ReplaceAll(text, ",", " "))
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s: there is no key", source)
	}
	if err := config.CheckText(source, strings.Join(keys, " ")); err != nil {
		return nil, err
	}
	if len(keys) > 2 {
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

// ownSealKey reads the key in the state directory, or makes it there, and returns where that is. Of
// processes that make it at the same time one wins, and all use that one's. The error is errNoState
// where it can neither be read nor made.
func (o *options) ownSealKey() (data []byte, path string, err error) {
	dir, err := o.stateFolder()
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", errNoState, err)
	}
	path = filepath.Join(dir, sealKeyName)
	if data, err = readPrivate(path); !errors.Is(err, fs.ErrNotExist) {
		return data, path, err
	}
	if err := makeSealKey(dir, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, path, fmt.Errorf("%w: %w", errNoState, err)
	}
	data, err = readPrivate(path)
	return data, path, err
}

// makeSealKey makes a key in its file, which appears whole, and fails with fs.ErrExist if it is
// there.
func makeSealKey(dir, path string) error {
	key := make([]byte, token.KeySize)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	temporary, err := os.CreateTemp(dir, ".seal-*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	_, err = fmt.Fprintln(temporary, base64.StdEncoding.EncodeToString(key))
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err != nil {
		return err
	}
	return os.Link(temporary.Name(), path)
}
