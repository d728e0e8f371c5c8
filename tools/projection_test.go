package tools_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

// canaryUnknown stands in fields of Ravi's answers that this server does not know.
const canaryUnknown = "CANARY%unkn#5e77d2"

// generous is a Ravi that adds unknown fields to every object of every answer.
type generous struct {
	http.RoundTripper
	added *atomic.Int32
}

func (g generous) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := g.RoundTripper.RoundTrip(r)
	if err != nil || !strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") {
		return response, err
	}
	body, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var answer any
	if decoder.Decode(&answer) == nil {
		g.add(answer)
		if body, err = json.Marshal(answer); err != nil {
			return nil, err
		}
	}
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	response.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return response, nil
}

func (g generous) add(to any) {
	switch to := to.(type) {
	case []any:
		for _, v := range to {
			g.add(v)
		}
	case map[string]any:
		for _, v := range to {
			g.add(v)
		}
		g.added.Add(1)
		to["plaintext"] = canaryUnknown
		to["history"] = []any{map[string]any{"value": canaryUnknown, "password": canaryUnknown}}
		to[canaryUnknown] = canaryUnknown
	}
}

// S2: unknown fields of Ravi's answers reach no result of any tool.
func TestUnknownFieldsOfRaviReachNoResult(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	var added atomic.Int32
	h.through = func(ravi http.RoundTripper) http.RoundTripper { return generous{ravi, &added} }
	assert.Contains(t, runCanaries(t, h), canaryUnknown)
	assert.Greater(t, int(added.Load()), 100)
}

// S2: no other result has a field for a secret. A new tool that has one fails here until it is listed.
func TestNoOtherResultHasAFieldForASecret(t *testing.T) {
	h := newSystem(t, sandbox.Config{}).everything()
	for _, d := range definitions(t, h.connect(&session.Caller{Name: session.LocalCaller})) {
		found := []string{}
		var look func(schema map[string]json.RawMessage)
		look = func(schema map[string]json.RawMessage) {
			for _, name := range []string{"items", "additionalProperties"} {
				var inner map[string]json.RawMessage
				if json.Unmarshal(schema[name], &inner) == nil {
					look(inner)
				}
			}
			var properties map[string]map[string]json.RawMessage
			_ = json.Unmarshal(schema["properties"], &properties)
			for name, p := range properties {
				opaque := p["properties"] == nil && string(p["type"]) == `"object"` // such as a secret.Secret
				for _, word := range []string{"password", "value", "secret", "notes", "token", "key", "seed", "code", "credential", "pin", "otpauth"} {
					if slices.Contains(strings.Split(name, "_"), word) && (opaque || string(p["type"]) == `"string"`) {
						found = append(found, name)
					}
				}
				look(p)
			}
		}
		var output map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(d.OutputSchema, &output), d.Name)
		look(output)
		slices.Sort(found)
		assert.ElementsMatch(t, slices.Concat(shows[d.Name], notSecret[d.Name]), slices.Compact(found), d.Name)
	}
}
