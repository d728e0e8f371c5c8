package schemas

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// injected names the arguments that hosts add to the calls of every tool, whatever its schema says.
// Most servers refuse or ignore them. They say nothing to a tool, and some hold what a user typed.
//
// The list is closed: a name gets in when a host is known to send it, and no tool could mean
// anything by it. So n8n's `files` stays out, which a model may mean for attachments.
var injected = map[string]string{
	"action":            "n8n, AI Agent with a chat trigger",
	"chatInput":         "n8n, AI Agent with a chat trigger: the user's message",
	"sessionId":         "n8n, AI Agent with a chat trigger",
	"toolCallId":        "n8n, MCP Client Tool",
	"task_progress":     "Cline: the list of what is done",
	"wait_for_previous": "Gemini CLI: the order of calls",
	"random_string":     "Cursor: stands in for the arguments of a tool that has none",
	"_meta":             "LangChain MCP adapters: the request's _meta, among the arguments",
	"kind":              "OpenHands: the class of its action",
	"safety_risk":       "OpenHands, earlier name of security_risk",
	"security_risk":     "OpenHands: what the model thinks of the call",
}

// renamed has the names that arguments had before, and those they have now. A schema lists the new
// one alone; `from` is a word that Python reserves, so that no function could have it for a
// parameter.
var renamed = map[string]string{"from": "sender"}

// takeOldNames gives arguments that come by an old name the one that the schema has for them.
func (p property) takeOldNames(args map[string]any) {
	for old, name := range renamed {
		value, given := args[old]
		_, both := args[name]
		_, has := p.Properties[name]
		if _, known := p.Properties[old]; given && has && !both && !known {
			args[name] = value
			delete(args, old)
		}
	}
}

// dropInjected removes the injected arguments that the schema does not have.
func (p property) dropInjected(args map[string]any) {
	for name := range args {
		if _, known := p.Properties[name]; !known && injected[name] != "" {
			delete(args, name)
		}
	}
}

// findHalf returns the argument, of those in args, whose JSON in raw holds half of a surrogate
// pair; "" for one that the schema does not know. encoding/json makes U+FFFD of it, and what would
// be stored is not what was sent.
func (p property) findHalf(raw []byte, args map[string]any) (at string, found bool) {
	if !holdsHalf(raw) {
		return "", false
	}
	var each map[string]json.RawMessage
	if json.Unmarshal(raw, &each) != nil {
		return "", true
	}
	for name, value := range each {
		if _, kept := args[name]; !kept || !holdsHalf(value) {
			continue
		}
		if _, known := p.Properties[name]; known {
			at = name
		}
		found = true
	}
	return at, found
}

// holdsHalf reports whether a string in valid JSON holds one half of a surrogate pair without the
// other.
func holdsHalf(raw []byte) bool {
	for {
		i := bytes.IndexByte(raw, '\\')
		if i < 0 {
			return false
		}
		raw = raw[i:]
		switch unit := codeUnit(raw); {
		case unit < 0:
			raw = raw[2:]
		case unit < 0xD800 || unit > 0xDFFF:
			raw = raw[6:]
		default:
			if next := codeUnit(raw[6:]); unit >= 0xDC00 || next < 0xDC00 || next > 0xDFFF {
				return true
			}
			raw = raw[12:]
		}
	}
}

// codeUnit returns the UTF-16 code unit of the escape \uXXXX that text begins with, or -1.
func codeUnit(text []byte) int64 {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseInt(string(text[2:6]), 16, 32)
	if err != nil {
		return -1
	}
	return unit
}
