package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/tools/otpauth"
	"ravi-mcp/tools/tool"
)

type setTOTPParams struct {
	tool.IdentityArgument
	Domain   string `json:"domain" jsonschema:"minLength=1,maxLength=2048" jsonschema_description:"Site or URL."`
	Username string `json:"username,omitempty" jsonschema:"maxLength=320" jsonschema_description:"Default: that of the only login for the site, else the URI's."`
	seedParams
	BackupCodes []string `json:"backup_codes,omitempty" jsonschema:"maxItems=50,maxLength=128" jsonschema_description:"Recovery codes; may come alone."`
	IfExists    string   `json:"if_exists,omitempty" jsonschema:"enum=error,enum=replace" jsonschema_description:"If others are stored: error (default) or replace."`
}

// seedParams are the forms in which a service gives a seed.
type seedParams struct {
	OtpauthURI string `json:"otpauth_uri,omitempty" jsonschema:"maxLength=4096" jsonschema_description:"otpauth://totp/... (or give seed or qr_png)."`
	Seed       string `json:"seed,omitempty" jsonschema:"maxLength=512" jsonschema_description:"The setup key in base32."`
	QRPNG      string `json:"qr_png,omitempty" jsonschema:"maxLength=700000" jsonschema_description:"PNG of the QR code, in base64."`
	Issuer     string `json:"issuer,omitempty" jsonschema:"maxLength=253" jsonschema_description:"With seed: default the domain."`
	Digits     int    `json:"digits,omitempty" jsonschema:"minimum=6,maximum=8" jsonschema_description:"With seed: default 6."`
	Period     int64  `json:"period,omitempty" jsonschema:"minimum=10,maximum=300" jsonschema_description:"With seed: seconds, default 30."`
	Algorithm  string `json:"algorithm,omitempty" jsonschema:"enum=SHA1,enum=SHA256,enum=SHA512" jsonschema_description:"With seed: default SHA1."`
}

type setTOTPResult struct {
	tool.ActedFor
	totpAccount
	Stored      bool   `json:"stored" jsonschema_description:"get_totp has codes for the account."`
	Digits      int    `json:"digits,omitempty"`
	Period      int64  `json:"period,omitempty"`
	Algorithm   string `json:"algorithm,omitempty"`
	BackupCodes int    `json:"backup_codes" jsonschema_description:"Stored by this call."`
}

// authenticator returns what the arguments describe; nil when there are only backup codes.
func (p setTOTPParams) authenticator(domain string) (*otpauth.Authenticator, error) {
	given := 0
	for _, v := range []string{p.OtpauthURI, p.Seed, p.QRPNG} {
		if v != "" {
			given++
		}
	}
	switch {
	case given > 1 || given == 0 && len(p.BackupCodes) == 0:
		return nil, fault.New(fault.InvalidArgument, "Give exactly one of `otpauth_uri`, `seed` and `qr_png`.",
			"Pass what the service shows when it offers an authenticator app; backup_codes may come with it or alone.")
	case p.Seed == "" && (p.Issuer != "" || p.Digits != 0 || p.Period != 0 || p.Algorithm != ""):
		return nil, fault.New(fault.InvalidArgument, "`issuer`, `digits`, `period` and `algorithm` go with `seed` only.",
			"Leave them out: the URI or the picture states them.")
	case given == 0:
		return nil, nil
	}
	var a otpauth.Authenticator
	var err error
	switch {
	case p.OtpauthURI != "":
		a, err = otpauth.Parse("otpauth_uri", p.OtpauthURI)
	case p.QRPNG != "":
		var text string
		if text, err = otpauth.ReadQR("qr_png", p.QRPNG); err == nil {
			a, err = otpauth.Parse("qr_png", text)
		}
	default:
		if a, err = otpauth.New("seed", p.Seed, p.Algorithm, p.Digits, p.Period); err == nil {
			a.Issuer, a.AccountName = p.Issuer, p.Username
			err = tool.CheckLine("issuer", p.Issuer)
		}
	}
	if a.Issuer == "" {
		a.Issuer = domain
	}
	return &a, err
}

// codes returns the backup codes, checked and without the blanks around them.
func (p setTOTPParams) codes() ([]string, error) {
	out := make([]string, len(p.BackupCodes))
	for i, code := range p.BackupCodes {
		out[i] = strings.TrimSpace(code)
		field := fmt.Sprintf("backup_codes[%d]", i)
		if out[i] == "" {
			return nil, otpauth.Invalid(field, "is empty")
		}
		if err := tool.CheckLine(field, out[i]); err != nil {
			return nil, err
		}
		if holdsSeveral(out[i]) {
			return nil, otpauth.Invalid(field, "reads like several codes in one text; each code is an element of its own, without numbering, brackets and quotes, and without blanks unless it is shown in groups of at most 5 characters")
		}
		if slices.Contains(out[:i], out[i]) {
			return nil, otpauth.Invalid(field, "stands there twice")
		}
	}
	return out, nil
}

// maxGroup is the length of the longest group in which services show a code.
const maxGroup = 5

