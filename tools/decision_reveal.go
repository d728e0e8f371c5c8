package tools

import (
	"context"
	"encoding/json"

	"ravi-mcp/session"
)

// revealing is the decides of a tool that can show a stored value. what returns
// the words for what a call shows, or "" for a call that shows nothing.
func revealing[P any](d *Deps, argument func(P) string, what func(P) string) decides {
	revealing := deciding(session.KindReveal, func(ctx context.Context, call Call, p P) (*Decision, error) {
		shown := what(p)
		if shown == "" {
			return nil, nil
		}
		resolved, err := d.Resolver.Resolve(ctx, call.Call, session.Query{Argument: argument(p)})
		if err != nil {
			return nil, err
		}
		return &Decision{Identity: ref(resolved.Identity), Consequence: "Shows " + shown + " to the model."}, nil
	})
	revealing.shows = func(args json.RawMessage) bool {
		p, err := params[P](args)
		return err != nil || what(p) != ""
	}
	return revealing
}

func (c CredentialChoice) shown() string {
	if c.ID != "" {
		return "the credential with id " + Shown(c.ID)
	}
	if c.Username != "" {
		return Shown(c.Domain) + " as " + Shown(c.Username)
	}
	return Shown(c.Domain)
}

func (d *Deps) revealCredential() decides {
	return revealing(d, func(p GetCredentialParams) string { return p.Identity }, func(p GetCredentialParams) string {
		if !p.wanted() {
			return ""
		}
		return "the password and notes stored for " + p.shown()
	})
}

func (d *Deps) revealSaved() decides {
	return revealing(d, func(p SaveCredentialParams) string { return p.Identity }, func(p SaveCredentialParams) string {
		if !p.Show || p.Password != "" {
			return ""
		}
		return "the password that it generates and stores for " + Shown(p.Domain)
	})
}

func (d *Deps) revealUpdated() decides {
	return revealing(d, func(p UpdateCredentialParams) string { return p.Identity }, func(p UpdateCredentialParams) string {
		if !p.Show || !p.GeneratePassword {
			return ""
		}
		return "the password that it generates and stores for " + p.shown()
	})
}

func (d *Deps) revealTOTP() decides {
	return revealing(d, func(p TOTPArguments) string { return p.Identity }, func(p TOTPArguments) string {
		return "a current authenticator code for " + Shown(p.Domain)
	})
}

func (d *Deps) revealBackup() decides {
	return revealing(d, func(p TOTPArguments) string { return p.Identity }, func(p TOTPArguments) string {
		return "a backup code for " + Shown(p.Domain) + ", and deletes it from the store"
	})
}

func (d *Deps) revealSecret() decides {
	return revealing(d, func(p GetSecretParams) string { return p.Identity }, func(p GetSecretParams) string {
		if !p.wanted() {
			return ""
		}
		return "the value of the secret " + Shown(p.Name)
	})
}
