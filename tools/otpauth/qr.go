package otpauth

import (
	"bytes"
	"encoding/base64"
	"image"
	"image/png"
	"strings"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"
)

// maxPixels bounds a picture by what a screenshot of a large screen has; a PNG of a few bytes can
// claim billions.
const maxPixels = 4096 * 2304

// ReadQR returns the text of the QR code in a PNG picture, given in base64 or as a data URI.
func ReadQR(field, encoded string) (string, error) {
	const head = "data:image/png;base64,"
	encoded = strings.TrimSpace(encoded)
	if len(encoded) >= len(head) && strings.EqualFold(encoded[:len(head)], head) {
		encoded = encoded[len(head):]
	} else if strings.HasPrefix(encoded, "data:") {
		return "", Invalid(field, "is a data URI of something else than a PNG picture in base64")
	}
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(encoded), ""))
	if err != nil {
		return "", Invalid(field, "is not base64")
	}
	size, err := png.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return "", Invalid(field, "is not a PNG picture")
	}
	if size.Width <= 0 || size.Height <= 0 || size.Width > maxPixels/size.Height {
		return "", Invalid(field, "is a picture that is too large; cut out the QR code")
	}
	picture, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		return "", Invalid(field, "is a broken PNG picture")
	}
	text, ok := scan(picture)
	if !ok {
		return "", Invalid(field, "shows no QR code that can be read; cut it out with a white margin, in its original size")
	}
	return text, nil
}

// scan looks for one QR code, first as in a picture made by a program and then as in a photograph.
// A hostile picture must not end more than this call, hence the recover.
func scan(picture image.Image) (text string, ok bool) {
	defer func() {
		if recover() != nil {
			text, ok = "", false
		}
	}()
	source := gozxing.NewLuminanceSourceFromImage(picture)
	for _, hint := range []gozxing.DecodeHintType{gozxing.DecodeHintType_PURE_BARCODE, gozxing.DecodeHintType_TRY_HARDER} {
		for _, binarizer := range []gozxing.Binarizer{gozxing.NewHybridBinarizer(source), gozxing.NewGlobalHistgramBinarizer(source)} {
			bitmap, err := gozxing.NewBinaryBitmap(binarizer)
			if err != nil {
				continue
			}
			found, err := qrcode.NewQRCodeReader().Decode(bitmap, map[gozxing.DecodeHintType]any{hint: true})
			if err == nil {
				return found.GetText(), true
			}
		}
	}
	return "", false
}
