package tools

import (
	"cmp"
	"context"
	"encoding/json"
	"strings"

	"ravi-mcp/internal/fault"
	"ravi-mcp/schemas"
	"ravi-mcp/session"
	"ravi-mcp/tools/tool"
)

// Prompt is a task that a person picks in a client, laid out for the model in steps that name the
// tools. It is immutable.
type Prompt struct {
	Name, Title, Description string
	Arguments                []PromptArgument
	Input                    *schemas.Schema
	// Needs are the tools without which the prompt makes no sense: it exists for those for whom all
	// of them do.
	Needs []string
	// Run writes the text, for arguments that fit Input. has says which other tools there are for
	// the caller; no other is named.
	Run func(ctx context.Context, call tool.Call, args json.RawMessage, has func(tool string) bool) (PromptText, error)
}

// PromptArgument is an argument of a prompt; all are strings.
type PromptArgument struct {
	Name, Description string
	Required          bool
}

// PromptText is what a prompt becomes. It holds fixed words, the arguments, and the uuid and name
// of an identity.
type PromptText struct {
	tool.ActedFor
	Text string `json:"text"`
}

// AccessParams are the arguments of the prompts.
type AccessParams struct {
	Service  string `json:"service" jsonschema:"minLength=1,maxLength=253" jsonschema_description:"The site or app, best as a domain such as example.com."`
	Identity string `json:"identity,omitempty" jsonschema:"maxLength=254" jsonschema_description:"Which identity: uuid, name or email address."`
}

// Prompts returns every prompt.
func Prompts(d *tool.Deps) []Prompt {
	in := schemas.Input[AccessParams]()
	arguments := []PromptArgument{
		{Name: "service", Description: "The site or app, best as a domain such as example.com.", Required: true},
		{Name: "identity", Description: "Which identity to be there: uuid, name or email address. Without one, the steps say how to choose."},
	}
	return []Prompt{{
		Name: "sign_up", Title: "Sign up at a service", Arguments: arguments, Input: in,
		Description: "Make an account at a service with an identity of Ravi: get an address, arm the inbox, keep the credential, trigger the code, and wait for it.",
		Needs:       []string{"use_identity", "create_identity", "watch_inbox", "wait_for_otp", "save_credential"},
		Run:         access(d, signUpSteps),
	}, {
		Name: "log_in", Title: "Log in to a service", Arguments: arguments, Input: in,
		Description: "Log in to a service with an identity of Ravi: get the credential, arm the inbox, log in, and answer the question for a code.",
		Needs:       []string{"use_identity", "watch_inbox", "wait_for_otp", "get_credential"},
		Run:         access(d, logInSteps),
	}}
}

// access makes a prompt of its steps. An identity that is named must exist for the caller; none is
// looked for otherwise.
func access(d *tool.Deps, steps func(login, func(string) bool) []string) func(context.Context, tool.Call, json.RawMessage, func(string) bool) (PromptText, error) {
	return func(ctx context.Context, call tool.Call, args json.RawMessage, has func(string) bool) (PromptText, error) {
		p, err := tool.Decode[AccessParams](args)
		if err := cmp.Or(err, tool.CheckLine("service", p.Service)); err != nil {
			return PromptText{}, err
		}
		where := login{service: tool.Shown(p.Service)}
		if domain, err := tool.RegistrableDomain("service", p.Service); err == nil && strings.Contains(domain, ".") {
			where.domain = domain
		}
		var text PromptText
		if p.Identity != "" {
			resolved, err := d.Resolver.Resolve(ctx, call.Call, session.Query{Argument: p.Identity})
			if err != nil {
				return PromptText{}, err
			}
			text.ActedFor, where.identity = tool.Acted(resolved), resolved.Identity.UUID
			where.named = tool.Shown(resolved.Identity.Name)
		}
		text.Text = where.layOut(steps(where, has))
		return text, nil
	}
}

// NoPrompt returns the error for a prompt that does not exist for the caller.
func NoPrompt() error {
	return fault.New(fault.NotFound, "There is no such prompt.", "prompts/list names those that there are.")
}

// NoResource returns the error for an address at which there is nothing for the caller.
func NoResource() error {
	return fault.New(fault.NotFound, "There is no such resource.", "resources/list and resources/templates/list name those that there are.")
}
