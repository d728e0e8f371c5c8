// Package otpauth reads what a service shows when it sets up an authenticator app (an otpauth URI,
// a setup key, or a picture of a QR code), and computes the codes. It knows how two-factor values
// stand in Ravi's secret store.
package otpauth

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"

	"ravi-mcp/internal/fault"
	"ravi-mcp/ravi"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/tools/tool"
)

// How two-factor values stand in the secret store (ARCHITECTURE.md#two-factor-values):
//
//	TOTP_<DOMAIN>_<HASH>           an otpauth URI
//	TOTPBACKUP_<DOMAIN>_<HASH>_01  one backup code, and so on with 02
//
// HASH tells the accounts of a domain apart; the notes say which one it is. Each backup code has an
// entry of its own, because deleting an entry is the one thing that Ravi does for exactly one of
// several callers.
const (
	SeedPrefix   = "TOTP_"
	BackupPrefix = "TOTPBACKUP_"
)

// Authenticator is a TOTP seed with its settings (RFC 6238). New, Parse and Stored make valid ones.
type Authenticator struct {
	Seed                secret.Secret // base32 in upper case, without padding
	Algorithm           otp.Algorithm
	Digits              int
	Period              int64 // seconds
	Issuer, AccountName string
}

// The settings that services leave out, and the limits of those they state.
const (
	defaultDigits    = 6
	defaultPeriod    = 30
	minPeriod        = 10
	maxPeriod        = 300
	minSeed, maxSeed = 5, 128 // bytes
)

var algorithms = map[string]otp.Algorithm{"": otp.AlgorithmSHA1, "SHA1": otp.AlgorithmSHA1, "SHA256": otp.AlgorithmSHA256, "SHA512": otp.AlgorithmSHA512}

// Invalid is the error for an argument that describes no authenticator. Rule must not repeat any of
// it.
func Invalid(field, rule string) error {
	return fault.New(fault.InvalidArgument, fmt.Sprintf("`%s` %s.", field, rule),
		"Pass the otpauth URI, the seed or the picture exactly as the service shows it.")
}

// New checks a seed and its settings; zero settings are the usual ones. field is where the seed
// came from.
func New(field, seed, algorithm string, digits int, period int64) (Authenticator, error) {
	clean := strings.ToUpper(strings.NewReplacer(" ", "", "-", "", "\t", "", "\n", "", "\r", "").Replace(seed))
	clean = strings.TrimRight(clean, "=")
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(clean)
	if rest := len(clean) % 8; err != nil || rest == 1 || rest == 3 || rest == 6 { // no number of bytes ends like that
		return Authenticator{}, Invalid(field, "has a seed that is not base32 (letters A to Z and digits 2 to 7)")
	}
	if len(raw) < minSeed || len(raw) > maxSeed {
		return Authenticator{}, Invalid(field, fmt.Sprintf("has a seed of less than %d or more than %d bytes", minSeed, maxSeed))
	}
	a := Authenticator{Seed: secret.New(clean), Digits: digits, Period: period}
	var known bool
	if a.Algorithm, known = algorithms[strings.ReplaceAll(strings.ToUpper(algorithm), "-", "")]; !known {
		return Authenticator{}, Invalid(field, "names another algorithm than SHA1, SHA256 and SHA512")
	}
	if digits == 0 {
		a.Digits = defaultDigits
	} else if digits < 6 || digits > 8 {
		return Authenticator{}, Invalid(field, "asks for another number of digits than 6, 7 or 8")
	}
	if period == 0 {
		a.Period = defaultPeriod
	} else if period < minPeriod || period > maxPeriod {
		return Authenticator{}, Invalid(field, fmt.Sprintf("has a period that is not between %d and %d seconds", minPeriod, maxPeriod))
	}
	return a, nil
}

