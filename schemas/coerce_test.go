package schemas_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ravi-mcp/schemas"
)

// sent is how hosts send what a model or a form gave: each case has arguments beside the required
// name and what is made of them, or a part of the words of the refusal.
type sent struct{ args, want, refused string }

func checkSent(t *testing.T, s *schemas.Schema, cases []sent) {
	t.Helper()
	for _, c := range cases {
		got, problems, err := s.Arguments(json.RawMessage(`{"name":"a",` + c.args + `}`))
		require.NoError(t, err, c.args)
		if c.refused != "" {
			require.NotEmpty(t, problems, c.args)
			assert.Contains(t, problems[0].String(), c.refused, c.args)
			continue
		}
		require.Empty(t, problems, c.args)
		assert.JSONEq(t, `{"name":"a"`+c.want+`}`, string(got), c.args)
	}
}

func TestEmptyTextOfAnOptionalIsAbsent(t *testing.T) {
	type more struct {
		params
		Country string          `json:"country,omitempty" jsonschema:"pattern=^[A-Z]{2}$"`
		Factor  float64         `json:"factor,omitempty"`
		Notes   *string         `json:"notes,omitempty"`
		Secret  string          `json:"secret,omitempty" jsonschema:"minLength=1"`
		Where   struct{ X int } `json:"where,omitzero"`
	}
	checkSent(t, schemas.Input[more](), []sent{
		{args: `"channel":"","timeout_seconds":"","deep":"","ids":"","country":"","factor":"","where":""`},
		{args: `"channel":null,"timeout_seconds":null,"deep":null,"ids":null,"country":null,"factor":null,"where":null,"notes":null,"secret":null`},
		{args: `"notes":""`, want: `,"notes":""`},
		{args: `"secret":""`, refused: "`secret`: must not be empty"},
		{args: `"channel":" "`, refused: "`channel`: must be one of"},
		{args: `"channel":"null"`, refused: "`channel`: must be one of"},
		{args: `"channel":"undefined"`, refused: "`channel`: must be one of"},
		{args: `"timeout_seconds":" "`, refused: "`timeout_seconds`: must be a whole number"},
		{args: `"timeout_seconds":"null"`, refused: "`timeout_seconds`: must be a whole number"},
		{args: `"deep":"null"`, refused: "`deep`: must be a boolean"},
		{args: `"ids":[null]`, refused: "`ids[0]`: must be a string"},
	})

	type required struct {
		Kind  string `json:"kind_of" jsonschema:"enum=a,enum=b"`
		Count int    `json:"count"`
		Name  string `json:"name"`
	}
	_, problems, err := schemas.Input[required]().Arguments(json.RawMessage(`{"name":"","kind_of":"","count":""}`))
	require.NoError(t, err)
	assert.Len(t, problems, 2, "what is required is not absent")
}

func TestNumbersAndBooleansMayBeText(t *testing.T) {
	checkSent(t, input(t), []sent{
		{args: `"timeout_seconds":"25"`, want: `,"timeout_seconds":25`},
		{args: `"timeout_seconds":"25.0"`, want: `,"timeout_seconds":25`},
		{args: `"timeout_seconds":" 25 "`, want: `,"timeout_seconds":25`},
		{args: `"timeout_seconds":"\"25\""`, want: `,"timeout_seconds":25`},
		{args: `"deep":"false"`, want: `,"deep":false`},
		{args: `"timeout_seconds":"25.5"`, refused: "`timeout_seconds`: must be a whole number"},
		{args: `"timeout_seconds":"50/2"`, refused: "`timeout_seconds`: must be a whole number"},
		{args: `"timeout_seconds":"0x19"`, refused: "`timeout_seconds`: must be a whole number"},
		{args: `"timeout_seconds":"NaN"`, refused: "`timeout_seconds`: must be a whole number"},
		{args: `"timeout_seconds":"1e999999"`, refused: "`timeout_seconds`: must be a whole number"},
		{args: `"timeout_seconds":true`, refused: "`timeout_seconds`: must be a whole number"},
		{args: `"deep":"yes"`, refused: "`deep`: must be a boolean"},
		{args: `"deep":1`, refused: "`deep`: must be a boolean"},
	})
}

