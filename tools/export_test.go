package tools

// ReadQR is what reads a picture, for its fuzz target.
var ReadQR = readQR

// CodeOf returns the code that an otpauth URI gives at a time step, and the
// URI as it is stored.
func CodeOf(uri string, step int64) (code, stored string, err error) {
	a, err := parseAuthenticator("otpauth_uri", uri)
	if err != nil {
		return "", "", err
	}
	code, err = a.code(step)
	return code, a.uri().Reveal(), err
}
