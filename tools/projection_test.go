package tools_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
	"ravi-mcp/schemas"
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

// S2: no other result has a field for a secret. A new tool that has one fails here until it is
// listed.
func TestNoOtherResultHasAFieldForASecret(t *testing.T) {
	h := newSystem(t, sandbox.Config{}).everything()
	for name, one := range h.known() {
		assert.ElementsMatch(t, slices.Concat(shows[name], notSecret[name]), secretFields(t, one.Output.Rules()), name)
	}
}

func TestSecretFieldsAreFoundInSchemas(t *testing.T) {
	type inner struct {
		Hidden secret.Secret   `json:"hidden"`
		Many   []secret.Secret `json:"many"`
		APIKey string          `json:"api_key"`
		Name   string          `json:"name"`
	}
	schema := schemas.Output[struct {
		List []inner `json:"list"`
	}]()
	assert.Equal(t, []string{"api_key", "hidden", "many"}, secretFields(t, schema.Rules()))

	_, err := findSecretFields(json.RawMessage(`{"type":"object","properties":{"open":{"type":"object","additionalProperties":true},"api_key":{"type":["string","null"]}}}`))
	assert.ErrorContains(t, err, "api_key", "no schema is passed over")
}

// secretFields returns the fields of a schema that can hold a secret: by their name, or because
// they hide what they are, as a secret.Secret does.
func secretFields(t *testing.T, document json.RawMessage) []string {
	t.Helper()
	found, err := findSecretFields(document)
	require.NoError(t, err)
	return found
}

func findSecretFields(document json.RawMessage) ([]string, error) {
	type property struct {
		Type       string
		Properties map[string]json.RawMessage
		Items      json.RawMessage
		Additional json.RawMessage `json:"additionalProperties"`
	}
	found := []string{}
	var look func(name string, document json.RawMessage) error
	look = func(name string, document json.RawMessage) error {
		if slices.Contains([]string{"", "true", "false"}, string(document)) {
			return nil
		}
		var p property
		if err := json.Unmarshal(document, &p); err != nil {
			return fmt.Errorf("the schema of %q: %w", name, err)
		}
		sounds := slices.ContainsFunc(strings.Split(name, "_"), func(word string) bool {
			return slices.Contains([]string{"password", "value", "secret", "note", "token", "key", "seed", "code", "credential", "pin", "otpauth"}, strings.TrimSuffix(word, "s"))
		})
		if p.Type == "string" && sounds || p.Type == "object" && len(p.Properties) == 0 && p.Additional == nil {
			found = append(found, name)
		}
		errs := []error{look(name, p.Items), look(name, p.Additional)}
		for name, inner := range p.Properties {
			errs = append(errs, look(name, inner))
		}
		return errors.Join(errs...)
	}
	err := look("", document)
	slices.Sort(found)
	return slices.Compact(found), err
}
