package vault

import (
	"context"
	"errors"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/tools/otpauth"
	"ravi-mcp/tools/tool"
)

type useBackupCodeResult struct {
	totpOutcome
	Code      string `json:"code,omitempty" jsonschema_description:"As to be typed; no longer stored."`
	Remaining int    `json:"remaining"`
}

func showsBackupCode(p totpArguments) string {
	return "a backup code for " + tool.Shown(p.Domain) + ", and deletes it from the store"
}

func (h *handlers) useBackupCode(ctx context.Context, call tool.Call, p totpArguments) (none useBackupCodeResult, err error) {
	l, err := h.lookup(ctx, call, p)
	if err != nil {
		return none, err
	}
	keys, unlock, err := h.lockTOTP(ctx, l.resolved.Identity.UUID, l.scope)
	if err != nil {
		return none, err
	}
	defer unlock()
	found := []totpEntry{{totpAccount: totpAccount{l.domain, l.username}}}
	if l.username == "" || len(keys.backups(found[0].name())) == 0 {
		if found, err = l.entries(ctx, keys, otpauth.BackupPrefix); err != nil {
			return none, err
		}
	}
	if len(found) == 0 {
		return none, noBackups()
	}
	r := useBackupCodeResult{totpOutcome: l.outcome(found)}
	if r.Status == credentialAmbiguous {
		return r, nil
	}
	r.Code, r.Remaining, err = takeBackup(ctx, l.scope, keys.backups(found[0].name()))
	return r, err
}

// takeBackup takes the first of the codes that is still there. The deletion decides whose it is:
// Ravi carries it out for one caller only, so that also servers that know nothing of each other
// never give out the same code. A code of which it is not certain whose deletion it was counts as
// used up.
func takeBackup(ctx context.Context, scope *ravi.Scope, keys []string) (code string, remaining int, err error) {
	unsure, silent := false, false
	for i, key := range keys {
		entry, err := scope.TakeSecret(ctx, key)
		if err == nil {
			return entry.Value.Reveal(), len(keys) - i - 1, nil
		}
		var failed *ravi.Error
		lost := errors.As(err, &failed) && failed.Unanswered()
		if lost && !errors.Is(err, ravi.ErrNotFound) {
			_, look := scope.Secret(ctx, key)
			if !errors.Is(look, ravi.ErrNotFound) || silent {
				return "", 0, err // it is there, or that is unknown, or Ravi would lose one code after the other
			}
			err, silent = look, true
		}
		if !errors.Is(err, ravi.ErrNotFound) {
			return "", 0, err
		}
		unsure = unsure || lost
	}
	if unsure {
		return "", 0, fault.New(fault.NotFound, "No backup code is left. Ravi's answer about the last one was lost, so somebody else may have been given it, and it counts as used.",
			"Use get_totp, or let the service make new backup codes and store them with set_totp.")
	}
	return "", 0, noBackups()
}

func noBackups() error {
	return fault.New(fault.NotFound, "No unused backup code is stored for that account.",
		"Use get_totp, or let the service make new backup codes and store them with set_totp.")
}
