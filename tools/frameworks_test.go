package tools_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
)

// framework does what a client framework does with a tool and with its results, after its public
// source.
type framework struct {
	source string
	// generate fails where the framework would, and drop the tool.
	generate func(d definition, parameters []string) error
	// arguments are what it sends for what a model gave.
	arguments func(parameters []string, given args) args
	// text is all that a model sees of a result.
	text func(r result) string
}

func firstBlock(r result) string { return r.Content[0].Text }

func asGiven(_ []string, given args) args { return given }

var frameworks = map[string]framework{
	"smolagents": {
		source: "grll/mcpadapt, src/mcpadapt/smolagents_adapter.py: writes the source of a class with a method forward, and runs it",
		generate: func(d definition, parameters []string) error {
			if strings.ContainsAny(d.Description, `\`) || strings.Contains(d.Description, `"""`) || strings.HasSuffix(d.Description, `"`) {
				return errors.New("the description ends its string")
			}
			return pythonNames(parameters)
		},
		arguments: func(parameters []string, given args) args { // all of them; None where the model gave none
			all := args{}
			for _, name := range parameters {
				all[name] = given[name]
			}
			return all
		},
		text: firstBlock,
	},
	"CrewAI": {
		source: "grll/mcpadapt, src/mcpadapt/crewai_adapter.py and utils/modeling.py: makes a Pydantic model of the schema",
		generate: func(_ definition, parameters []string) error {
			for _, name := range parameters { // Pydantic keeps these to itself
				if strings.HasPrefix(name, "_") || strings.HasPrefix(name, "model_") || slices.Contains([]string{"copy", "dict", "json", "schema", "validate", "construct"}, name) {
					return fmt.Errorf("a model cannot have the field %s", name)
				}
			}
			return nil
		},
		arguments: asGiven, // None is left out
		text:      firstBlock,
	},
	"NeMo Agent Toolkit": {
		source:    "NVIDIA/NeMo-Agent-Toolkit, tool_converter.py: gives inspect.Parameter the names of the schema",
		generate:  func(_ definition, parameters []string) error { return pythonNames(parameters) },
		arguments: asGiven,
		text: func(r result) string {
			var texts []string
			for _, block := range r.Content {
				texts = append(texts, block.Text)
			}
			return strings.Join(texts, "\n")
		},
	},
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// reserved are the words that are no names in Python, in JavaScript, or in both.
var reserved = strings.Fields(`False None True and as assert async await break class continue def del elif else except finally for from global
	if import in is lambda nonlocal not or pass raise return try while with yield self
	case catch const debugger default delete do enum export extends false function implements instanceof interface let new null
	package private protected public static super switch this throw true typeof var void`)

func pythonNames(parameters []string) error {
	for _, name := range parameters {
		if !identifier.MatchString(name) || slices.Contains(reserved, name) {
			return fmt.Errorf("%s is not a valid parameter name", name)
		}
	}
	return nil
}

// adopted is a client that was made by a framework.
type adopted struct {
	*agent
	framework
	tools map[string][]string // the parameters of each
}

func (f framework) adopt(t *testing.T, a *agent) *adopted {
	t.Helper()
	g := &adopted{a, f, map[string][]string{}}
	for _, d := range definitions(t, a) {
		var schema struct {
			Properties map[string]struct{ Type string }
		}
		require.NoError(t, json.Unmarshal(d.InputSchema, &schema))
		var parameters []string
		for name, p := range schema.Properties {
			assert.NotEmpty(t, p.Type, "%s.%s is of no type", d.Name, name)
			parameters = append(parameters, name)
		}
		assert.NoError(t, f.generate(d, parameters), "%s: %s", d.Name, f.source)
		g.tools[d.Name] = parameters
	}
	return g
}

// say calls a tool and returns what the model gets to read, as JSON.
func (g *adopted) say(tool string, given args) (read map[string]any) {
	g.t.Helper()
	require.Contains(g.t, g.tools, tool)
	r := g.call(tool, g.arguments(g.tools[tool], given))
	require.False(g.t, r.IsError, "%s: %v", tool, r.Content)
	require.NoError(g.t, json.Unmarshal([]byte(g.text(r)), &read), "%s: %s", tool, g.text(r))
	return read
}

// Frameworks that generate functions of the schemas, or show a model the first text block alone,
// lose no tool, code, link or password.
func TestFrameworksGetCodeLinkAndPassword(t *testing.T) {
	for name, f := range frameworks {
		t.Run(name, func(t *testing.T) {
			h := newSystem(t, sandbox.Config{}).everything()
			g := f.adopt(t, h.connect(local()))
			me := g.say("create_identity", args{"name": "ada"})
			address, phone := me["address"].(string), me["phone"].(string)
			saved := g.say("save_credential", args{"domain": "nimbus.example", "username": address, "show": true})
			assert.NotEmpty(t, saved["password"])

			h.mail(address, "Nimbus <no-reply@nimbus.example>", "Confirm your address", "Open https://nimbus.example/confirm?t=Zx81kd92 to confirm.", "")
			found := g.say("wait_for_otp", args{"cursor": me["cursor"], "sender": "nimbus.example"})
			assert.Equal(t, "https://nimbus.example/confirm?t=Zx81kd92", found["link"])
			h.sms(phone, "+15550001111", "Your Nimbus code is 271828")
			assert.Equal(t, "271828", g.say("wait_for_otp", args{"cursor": found["cursor"], "channel": "sms"})["code"])

			credential, _ := g.say("get_credential", args{"domain": "nimbus.example"})["credential"].(map[string]any)
			assert.Equal(t, saved["password"], credential["password"])
		})
	}
}

func TestGeneratorsRefuseReservedNames(t *testing.T) {
	for name, f := range frameworks {
		err := errors.Join(f.generate(definition{}, []string{"from"}), f.generate(definition{}, []string{"model_x"}))
		assert.Error(t, err, name)
	}
	assert.Error(t, frameworks["smolagents"].generate(definition{Description: `Say "now"`}, nil))
}
