// Package secret has one type, Secret: a value that prints as a mask wherever it is formatted,
// encoded or logged, and that is read only by a call to Reveal, which a reviewer (and a test) can
// search for.
package secret

import (
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/rs/zerolog"
)

// Mask is what every formatter and encoder prints in place of a value. It is the same for every
// value, the empty one included, so that not even the length of a value shows.
const Mask = "[secret]"

// Secret holds a value that must not appear in logs, errors or lists: a password, a token, a key, a
// code. The zero value is the empty secret.
//
// It is masked in every fmt verb, in JSON and text encodings, in zerolog and in slog. Decoding JSON
// or text fills it. A Secret is immutable and may be used by any number of goroutines.
type Secret struct{ value string }

// New returns a Secret that holds value.
func New(value string) Secret { return Secret{value} }

// Reveal returns the value itself. Call it only where the value leaves for the place it is meant
// for: a request to Ravi, or the result that was asked for it.
func (s Secret) Reveal() string { return s.value }

// Empty reports whether the value is the empty string.
func (s Secret) Empty() bool { return s.value == "" }

// Equal reports whether both hold the same value, in a time that depends on the lengths only.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.value), []byte(other.value)) == 1
}

// String returns Mask.
func (Secret) String() string { return Mask }

// GoString returns Mask.
func (Secret) GoString() string { return Mask }

// Format prints Mask for every verb and flag.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Mask)) }

// MarshalJSON encodes Mask.
func (Secret) MarshalJSON() ([]byte, error) { return json.Marshal(Mask) }

// MarshalText encodes Mask.
func (Secret) MarshalText() ([]byte, error) { return []byte(Mask), nil }

// MarshalZerologObject logs Mask under the field "secret".
func (Secret) MarshalZerologObject(e *zerolog.Event) { e.Str("secret", Mask) }

// LogValue logs Mask with log/slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(Mask) }

// UnmarshalJSON takes a JSON string, or null for the empty secret. Its error does not repeat the
// input.
func (s *Secret) UnmarshalJSON(data []byte) error {
	var v *string
	if err := json.Unmarshal(data, &v); err != nil {
		return fmt.Errorf("secret: want a JSON string or null")
	}
	s.value = ""
	if v != nil {
		s.value = *v
	}
	return nil
}

// UnmarshalText takes the text as the value.
func (s *Secret) UnmarshalText(text []byte) error {
	s.value = string(text)
	return nil
}
