package schemas

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	validation "github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// problems flattens the validator's tree of causes into one line per fault.
func (p property) problems(e *validation.ValidationError) []Problem {
	var out []Problem
	var walk func(*validation.ValidationError)
	walk = func(e *validation.ValidationError) {
		if len(e.Causes) == 0 {
			out = append(out, p.problem(e)...)
		}
		for _, cause := range e.Causes {
			walk(cause)
		}
	}
	walk(e)
	slices.SortStableFunc(out, func(a, b Problem) int { return strings.Compare(a.Argument, b.Argument) })
	return slices.Compact(out)
}

func (p property) problem(e *validation.ValidationError) []Problem {
	at, prop := p.locate(e.InstanceLocation)
	one := func(format string, args ...any) []Problem {
		return []Problem{{Argument: at, Text: fmt.Sprintf(format, args...)}}
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		var out []Problem
		for _, name := range k.Missing {
			out = append(out, Problem{Argument: join(at, name), Text: "is required" + about(prop.Properties[name])})
		}
		return out
	case *kind.AdditionalProperties:
		known := slices.Sorted(maps.Keys(prop.Properties))
		return one("%s; known arguments: %s", unknown(k.Properties), list(known))
	case *kind.Type:
		return one("must be %s", typeWords(k.Want))
	case *kind.Enum:
		var words []string
		for _, w := range k.Want {
			words = append(words, fmt.Sprint(w))
		}
		return one("must be one of %s", list(words))
	case *kind.MaxLength:
		return one("is too long: at most %d characters", k.Want)
	case *kind.MinLength:
		if k.Want == 1 {
			return one("must not be empty")
		}
		return one("is too short: at least %d characters", k.Want)
	case *kind.Pattern:
		return one("does not have the form it needs (pattern %s)%s", k.Want, about(prop))
	case *kind.Minimum:
		return one("must be at least %s", k.Want.RatString())
	case *kind.Maximum:
		return one("must be at most %s", k.Want.RatString())
	case *kind.MinItems:
		return one("needs at least %d entries", k.Want)
	case *kind.MaxItems:
		return one("takes at most %d entries", k.Want)
	case *kind.Format:
		return one("must be a valid %s", k.Want)
	default:
		return one("does not fit the schema")
	}
}

// locate returns the printed path of a value and the schema that stands there.
func (p property) locate(path []string) (string, property) {
	at := ""
	for _, step := range path {
		if p.Type == "array" && p.Items != nil {
			if _, err := strconv.Atoi(step); err == nil {
				at += "[" + step + "]"
				p = *p.Items
				continue
			}
		}
		at = join(at, step)
		p = p.Properties[step]
	}
	return at, p
}

func join(parent, name string) string {
	if parent == "" {
		return name
	}
	return parent + "." + name
}

func about(p property) string {
	if p.Description == "" {
		return ""
	}
	return " (" + strings.TrimSuffix(p.Description, ".") + ")"
}

// argumentName is what the names of arguments look like: userId, reply-to, oauth2Token, $schema,
// user.id. Values of a vault rather have more digits than these, or other signs.
var argumentName = regexp.MustCompile(`^[\p{L}_$-]([\p{L}_.$-]*[0-9]?){0,4}$`)

// maxArgumentName is the length in bytes of the longest name that is repeated.
const maxArgumentName = 48

// unknown names the keys that the schema does not know. A key is input, and a value can stand where
// a key should by mistake: only a few that read as an argument's name are repeated.
func unknown(keys []string) string {
	var names []string
	for _, k := range keys {
		if len(k) <= maxArgumentName && argumentName.MatchString(k) {
			names = append(names, k)
		}
	}
	if len(names) == 0 {
		return "unknown argument"
	}
	slices.Sort(names)
	return "unknown argument " + list(names[:min(len(names), 5)])
}

func list(words []string) string {
	if len(words) == 0 {
		return "(none)"
	}
	return "`" + strings.Join(words, "`, `") + "`"
}

func typeWords(types []string) string {
	var words []string
	for _, name := range types {
		switch name {
		case "integer":
			words = append(words, "a whole number")
		case "object", "array":
			words = append(words, "an "+name)
		default:
			words = append(words, "a "+name)
		}
	}
	return strings.Join(words, " or ")
}
