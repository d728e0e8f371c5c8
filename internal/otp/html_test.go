package otp

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Attributes are read as a browser reads them, however the tag is written.
func TestAttributesReadAsInBrowser(t *testing.T) {
	t.Parallel()
	for doc, url := range map[string]string{
		`<a href="x">l</a>`:                        "x",
		`<A HREF='x'>l</A>`:                        "x",
		`<a href=x>l`:                              "x",
		`<a href = "x" >l</a>`:                     "x",
		`<a/href="x"/>l</a>`:                       "x",
		`<a title="y"href="x">l</a>`:               "x",
		`<a "y" ="y" href="x">l</a>`:               "x",
		`<a href="a&amp;b&#x3D;c">l</a>`:           "a&b=c",
		"<a\f\nhref=\"x\r\ny\">l</a>":              "x\ny",
		`<a href="x" href="y" HREF="z">l</a>`:      "x", // the first of equal names counts
		`<a HREF="x" href="y">l</a>`:               "x",
		`<a data-x="1" id="2" href="x">l</a>`:      "x",
		`<title><a href="y"></title><a href="x">l`: "x",
		`<textarea><a href="y"></textarea>`:        "",
		`<style><a href="y"></style><a href="x">l`: "x",
		`<script>"<a href='y'>"</script>`:          "",
		`<!-- <a href="y"> --><a href="x">l</a>`:   "x",
		`<a name="x">l</a>`:                        "",
		`<a href="x`:                               "",
		`< a href="x">l</a>`:                       "",
		`<o:a href="x">l</o:a>`:                    "",
		`</a href="x">l`:                           "",
		`<span style="display:none" style="color:red"><a href="x">l</a></span>`: "",
		`<span style="color:red" style="display:none"><a href="x">l</a></span>`: "x",
	} {
		w := walkHTML(doc, true, false, false)
		got := ""
		if len(w.visible.anchors) > 0 {
			got = w.visible.anchors[0].url
		}
		assert.Equal(t, url, got, doc)
		w.visible.release()
		w.hidden.release()
	}
}
