package sandbox

import "slices"

// routeTable lists every endpoint (docs/ravi-api.md#endpoints).
func (s *Server) routeTable() []route {
	table := []route{
		// authentication
		{method: "GET", template: "/device", handle: (*call).devicePage},
		{method: "POST", template: "/api/auth/device/", handle: (*call).startDevice},
		{method: "POST", template: "/api/auth/device/token/", handle: (*call).deviceToken},
		{method: "POST", template: "/api/auth/token/refresh/", era: EraTokens, handle: (*call).refresh},
		{method: "POST", template: "/api/auth/bind-identity/", era: EraTokens, access: accessAccount, handle: (*call).bindIdentity},
		{method: "POST", template: "/api/auth/logout/", era: EraTokens, access: accessAny, handle: (*call).logout},
		{method: "GET", template: "/api/auth/user/", access: accessAny, handle: (*call).getUser},
		{method: "GET", template: "/api/auth/keys/identity/", era: EraKeys, access: accessAny, handle: (*call).listIdentityKeys},
		{method: "POST", template: "/api/auth/keys/identity/", era: EraKeys, access: accessAccount, handle: (*call).createIdentityKey},
		{method: "GET", template: "/api/auth/keys/management/", era: EraKeys, access: accessAccount, handle: (*call).listManagementKeys},
		{method: "POST", template: "/api/auth/keys/management/", era: EraKeys, access: accessAccount, handle: (*call).createManagementKey},
		{method: "GET", template: "/api/encryption/", era: EraTokens, access: accessAny, handle: (*call).getEncryption},
		{method: "PATCH", template: "/api/encryption/", era: EraTokens, access: accessAny, handle: (*call).registerKeys},
		// identities
		{method: "GET", template: "/api/identities/", access: accessAccount, handle: (*call).listIdentities},
		{method: "POST", template: "/api/identities/", access: accessAccount, handle: (*call).createIdentity},
		{method: "PUT", template: "/api/identities/{uuid}/", access: accessAccount, handle: (*call).updateIdentity},
		{method: "PATCH", template: "/api/identities/{uuid}/", era: EraKeys, access: accessAccount, handle: (*call).updateIdentity},
		{method: "POST", template: "/api/identities/{uuid}/provision-phone/", access: accessAccount, handle: (*call).provisionPhone},
		{method: "GET", template: "/api/domains/", access: accessAccount, handle: (*call).listDomains},
		// resources of the identity
		{method: "GET", template: "/api/email/", access: accessList, handle: (*call).listEmails},
		{method: "GET", template: "/api/phone/", access: accessList, handle: (*call).listPhones},
		{method: "GET", template: "/api/master/", access: accessAny, handle: (*call).getOwner},
		// email
		{method: "GET", template: "/api/email-inbox/", access: accessIdentity, handle: (*call).listThreads},
		{method: "GET", template: "/api/email-inbox/{thread_id}/", access: accessIdentity, handle: (*call).getThread},
		{method: "GET", template: "/api/email-messages/", access: accessIdentity, handle: (*call).listEmailMessages},
		{method: "POST", template: "/api/email-messages/compose/", access: accessIdentity, handle: (*call).compose},
		{method: "GET", template: "/api/email-messages/{id}/", access: accessIdentity, handle: (*call).getEmailMessage},
		{method: "POST", template: "/api/email-messages/{id}/reply/", access: accessIdentity, handle: (*call).reply},
		{method: "POST", template: "/api/email-messages/{id}/reply-all/", access: accessIdentity, handle: (*call).replyAll},
		{method: "POST", template: "/api/email-messages/{id}/forward/", access: accessIdentity, handle: (*call).forward},
		{method: "POST", template: "/api/email-attachments/presign/", access: accessList, handle: (*call).presign},
		{method: "PUT", template: uploadPath, handle: (*call).upload},
		{method: "GET", template: downloadPath, handle: (*call).download},
		// SMS
		{method: "GET", template: "/api/sms-inbox/", access: accessIdentity, handle: (*call).listConversations},
		{method: "GET", template: "/api/sms-inbox/{conversation_id}/", access: accessIdentity, handle: (*call).getConversation},
		{method: "GET", template: "/api/messages/", access: accessIdentity, handle: (*call).listSMS},
		{method: "POST", template: "/api/messages/send/", era: EraKeys, access: accessIdentity, handle: (*call).sendSMS},
		{method: "GET", template: "/api/messages/{id}/", access: accessIdentity, handle: (*call).getSMS},
		// passwords
		{method: "GET", template: "/api/passwords/", access: accessIdentity, handle: (*call).listPasswords},
		{method: "GET", template: "/api/passwords/generate-password/", access: accessAny, handle: (*call).generate},
		// contacts, SSO, events
		{method: "GET", template: "/api/contacts/", access: accessIdentity, handle: (*call).listContacts},
		{method: "GET", template: "/api/contacts/find/", access: accessIdentity, handle: (*call).findContact},
		{method: "GET", template: "/api/contacts/search/", access: accessIdentity, handle: (*call).searchContacts},
		{method: "POST", template: "/api/sso/token/", era: EraKeys, access: accessIdentityKey, handle: (*call).createSSO},
		{method: "POST", template: "/api/sso/verify/", era: EraKeys, handle: (*call).verifySSO},
		{method: "GET", template: "/api/events/", era: EraKeys, access: accessIdentity, handle: (*call).replayEvents},
	}
	if !s.cfg.NoIdentityGet {
		table = append(table, route{method: "GET", template: "/api/identities/{uuid}/", access: accessOwn, handle: (*call).getIdentity})
	}
	if !s.cfg.NoDelete {
		table = append(table, route{method: "DELETE", template: "/api/identities/{uuid}/", access: accessAccount, handle: (*call).deleteIdentity})
	}
	if !s.cfg.NoStream {
		table = append(table, route{method: "GET", template: streamPath, access: accessIdentity})
	}
	table = append(table, passwords.routes("/api/passwords/")...)
	table = append(table, contacts.routes("/api/contacts/")...)
	for _, name := range []string{"secrets", "vault"} {
		if s.cfg.SecretsPath == name || s.cfg.SecretsPath == "" && (name == "secrets" || s.cfg.Era == EraTokens) {
			path := "/api/" + name + "/"
			table = append(table, route{method: "GET", template: path, access: accessIdentity, handle: (*call).listSecrets})
			table = append(table, secrets.routes(path)...)
		}
	}
	return table
}

// Endpoints lists the endpoints this server has, as "METHOD template", sorted; a fault plan names
// them by the template.
func (s *Server) Endpoints() []string {
	var out []string
	for _, rs := range s.routes.bySize {
		for _, r := range rs {
			out = append(out, r.method+" "+r.template)
		}
	}
	slices.Sort(out)
	return out
}
