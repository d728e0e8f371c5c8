package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi/secret"
)

const canary = "canary-5f1d0c"

type holder struct {
	Name  string
	Value secret.Secret
	Deep  *secret.Secret
}

func newHolder() holder {
	deep := secret.New(canary)
	return holder{Name: "x", Value: secret.New(canary), Deep: &deep}
}

func TestSecretIsMaskedByEveryVerb(t *testing.T) {
	s := secret.New(canary)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10.3s", "%U", "%e", "%o", "%b", "%c"} {
		for name, v := range map[string]any{"value": s, "pointer": &s, "holder": newHolder(), "slice": []secret.Secret{s}, "map": map[string]secret.Secret{"k": s}} {
			out := fmt.Sprintf(verb, v)
			assert.NotContains(t, out, canary, "%s of %s", verb, name)
			assert.NotContains(t, out, fmt.Sprintf("%x", canary), "%s of %s", verb, name)
		}
		assert.Equal(t, secret.Mask, fmt.Sprintf(verb, s), verb)
	}
	assert.NotContains(t, fmt.Sprintln(s, newHolder()), canary)
	assert.NotContains(t, fmt.Errorf("wrap %v: %w", s, errors.New(s.String())).Error(), canary)
}

func TestSecretIsMaskedByEveryEncoder(t *testing.T) {
	h := newHolder()
	outputs := map[string]string{}

	data, err := json.Marshal(h)
	require.NoError(t, err)
	outputs["json"] = string(data)
	data, err = json.Marshal(map[secret.Secret]int{h.Value: 1})
	require.NoError(t, err)
	outputs["json key"] = string(data)
	data, err = xml.Marshal(h)
	require.NoError(t, err)
	outputs["xml"] = string(data)

	var buf bytes.Buffer
	log := zerolog.New(&buf)
	log.Info().Interface("h", h).Any("s", h.Value).Object("o", h.Value).Stringer("str", h.Value).Msg("")
	log.Info().Err(fmt.Errorf("with %v", h.Value)).Fields(map[string]any{"s": h.Value}).Msg("")
	slog.New(slog.NewJSONHandler(&buf, nil)).Info("", "s", h.Value, "h", h)
	slog.New(slog.NewTextHandler(&buf, nil)).Info("", "s", h.Value, "h", h)
	outputs["logs"] = buf.String()

	for name, out := range outputs {
		assert.NotContains(t, out, canary, name)
		assert.NotContains(t, out, base64.StdEncoding.EncodeToString([]byte(canary)), name)
		assert.Contains(t, out, secret.Mask, name)
	}
}

func TestSecretUnmarshalErrorsHideInput(t *testing.T) {
	var h holder
	require.NoError(t, json.Unmarshal([]byte(`{"Value":"`+canary+`","Deep":null}`), &h))
	assert.Equal(t, canary, h.Value.Reveal())
	assert.Nil(t, h.Deep)

	var s secret.Secret
	require.NoError(t, s.UnmarshalText([]byte(canary)))
	assert.True(t, s.Equal(secret.New(canary)))
	assert.False(t, s.Equal(secret.New(canary+"x")))
	require.NoError(t, json.Unmarshal([]byte(`null`), &s))
	assert.True(t, s.Empty())

	err := json.Unmarshal([]byte(`{"Value":{"inner":"`+canary+`"}}`), &h)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), canary)
}
