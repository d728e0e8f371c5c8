package cli

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// maxClientFile is the size of the largest configuration file of a client that is changed.
const maxClientFile = 8 << 20

// clientFile is a client's configuration file as it was found. It may be missing.
type clientFile struct {
	path string // of the file itself, where a symlink leads to it
	data []byte
	info fs.FileInfo // nil if it is missing
}

func readClientFile(path string) (clientFile, error) {
	f := clientFile{path: path}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		f.path = target
	}
	info, err := os.Stat(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f, nil
	case err != nil:
		return f, err
	case !info.Mode().IsRegular() || info.Size() > maxClientFile:
		return f, fmt.Errorf("%s is no ordinary file of a client", path)
	}
	f.info = info
	f.data, err = os.ReadFile(f.path)
	return f, err
}

// replace writes the file anew, whole or not at all, with the rights that it had, and keeps a copy
// of what it was. It fails if the file was changed meanwhile.
func (f clientFile) replace(data []byte) (backup string, err error) {
	mode := fs.FileMode(0o600)
	if f.info != nil {
		mode = f.info.Mode().Perm()
		backup = fmt.Sprintf("%s.%s.bak", f.path, time.Now().UTC().Format("20060102T150405.000Z"))
		if err := writeNew(backup, f.data, mode); err != nil {
			return "", err
		}
	} else if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return "", err
	}
	partial := filepath.Join(filepath.Dir(f.path), "."+filepath.Base(f.path)+"."+rand.Text()[:10])
	if err := writeNew(partial, data, mode); err != nil {
		return "", err
	}
	now, err := os.ReadFile(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && f.info == nil:
		err = nil
	case err == nil && (f.info == nil || !bytes.Equal(now, f.data)):
		err = errors.New("the file was changed meanwhile; run the command again")
	}
	if err == nil {
		err = os.Rename(partial, f.path)
	}
	if err != nil {
		_ = os.Remove(partial)
	}
	return backup, err
}

// writeNew writes a file that did not exist.
func writeNew(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		_ = os.Remove(path)
	}
	return err
}

// object is a JSON object whose members keep their order and their text.
type object struct {
	names  []string
	values map[string]json.RawMessage
}

// parseObject reads an object; an empty text is one without members. Its errors repeat nothing of
// the text, which may hold credentials of other servers.
func parseObject(data []byte) (object, error) {
	o := object{values: make(map[string]json.RawMessage)}
	if len(bytes.TrimSpace(data)) == 0 {
		return o, nil
	}
	if !json.Valid(data) {
		return o, errors.New("not JSON; correct the file first")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return o, errors.New("not a JSON object; correct the file first")
	}
	for dec.More() {
		token, err := dec.Token()
		name, isName := token.(string)
		var value json.RawMessage
		if err != nil || !isName || dec.Decode(&value) != nil {
			return o, errors.New("not JSON; correct the file first")
		}
		if _, twice := o.values[name]; twice {
			return o, errors.New("a member stands twice; correct the file first")
		}
		o.set(name, value)
	}
	return o, nil
}

func (o *object) get(name string) json.RawMessage { return o.values[name] }

func (o *object) set(name string, value json.RawMessage) {
	if o.values == nil {
		o.values = make(map[string]json.RawMessage)
	}
	if _, has := o.values[name]; !has {
		o.names = append(o.names, name)
	}
	o.values[name] = value
}

func (o *object) drop(name string) { delete(o.values, name) }

func (o *object) encode() json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	for _, name := range o.names {
		value, has := o.values[name]
		if !has {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(',')
		}
		b.Write(plainJSON(name))
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// plainJSON is JSON for strings, without escapes for < and &.
func plainJSON(v any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // strings always can be
	return bytes.TrimSpace(b.Bytes())
}

// same reports whether two texts are the same JSON, but for white space.
func same(a, b json.RawMessage) bool {
	var x, y bytes.Buffer
	return a != nil && json.Compact(&x, a) == nil && json.Compact(&y, b) == nil && bytes.Equal(x.Bytes(), y.Bytes())
}