func TestListMayBeJSONText(t *testing.T) {
	type more struct {
		params
		Numbers []int `json:"numbers,omitempty"`
		Where   struct {
			X int `json:"x"`
		} `json:"where,omitzero"`
	}
	checkSent(t, schemas.Input[more](), []sent{
		{args: `"ids":"[\"a\",\"b\"]"`, want: `,"ids":["a","b"]`},
		{args: `"ids":" [\"a\", \"b\"]\n"`, want: `,"ids":["a","b"]`},
		{args: `"ids":"\"[\\\"a\\\",\\\"b\\\"]\""`, want: `,"ids":["a","b"]`},
		{args: `"ids":"[]"`, want: `,"ids":[]`},
		{args: `"ids":"bob+x@example.com"`, want: `,"ids":["bob+x@example.com"]`},
		{args: `"ids":"12345678"`, want: `,"ids":["12345678"]`},
		{args: `"numbers":"[1,\"2\",3.0]"`, want: `,"numbers":[1,2,3]`},
		{args: `"where":"{\"x\":\"4\"}"`, want: `,"where":{"x":4}`},

		{args: `"ids":"a,b"`, refused: "`ids`: must be an array"},
		{args: `"ids":"a b"`, refused: "`ids`: must be an array"},
		{args: `"ids":"a\nb"`, refused: "`ids`: must be an array"},
		{args: `"ids":"a;b"`, refused: "`ids`: must be an array"},
		{args: `"ids":"['a', 'b']"`, refused: "`ids`: must be an array"},
		{args: `"ids":"[\"a\",\"b\""`, refused: "`ids`: must be an array"},
		{args: `"ids":"{\"a\":\"b\"}"`, refused: "`ids`: must be an array"},
		{args: `"ids":{"0":"a"}`, refused: "`ids`: must be an array"},
		{args: `"ids":["[\"a\",\"b\"]"]`, refused: "`ids[0]`: is the JSON text of a list"},
		{args: `"ids":["x","{\"a\":1}"]`, refused: "`ids[1]`: is the JSON text of a list"},
		{args: `"ids":"[\"[\\\"a\\\",\\\"b\\\"]\"]"`, refused: "`ids[0]`: is the JSON text of a list"},
		{args: `"ids":"[[\"a\",\"b\"]]"`, refused: "`ids[0]`: must be a string"},
		{args: `"ids":"[1,2]"`, refused: "`ids[0]`: must be a string"},
		{args: `"numbers":"[1e999999]"`, refused: "`numbers`: must be an array"},
	})
}

// However a list of strings is encoded on its way, it arrives as that list or is refused; it is
// never one element.
func TestListIsNeverOneElement(t *testing.T) {
	s := schemas.Input[struct {
		Codes []string `json:"codes"`
	}]()
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.OneOf(rapid.StringMatching(`[A-Za-z0-9 ,;\[\]"{}-]{1,12}`), rapid.String()), 2, 6).Draw(t, "list")
		encode := func(v any) string {
			text, err := json.Marshal(v)
			require.NoError(t, err)
			return string(text)
		}
		separator := rapid.SampledFrom([]string{",", ", ", ";", " ", "\n", "\t", "|", " / "}).Draw(t, "separator")
		once := encode(list)
		for name, value := range map[string]any{
			"as it is": list, "JSON text": once, "twice": encode(once), "three times": encode(encode(once)),
			"in a list": []string{once}, "joined": strings.Join(list, separator), "list in a list": [][]string{list},
		} {
			out, problems, err := s.Arguments(json.RawMessage(encode(map[string]any{"codes": value})))
			require.NoError(t, err)
			if len(problems) > 0 {
				continue
			}
			if name == "joined" && slices.ContainsFunc(list, func(s string) bool { return strings.TrimSpace(s) == "" }) {
				continue // what is left may be one word
			}
			var got struct{ Codes []string }
			require.NoError(t, json.Unmarshal(out, &got))
			require.Equal(t, list, got.Codes, name)
		}
	})
}