// holdsSeveral reports whether a text can be more than one backup code, or part of a list.
func holdsSeveral(text string) bool {
	other := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	separates := func(r rune) bool { return other(r) && !strings.ContainsRune(" -_.+=:~*#@!$%&", r) }
	groups := strings.Split(text, " ")
	return strings.ContainsFunc(text, separates) || len(groups) > 1 && slices.ContainsFunc(groups, func(g string) bool {
		return g == "" || utf8.RuneCountInString(g) > maxGroup || strings.ContainsFunc(g, other)
	})
}

func (h *handlers) setTOTP(ctx context.Context, call tool.Call, p setTOTPParams) (none setTOTPResult, err error) {
	domain, err := tool.RegistrableDomain("domain", p.Domain)
	if err := cmp.Or(err, tool.CheckLine("username", p.Username)); err != nil {
		return none, err
	}
	a, err := p.authenticator(domain)
	if err != nil {
		return none, err
	}
	codes, err := p.codes()
	if err != nil {
		return none, err
	}
	resolved, scope, err := h.Scope(ctx, call, p.Identity)
	if err != nil {
		return none, err
	}
	of, err := p.account(ctx, scope, domain, a)
	if err != nil {
		return none, err
	}
	keys, unlock, err := h.lockTOTP(ctx, resolved.Identity.UUID, scope)
	if err != nil {
		return none, err
	}
	defer unlock()
	same, err := p.checkStored(ctx, scope, keys, of, a)
	if err != nil {
		return none, err
	}
	r := setTOTPResult{ActedFor: tool.Acted(resolved), totpAccount: of, BackupCodes: len(codes), Stored: a != nil || slices.Contains(keys, of.seedKey())}
	if a != nil {
		r.Digits, r.Period, r.Algorithm = a.Digits, a.Period, a.Algorithm.String()
	}
	if a != nil && !same {
		if _, _, err := scope.SetSecret(ctx, of.seedKey(), a.URI(), of.notes()); err != nil {
			return none, err
		}
	}
	return r, storeBackups(ctx, scope, keys, of, codes)
}

// account returns the account that the seed belongs to.
func (p setTOTPParams) account(ctx context.Context, scope *ravi.Scope, domain string, a *otpauth.Authenticator) (totpAccount, error) {
	of := totpAccount{domain, p.Username}
	if p.Username != "" {
		return of, nil
	}
	all, err := Logins(ctx, scope)
	if err != nil {
		return of, err
	}
	saved := atDomain(all, domain, func(ravi.PasswordEntry) bool { return true })
	if len(saved) == 1 && !usernameLocked(saved[0]) && saved[0].Username != "" {
		of.Username = saved[0].Username
	} else if a != nil {
		of.Username = a.AccountName
	}
	return of, nil
}

// checkStored refuses to write over other values, unless that is wanted. It reports whether the
// very same seed is stored already.
func (p setTOTPParams) checkStored(ctx context.Context, scope *ravi.Scope, keys totpKeys, of totpAccount, a *otpauth.Authenticator) (same bool, err error) {
	if a != nil && slices.Contains(keys, of.seedKey()) {
		stored, err := scope.Secret(ctx, of.seedKey())
		if err != nil && !errors.Is(err, ravi.ErrLocked) && !errors.Is(err, ravi.ErrNotFound) {
			return false, err
		}
		if err == nil {
			old, broken := otpauth.Stored(stored)
			same = broken == nil && old.Fingerprint() == a.Fingerprint()
		}
		if !same && !errors.Is(err, ravi.ErrNotFound) && p.IfExists != "replace" {
			return false, storedConflict("Another TOTP seed is stored for that account.")
		}
	}
	if n := len(keys.backups(of.name())); n > 0 && len(p.BackupCodes) > 0 && p.IfExists != "replace" {
		return false, storedConflict(fmt.Sprintf("%d unused backup codes are stored for that account.", n))
	}
	return same, nil
}

func storedConflict(message string) error {
	return fault.New(fault.Conflict, message,
		"If the service has given out new values, call again with if_exists set to replace; for another account pass its username.")
}

// storeBackups puts codes in place of those that are stored; none leaves those.
func storeBackups(ctx context.Context, scope *ravi.Scope, keys totpKeys, of totpAccount, codes []string) error {
	if len(codes) == 0 {
		return nil
	}
	var written []string
	for i, code := range codes {
		key := fmt.Sprintf("%s%s_%02d", otpauth.BackupPrefix, of.name(), i+1)
		if _, _, err := scope.SetSecret(ctx, key, secret.New(code), of.notes()); err != nil {
			return someStored(err, i, len(codes))
		}
		written = append(written, key)
	}
	for _, key := range keys.backups(of.name()) {
		if slices.Contains(written, key) {
			continue
		}
		if err := scope.DeleteSecret(ctx, key); err != nil && !errors.Is(err, ravi.ErrNotFound) {
			return someStored(err, len(codes), len(codes))
		}
	}
	return nil
}

// someStored says how far a call came that stored more than one thing.
func someStored(err error, done, all int) error {
	e := *fault.From(err)
	e.Message = fmt.Sprintf("%d of %d backup codes were stored, and before them the seed if one was given. Then: %s", done, all, e.Message)
	e.Hint += " Then call set_totp again with the same values and if_exists set to replace."
	return &e
}
