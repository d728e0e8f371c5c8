package tools_test

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
)

const (
	nimbusURI = "otpauth://totp/Nimbus:bob%40nimbus.example?secret=JBSWY3DPEHPK3PXP&issuer=Nimbus"
	denseURI  = "otpauth://totp/%C3%9Cber%20GmbH:b%C3%B6b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA&issuer=%C3%9Cber%20GmbH&algorithm=SHA256&digits=8&period=60"
)

func picture(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("otpauth", "testdata", "qr", name+".png"))
	require.NoError(t, err)
	return data
}

// The picture and the URI give the same codes.
func assertSameCodes(t *testing.T, a *agent, domain string, picture []byte, uri string) {
	t.Helper()
	byPicture := ok[totpSet](t, a.call("set_totp", args{"domain": "p." + domain, "username": "picture", "qr_png": base64.StdEncoding.EncodeToString(picture), "if_exists": "replace"}))
	byURI := ok[totpSet](t, a.call("set_totp", args{"domain": domain, "username": "uri", "otpauth_uri": uri, "if_exists": "replace"}))
	assert.Equal(t, byURI.Digits, byPicture.Digits)
	assert.Equal(t, byURI.Period, byPicture.Period)
	assert.Equal(t, byURI.Algorithm, byPicture.Algorithm)
	// The two are one seed: asked by two names, it does not repeat a code. So the second is asked
	// for by storing it under the first name: no conflict.
	r := a.call("set_totp", args{"domain": domain, "username": "picture", "otpauth_uri": uri})
	require.False(t, r.IsError, "the same seed is stored already: %v", r.Content)
}

func TestQRPictureAndURIGiveTheSameCodes(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.worker("camera")
	for name, uri := range map[string]string{"plain": nimbusURI, "tiny": nimbusURI, "large": nimbusURI, "coloured": nimbusURI, "dense": denseURI} {
		t.Run(name, func(t *testing.T) {
			assertSameCodes(t, a, name+".example", picture(t, name), uri)
		})
	}
	t.Run("as a data URI, with line breaks", func(t *testing.T) {
		text := base64.StdEncoding.EncodeToString(picture(t, "plain"))
		set := ok[totpSet](t, a.call("set_totp", args{"domain": "nimbus.example", "qr_png": "data:image/png;base64," + text[:76] + "\n" + text[76:]}))
		assert.Equal(t, "bob@nimbus.example", set.Username)
		assert.Equal(t, 6, set.Digits)
	})
	t.Run("within a screenshot", func(t *testing.T) {
		code, err := png.Decode(bytes.NewReader(picture(t, "large")))
		require.NoError(t, err)
		screen := image.NewGray(image.Rect(0, 0, 1600, 1000))
		for i := range screen.Pix {
			screen.Pix[i] = 0xF0
		}
		for y := range code.Bounds().Dy() {
			for x := range code.Bounds().Dx() {
				screen.Set(700+x, 200+y, code.At(x, y))
			}
		}
		var out bytes.Buffer
		require.NoError(t, png.Encode(&out, screen))
		assertSameCodes(t, a, "screen.example", out.Bytes(), nimbusURI)
	})
}

// qrencode is another tool than the one that reads; .ci/run installs it.
func TestPicturesMadeByQrencodeNow(t *testing.T) {
	qrencode, err := exec.LookPath("qrencode")
	if err != nil {
		t.Skip("qrencode is not installed: apt-get install qrencode")
	}
	h := newSystem(t, sandbox.Config{})
	a := h.worker("camera")
	for i, options := range [][]string{{}, {"-s", "2", "-m", "2"}, {"-l", "Q", "-s", "8"}, {"-v", "15"}, {"-t", "PNG32", "--foreground=400000FF", "--background=FFFFFF00"}} {
		for _, uri := range []string{nimbusURI, denseURI} {
			file := filepath.Join(t.TempDir(), "qr.png")
			out, err := exec.CommandContext(t.Context(), qrencode, append(options, "-o", file, uri)...).CombinedOutput()
			require.NoError(t, err, "%s", out)
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			t.Log(i, options)
			assertSameCodes(t, a, "qrencode.example", data, uri)
		}
	}
}

