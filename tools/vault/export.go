package vault

import (
	"context"
	"regexp"
	"strings"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/tools/tool"
)

type exportSecretsParams struct {
	tool.IdentityArgument
	File     string   `json:"file" jsonschema:"minLength=1,maxLength=100,pattern=^[A-Za-z0-9][A-Za-z0-9._-]*$" jsonschema_description:"Name of the file, such as github.env, without a folder. It is made in the folder that the operator chose."`
	Secrets  []string `json:"secrets,omitempty" jsonschema:"maxItems=50,minLength=1,maxLength=128" jsonschema_description:"Names of secrets; each becomes a variable of that name."`
	Domain   string   `json:"domain,omitempty" jsonschema:"maxLength=2048" jsonschema_description:"A site, as a domain or URL, whose login becomes two variables."`
	Username string   `json:"username,omitempty" jsonschema:"maxLength=320" jsonschema_description:"If the site has several accounts."`
	ID       string   `json:"id,omitempty" jsonschema:"maxLength=64" jsonschema_description:"A credential's id from list_credentials, in place of domain."`
	Prefix   string   `json:"prefix,omitempty" jsonschema:"maxLength=40,pattern=^[A-Z][A-Z0-9_]*$" jsonschema_description:"What the login's variables begin with: GITHUB makes GITHUB_USERNAME and GITHUB_PASSWORD (default: made of the domain)."`
	IfExists string   `json:"if_exists,omitempty" jsonschema:"enum=error,enum=replace" jsonschema_description:"What to do when the file exists: error (default) or replace it."`
}

// exportSecretsResult is the result of export_secrets. It has names only.
type exportSecretsResult struct {
	tool.ActedFor
	File     string   `json:"file" jsonschema_description:"In the folder that the operator chose; readable by the owner only."`
	Names    []string `json:"names" jsonschema_description:"The variables in the file."`
	Replaced bool     `json:"replaced"`
}

type variable struct {
	name  string
	value secret.Secret
}

func (p exportSecretsParams) choice() (credentialChoice, bool) {
	c := credentialChoice{Domain: p.Domain, Username: p.Username, ID: p.ID}
	return c, c != credentialChoice{}
}

func (h *handlers) exportSecrets(ctx context.Context, call tool.Call, p exportSecretsParams) (none exportSecretsResult, err error) {
	choice, login := p.choice()
	if len(p.Secrets) == 0 && !login {
		return none, fault.New(fault.InvalidArgument, "There is nothing to export.", "Pass names as `secrets`, or a login as `domain` or `id`, or both.")
	}
	resolved, scope, err := h.Scope(ctx, call, p.Identity)
	if err != nil {
		return none, err
	}
	variables, err := secretVariables(ctx, scope, p.Secrets)
	if err != nil {
		return none, err
	}
	if login {
		more, err := p.loginVariables(ctx, scope, choice)
		if err != nil {
			return none, err
		}
		variables = append(variables, more...)
	}
	text, names, err := dotenv(variables)
	if err != nil {
		return none, err
	}
	replaced, err := writeExport(h.Export, p.File, text, p.IfExists == "replace")
	if err != nil {
		return none, err
	}
	return exportSecretsResult{ActedFor: tool.Acted(resolved), File: p.File, Names: names, Replaced: replaced}, nil
}

func secretVariables(ctx context.Context, scope *ravi.Scope, names []string) ([]variable, error) {
	var variables []variable
	for _, given := range names {
		name, err := cleanSecretName(given)
		if err != nil {
			return nil, err
		}
		entry, err := scope.Secret(ctx, name)
		if err != nil {
			return nil, noSecret(err)
		}
		variables = append(variables, variable{name, entry.Value})
	}
	return variables, nil
}

var notInNames = regexp.MustCompile(`[^A-Z0-9]+`)

func (p exportSecretsParams) loginVariables(ctx context.Context, scope *ravi.Scope, choice credentialChoice) ([]variable, error) {
	if err := choice.check(); err != nil {
		return nil, err
	}
	found, err := choice.one(ctx, scope)
	if err != nil {
		return nil, err
	}
	entry, err := scope.Password(ctx, found.UUID)
	if err != nil {
		return nil, err
	}
	prefix := p.Prefix
	if prefix == "" {
		prefix = strings.Trim(notInNames.ReplaceAllString(strings.ToUpper(found.Domain), "_"), "_")
		if prefix == "" || prefix[0] >= '0' && prefix[0] <= '9' {
			prefix = "SITE_" + prefix
		}
	}
	return []variable{{prefix + "_USERNAME", secret.New(entry.Username)}, {prefix + "_PASSWORD", entry.Password}}, nil
}

// dotenv is a file that a shell reads ("set -a; . file") exactly, and every reader of dotenv files
// as long as a value has no single quote in it.
func dotenv(variables []variable) (text secret.Secret, names []string, err error) {
	var b strings.Builder
	seen := map[string]bool{}
	for _, v := range variables {
		if seen[v.name] {
			return secret.Secret{}, nil, fault.New(fault.InvalidArgument, "Two values would have the same name in the file.", "Name each secret once, and pass `prefix` for the login.")
		}
		seen[v.name] = true
		value := v.value.Reveal()
		switch {
		case strings.ContainsRune(value, 0):
			return secret.Secret{}, nil, fault.New(fault.InvalidArgument, "A value holds a NUL character, which no such file can.", "Export the other values without it.")
		case strings.Contains(value, "'"):
			value = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `$`, `\$`, "`", "\\`").Replace(value) + `"`
		default:
			value = "'" + value + "'"
		}
		b.WriteString(v.name + "=" + value + "\n")
		names = append(names, v.name)
	}
	return secret.New(b.String()), names, nil
}
