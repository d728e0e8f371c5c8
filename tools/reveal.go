package tools

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
	return revealing(d.Resolver, func(p GetCredentialParams) string {
		if !p.wanted() {
			return ""
		}
		return "the password and notes stored for " + p.shown()
	})
}

func (d *Deps) revealSaved() decides {
	return revealing(d.Resolver, func(p SaveCredentialParams) string {
		if !p.Show || p.Password != "" {
			return ""
		}
		return "the password that it generates and stores for " + Shown(p.Domain)
	})
}

func (d *Deps) revealUpdated() decides {
	return revealing(d.Resolver, func(p UpdateCredentialParams) string {
		if !p.Show || !p.GeneratePassword {
			return ""
		}
		return "the password that it generates and stores for " + p.shown()
	})
}

func (d *Deps) revealTOTP() decides {
	return revealing(d.Resolver, func(p TOTPArguments) string {
		return "a current authenticator code for " + Shown(p.Domain)
	})
}

func (d *Deps) revealBackup() decides {
	return revealing(d.Resolver, func(p TOTPArguments) string {
		return "a backup code for " + Shown(p.Domain) + ", and deletes it from the store"
	})
}

func (d *Deps) revealSecret() decides {
	return revealing(d.Resolver, func(p GetSecretParams) string {
		if !p.wanted() {
			return ""
		}
		return "the value of the secret " + Shown(p.Name)
	})
}
