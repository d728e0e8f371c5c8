package vault

import (
	"context"
	"strings"
	"time"

	"ravi-mcp/ravi"
	"ravi-mcp/tools/otpauth"
	"ravi-mcp/tools/tool"
)

// credentialDetails is a credential with what there is beside it; none of it is a value, and no
// code is used up.
type credentialDetails struct {
	credentialRef
	HasTOTP           bool      `json:"has_totp"`
	BackupCodesLeft   int       `json:"backup_codes_left"`
	HasNotes          *bool     `json:"has_notes,omitempty" jsonschema_description:"Absent where Ravi does not say."`
	HasPrevious       bool      `json:"has_previous,omitempty" jsonschema_description:"previous returns them."`
	PasswordChangedAt time.Time `json:"password_changed_at,omitzero" jsonschema_description:"Not changed after this time."`
}

// belongings are what an identity's secret store has of its logins.
type belongings struct {
	records map[string]record        // by key
	codes   map[string]twoFactor     // by the name in their keys
	names   map[totpAccount][]string // the names of an account, whose username is in lower case
}

type twoFactor struct {
	seed    bool
	backups int
}

func readBelongings(ctx context.Context, scope *ravi.Scope) (belongings, error) {
	b := belongings{map[string]record{}, map[string]twoFactor{}, map[totpAccount][]string{}}
	entries, err := scope.SecretsUnder(ctx, tool.RecordPrefix, otpauth.SeedPrefix, otpauth.BackupPrefix)
	for i := range entries {
		b.add(&entries[i])
	}
	return b, err
}

func (b belongings) add(e *ravi.SecretEntry) {
	if strings.HasPrefix(e.Key, tool.RecordPrefix) {
		// One that cannot be read is the same as none, but where something would be written over
		// it.
		if r, err := parseRecord(e); err == nil {
			b.records[e.Key] = r
		}
		return
	}
	name, isSeed := strings.CutPrefix(e.Key, otpauth.SeedPrefix)
	if !isSeed {
		var isBackup bool
		if name, isBackup = strings.CutPrefix(e.Key, otpauth.BackupPrefix); !isBackup || !backupTail.MatchString(name[max(0, len(name)-3):]) {
			return
		}
		name = name[:len(name)-3]
	}
	found, known := b.codes[name]
	if isSeed {
		found.seed = true
	} else {
		found.backups++
	}
	b.codes[name] = found
	if noted, ok := notedOwner(e); ok && !known && noted.name() == name {
		folded := noted.folded()
		b.names[folded] = append(b.names[folded], name)
	}
}

// of returns what belongs to a credential.
func (b belongings) of(e ravi.PasswordEntry) credentialDetails {
	r := b.records[recordKey(e.UUID)]
	e.Domain = b.site(e)
	d := credentialDetails{credentialRef: refOfCredential(e), HasNotes: e.HasNotes, HasPrevious: len(r.former) > 0, PasswordChangedAt: r.changedAt(e)}
	account, known := accountOf(e)
	if !known {
		return d
	}
	names := append([]string{account.name()}, b.names[account.folded()]...)
	for i, name := range names {
		if i > 0 && name == names[0] {
			continue
		}
		d.HasTOTP = d.HasTOTP || b.codes[name].seed
		d.BackupCodesLeft += b.codes[name].backups
	}
	return d
}
