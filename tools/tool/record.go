package tool

import (
	"encoding/json"

	"ravi-mcp/ravi"
)

// RecordPrefix begins the keys of the secret store under which package vault keeps what Ravi has no
// field for of a login (ARCHITECTURE.md#records-of-logins): RecordPrefix and the login's uuid.
const RecordPrefix = "LOGINRECORD_"

// FormerPasswords returns the former passwords in a record. They are the value of its entry.
func FormerPasswords(e *ravi.SecretEntry) (former []string, err error) {
	err = json.Unmarshal([]byte(e.Value.Reveal()), &former)
	return former, err
}
