package vault

import (
	"context"
	"slices"
	"strings"

	"ravi-mcp/ravi"
	"ravi-mcp/tools/tool"
)

// cutPort splits the port off a result of tool.RegistrableDomain that has one.
func cutPort(site string) (host string, has bool) {
	i := strings.LastIndexByte(site, ':')
	if i < 0 || strings.HasSuffix(site, "]") {
		return site, false
	}
	return site[:i], true
}

// withPort returns site if stored is what is left of it without the port; else stored.
func withPort(stored, site string) string {
	host, has := cutPort(site)
	if cleaned, err := tool.RegistrableDomain("domain", stored); has && err == nil && cleaned == host {
		return site
	}
	return stored
}

// noteSite writes the port of a new domain down; nil stands for the one that there is.
func (r *record) noteSite(domain *string) {
	if domain == nil {
		return
	}
	r.Site = ""
	if _, has := cutPort(*domain); has {
		r.Site = *domain
	}
}

// Logins returns the stored credentials of an identity, without values. Each has the site that the
// tools know it by: Ravi drops the port of those that keep one (tool.RegistrableDomain).
//
// Errors: those of ravi.Scope.Passwords and ravi.Scope.SecretsUnder.
func Logins(ctx context.Context, scope *ravi.Scope) ([]ravi.PasswordEntry, error) {
	entries, err := scope.Passwords(ctx)
	if err != nil || !slices.ContainsFunc(entries, mayLackPort) {
		return entries, err
	}
	kept, err := readBelongings(ctx, scope)
	for i, e := range entries {
		entries[i].Domain = kept.site(e)
	}
	return entries, err
}

// mayLackPort reports whether the site of an entry is one that keeps its port.
func mayLackPort(e ravi.PasswordEntry) bool {
	site, err := tool.RegistrableDomain("domain", e.Domain)
	if err != nil {
		return false
	}
	withOne, err := tool.RegistrableDomain("domain", site+":1")
	return err == nil && withOne == site+":1"
}

// site returns the domain of an entry, with its port.
func (b belongings) site(e ravi.PasswordEntry) string {
	return withPort(e.Domain, b.records[recordKey(e.UUID)].Site)
}
