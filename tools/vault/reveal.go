package vault

import "ravi-mcp/tools/tool"

func (c CredentialChoice) shown() string {
	if c.ID != "" {
		return "the credential with id " + tool.Shown(c.ID)
	}
	if c.Username != "" {
		return tool.Shown(c.Domain) + " as " + tool.Shown(c.Username)
	}
	return tool.Shown(c.Domain)
}

func (h *handlers) revealCredential() tool.Decides {
	return tool.Revealing(h.Resolver, func(p GetCredentialParams) string {
		if !p.wanted() {
			return ""
		}
		return "the password and notes stored for " + p.shown()
	})
}

func (h *handlers) revealSaved() tool.Decides {
	return tool.Revealing(h.Resolver, func(p SaveCredentialParams) string {
		if !p.Show || p.Password != "" {
			return ""
		}
		return "the password that it generates and stores for " + tool.Shown(p.Domain)
	})
}

func (h *handlers) revealUpdated() tool.Decides {
	return tool.Revealing(h.Resolver, func(p UpdateCredentialParams) string {
		if !p.Show || !p.GeneratePassword {
			return ""
		}
		return "the password that it generates and stores for " + p.shown()
	})
}

func (h *handlers) revealTOTP() tool.Decides {
	return tool.Revealing(h.Resolver, func(p TOTPArguments) string {
		return "a current authenticator code for " + tool.Shown(p.Domain)
	})
}

func (h *handlers) revealBackup() tool.Decides {
	return tool.Revealing(h.Resolver, func(p TOTPArguments) string {
		return "a backup code for " + tool.Shown(p.Domain) + ", and deletes it from the store"
	})
}

func (h *handlers) revealSecret() tool.Decides {
	return tool.Revealing(h.Resolver, func(p GetSecretParams) string {
		if !p.wanted() {
			return ""
		}
		return "the value of the secret " + tool.Shown(p.Name)
	})
}
