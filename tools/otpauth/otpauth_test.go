package otpauth_test

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ravi-mcp/internal/fault"
	"ravi-mcp/tools/otpauth"
)

const (
	nimbusURI = "otpauth://totp/Nimbus:bob%40nimbus.example?secret=JBSWY3DPEHPK3PXP&issuer=Nimbus"
	denseURI  = "otpauth://totp/%C3%9Cber%20GmbH:b%C3%B6b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA&issuer=%C3%9Cber%20GmbH&algorithm=SHA256&digits=8&period=60"
)

func picture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "qr", name+".png"))
	require.NoError(t, err)
	return data
}

// No picture, whatever it is, does more than be refused. A picture is pulled up and down by the
// fuzzer as points, because almost no change of a file leaves a valid PNG.
func FuzzReadQR(f *testing.F) {
	data := picture(f, "tiny")
	code, err := png.Decode(bytes.NewReader(data))
	require.NoError(f, err)
	points := image.NewGray(code.Bounds())
	for i := range points.Pix {
		points.Set(i%points.Stride, i/points.Stride, code.At(i%points.Stride, i/points.Stride))
	}
	f.Add(data)
	f.Add(append([]byte{byte(points.Stride)}, points.Pix...))
	f.Add(picture(f, "bomb"))
	f.Fuzz(func(t *testing.T, data []byte) {
		files := [][]byte{data}
		if len(data) > 1 && data[0] > 0 {
			width := int(data[0])
			points := &image.Gray{Pix: data[1:], Stride: width, Rect: image.Rect(0, 0, width, (len(data)-1)/width)}
			var b bytes.Buffer
			if png.Encode(&b, points) == nil {
				files = append(files, b.Bytes())
			}
		}
		for _, file := range files {
			if _, err := otpauth.ReadQR("qr_png", base64.StdEncoding.EncodeToString(file)); err != nil {
				require.True(t, fault.Has(err, fault.InvalidArgument))
			}
		}
	})
}

// The same for pictures that are almost right: a QR code with blots.
func TestPropertyABlottedPictureIsReadOrRefused(t *testing.T) {
	clean, err := png.Decode(bytes.NewReader(picture(t, "tiny")))
	require.NoError(t, err)
	size := clean.Bounds()
	read, refused := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		blotted := image.NewGray(size)
		draw.Draw(blotted, size, clean, size.Min, draw.Src)
		for range rapid.IntRange(0, 12).Draw(rt, "blots") {
			x, y := rapid.IntRange(0, size.Dx()).Draw(rt, "x"), rapid.IntRange(0, size.Dy()).Draw(rt, "y")
			w := rapid.IntRange(1, 10).Draw(rt, "width")
			shade := image.NewUniform(color.Gray{Y: rapid.Byte().Draw(rt, "shade")})
			draw.Draw(blotted, image.Rect(x, y, x+w, y+w).Intersect(size), shade, image.Point{}, draw.Src)
		}
		var b bytes.Buffer
		require.NoError(rt, png.Encode(&b, blotted))
		text, err := otpauth.ReadQR("qr_png", base64.StdEncoding.EncodeToString(b.Bytes()))
		if err != nil {
			require.True(rt, fault.Has(err, fault.InvalidArgument))
			refused++
			return
		}
		require.Equal(rt, nimbusURI, text, "never read as something else")
		read++
	})
	assert.NotZero(t, read)
	assert.NotZero(t, refused)
}

// Every URI is refused, or gives codes, and what is stored of it gives the same.
func FuzzOtpauthURI(f *testing.F) {
	for _, uri := range []string{nimbusURI, denseURI, "otpauth://totp/%00?secret=", "otpauth-migration://offline?data=x", "otpauth://totp/a:b:c?secret=AAAAAAAA&period=300&digits=8&algorithm=sha-1"} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		a, err := otpauth.Parse("otpauth_uri", uri)
		if err != nil {
			require.True(t, fault.Has(err, fault.InvalidArgument))
			return
		}
		code, err := a.Code(55555555)
		require.NoError(t, err)
		require.Regexp(t, `^\d{6,8}$`, code)
		stored, err := otpauth.Parse("otpauth_uri", a.URI().Reveal())
		require.NoError(t, err)
		again, err := stored.Code(55555555)
		require.NoError(t, err)
		require.Equal(t, code, again)
	})
}