func TestInvalidAuthenticatorsWriteNothing(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.worker("careful")
	before := h.writes()
	b64 := base64.StdEncoding.EncodeToString
	blank := func() []byte {
		var b bytes.Buffer
		require.NoError(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, 200, 200))))
		return b.Bytes()
	}
	const marker = "HUNTER2MARKER"
	for name, c := range map[string]struct {
		args        args
		field, rule string
	}{
		"nothing":        {args{}, "otpauth_uri", "exactly one"},
		"two of them":    {args{"seed": "JBSWY3DPEHPK3PXP", "otpauth_uri": nimbusURI}, "seed", "exactly one"},
		"not base32":     {args{"seed": marker + "01189"}, "seed", "base32"},
		"half a letter":  {args{"seed": "JBSWY3DPE"}, "seed", "base32"},
		"short seed":     {args{"seed": "JBSW"}, "seed", "less than 5"},
		"long seed":      {args{"seed": strings.Repeat("A", 400)}, "seed", "more than 128"},
		"digits":         {args{"seed": "JBSWY3DPEHPK3PXP", "digits": 5}, "digits", "at least 6"},
		"period":         {args{"seed": "JBSWY3DPEHPK3PXP", "period": 301}, "period", "at most 300"},
		"algorithm":      {args{"seed": "JBSWY3DPEHPK3PXP", "algorithm": "MD5"}, "algorithm", "one of"},
		"issuer":         {args{"seed": "JBSWY3DPEHPK3PXP", "issuer": "a\nb"}, "issuer", "control characters"},
		"digits and URI": {args{"otpauth_uri": nimbusURI, "digits": 8}, "digits", "go with `seed` only"},
		"username":       {args{"seed": "JBSWY3DPEHPK3PXP", "username": "a\tb"}, "username", "control characters"},
		"a web address":  {args{"otpauth_uri": "https://nimbus.example/" + marker}, "otpauth_uri", "not an otpauth URI"},
		"no URI":         {args{"otpauth_uri": "otpauth://%zz" + marker}, "otpauth_uri", "not an otpauth URI"},
		"HOTP":           {args{"otpauth_uri": "otpauth://hotp/x?secret=JBSWY3DPEHPK3PXP&counter=1"}, "otpauth_uri", "HOTP"},
		"an export":      {args{"otpauth_uri": "otpauth-migration://offline?data=" + marker}, "otpauth_uri", "export"},
		"another kind":   {args{"otpauth_uri": "otpauth://steam/x?secret=JBSWY3DPEHPK3PXP"}, "otpauth_uri", "not an otpauth URI"},
		"no secret":      {args{"otpauth_uri": "otpauth://totp/" + marker}, "otpauth_uri", "exactly one secret"},
		"two secrets":    {args{"otpauth_uri": "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP&secret=" + marker}, "otpauth_uri", "exactly one secret"},
		"bad secret":     {args{"otpauth_uri": "otpauth://totp/x?secret=" + marker + "1"}, "otpauth_uri", "base32"},
		"URI's digits":   {args{"otpauth_uri": nimbusURI + "&digits=0"}, "otpauth_uri", "digits"},
		"URI's period":   {args{"otpauth_uri": nimbusURI + "&period=soon"}, "otpauth_uri", "period"},
		"URI's hash":     {args{"otpauth_uri": nimbusURI + "&algorithm=MD5"}, "otpauth_uri", "algorithm"},
		"URI's label":    {args{"otpauth_uri": "otpauth://totp/a%0Ab?secret=JBSWY3DPEHPK3PXP"}, "otpauth_uri", "control characters"},
		"not base64":     {args{"qr_png": marker + "!"}, "qr_png", "base64"},
		"not PNG":        {args{"qr_png": b64([]byte(marker))}, "qr_png", "not a PNG"},
		"a JPEG":         {args{"qr_png": "data:image/jpeg;base64,AAAA"}, "qr_png", "something else"},
		"half a PNG":     {args{"qr_png": b64(picture(t, "plain")[:300])}, "qr_png", "broken"},
		"no QR code":     {args{"qr_png": b64(blank())}, "qr_png", "no QR code"},
		"a bomb":         {args{"qr_png": b64(picture(t, "bomb"))}, "qr_png", "too large"},
		"another QR":     {args{"qr_png": b64(picture(t, "not_otpauth"))}, "qr_png", "not an otpauth URI"},
		"empty code":     {args{"backup_codes": []string{"1", "  "}}, "backup_codes[1]", "empty"},
		"same code":      {args{"backup_codes": []string{"1", " 1"}}, "backup_codes[1]", "twice"},
		"control code":   {args{"backup_codes": []string{marker + "\x00"}}, "backup_codes[0]", "control characters"},
		"long code":      {args{"backup_codes": []string{strings.Repeat(marker, 20)}}, "backup_codes[0]", "at most 128"},
		"many codes":     {args{"backup_codes": codes(51)}, "backup_codes", "at most 50"},
	} {
		c.args["domain"] = "nimbus.example"
		r := a.call("set_totp", c.args)
		require.True(t, r.IsError, name)
		body := refused(t, r)
		assert.Equal(t, fault.InvalidArgument, body.Code, name)
		assert.Contains(t, body.Message, c.field, name)
		assert.Contains(t, body.Message, c.rule, name)
		assertNone(t, string(r.raw), name, marker)
	}
	assert.Equal(t, before, h.writes(), "nothing was half-written")
	assertNone(t, h.log.String(), "the log", marker)
}

// A seed that another client stored by the same convention, without notes.
func TestASeedOfAnotherClientIsUsed(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	h.deps.Now = func() time.Time { return time.Unix(1_700_000_010, 0) }
	a := h.worker("heir")
	put := func(uri string) {
		_, _, err := h.scope("heir").SetSecret(t.Context(), "TOTP_GITHUB_COM_"+bobAtGithub, secretOf(uri), secretOf(""))
		require.NoError(t, err)
	}
	put("otpauth://totp/GitHub:bob?secret=JBSWY3DPEHPK3PXP")
	got := ok[totpCode](t, a.call("get_totp", args{"domain": "github.com"}))
	assert.Equal(t, "bob", got.Username)
	put("JBSWY3DPEHPK3PXP")
	body := refused(t, a.call("get_totp", args{"domain": "github.com", "username": "bob"}))
	assert.Equal(t, fault.Unsupported, body.Code)
	assert.Contains(t, body.Hint, "set_totp")
	ok[totpSet](t, a.call("set_totp", args{"domain": "github.com", "username": "bob", "seed": "KRSXG5CTMVRXEZLU", "if_exists": "replace"}))
	assert.Regexp(t, `^\d{6}$`, ok[totpCode](t, a.call("get_totp", args{"domain": "github.com"})).Code)
}