// Parse reads an otpauth URI.
func Parse(field, uri string) (Authenticator, error) {
	u, err := url.Parse(strings.TrimSpace(uri))
	switch {
	case err == nil && u.Scheme == "otpauth-migration":
		return Authenticator{}, Invalid(field, "is an export of several accounts of an authenticator app; one account's own URI is needed")
	case err == nil && u.Scheme == "otpauth" && strings.EqualFold(u.Host, "hotp"):
		return Authenticator{}, Invalid(field, "is for codes that count (HOTP), which are not supported; choose time-based codes (TOTP) at the service")
	case err != nil || u.Scheme != "otpauth" || !strings.EqualFold(u.Host, "totp"):
		return Authenticator{}, Invalid(field, "is not an otpauth URI (otpauth://totp/...)")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return Authenticator{}, Invalid(field, "has a part behind the question mark that cannot be read")
	}
	if len(query["secret"]) != 1 {
		return Authenticator{}, Invalid(field, "does not have exactly one secret")
	}
	digits, err := number(query.Get("digits"))
	if err != nil {
		return Authenticator{}, Invalid(field, "asks for another number of digits than 6, 7 or 8")
	}
	period, err := number(query.Get("period"))
	if err != nil {
		return Authenticator{}, Invalid(field, "has a period that is not a number")
	}
	a, err := New(field, query.Get("secret"), query.Get("algorithm"), digits, int64(period))
	if err != nil {
		return Authenticator{}, err
	}
	label := strings.TrimPrefix(u.Path, "/")
	issuer, account, labelled := strings.Cut(label, ":")
	if !labelled {
		issuer, account = "", label
	}
	a.AccountName, a.Issuer = strings.TrimSpace(account), strings.TrimSpace(issuer)
	if named := query.Get("issuer"); named != "" {
		a.Issuer = named
	}
	if len(a.AccountName) > 320 || len(a.Issuer) > 320 {
		return Authenticator{}, Invalid(field, "has a label of more than 320 characters")
	}
	return a, cmp.Or(tool.CheckLine(field, a.AccountName), tool.CheckLine(field, a.Issuer))
}

// number reads a whole number; 0 for none. A number that is stated is not 0.
func number(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err == nil && n <= 0 {
		err = strconv.ErrRange
	}
	return n, err
}

// URI returns the otpauth URI, with every setting in it.
func (a Authenticator) URI() secret.Secret {
	query := url.Values{
		"secret": {a.Seed.Reveal()}, "algorithm": {a.Algorithm.String()},
		"digits": {strconv.Itoa(a.Digits)}, "period": {strconv.FormatInt(a.Period, 10)},
	}
	label := a.AccountName
	if a.Issuer != "" {
		query.Set("issuer", a.Issuer)
		label = a.Issuer + ":" + a.AccountName
	}
	// "+" for a space is not understood by every reader of such URIs.
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + label, RawQuery: strings.ReplaceAll(query.Encode(), "+", "%20")}
	return secret.New(u.String())
}

// Fingerprint names the codes that come out, without the seed or the label.
func (a Authenticator) Fingerprint() [sha256.Size]byte {
	return sha256.Sum256([]byte(fmt.Sprintf("%s %d %d %s", a.Algorithm, a.Digits, a.Period, a.Seed.Reveal())))
}

// Stored reads the URI of an entry.
func Stored(stored *ravi.SecretEntry) (Authenticator, error) {
	a, err := Parse("the stored entry", stored.Value.Reveal())
	if err != nil {
		return a, fault.New(fault.Unsupported, "What is stored for that account is no otpauth URI that this server can use.",
			"Store the seed again with set_totp and if_exists set to replace.").WithCause(err)
	}
	return a, nil
}

// Code returns the code of a time step, as it is to be typed.
func (a Authenticator) Code(step int64) (string, error) {
	return hotp.GenerateCodeCustom(a.Seed.Reveal(), uint64(step), hotp.ValidateOpts{Digits: otp.Digits(a.Digits), Algorithm: a.Algorithm})
}
