package otp_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ravi-mcp/internal/otp"
)

// internal/test/bench/README.md has the targets, on one core.

func BenchmarkSMS(b *testing.B) {
	var all []otp.Message
	for _, c := range readCases(b, "sample") {
		if c.Channel == "sms" {
			all = append(all, c.Message())
		}
	}
	otp.Extract(all[0]) // build the word tables
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		otp.Extract(all[i%len(all)])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "sms/s")
}

// largeMail is a mail of n bytes as senders build them: nested tables, inline styles, tracked
// links, some text, one code.
func largeMail(n int) otp.Message {
	var b strings.Builder
	b.WriteString(`<html><head><style>td{color:#102938}</style></head><body><p>Your verification code:</p><h1>551 908</h1>`)
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, `<table role="presentation" width="100%%"><tr><td style="padding:12px 24px;font-family:Arial,sans-serif;font-size:14px;line-height:20px;color:#333840"><a href="https://click.larch.example/ls/click?upn=u001.Zk3Pq8sLw0VtB7yQm2XeRc9%d" style="color:#2952A3">Read more about item %d</a><p>Our garden letter no. %d has ideas for spring, 20 of them under $15.00.</p></td></tr></table>`, i, i, i)
	}
	b.WriteString("</body></html>")
	return otp.Message{Channel: otp.Email, From: "Larch <news@larch.example>", Subject: "Hello", HTML: b.String()}
}

func BenchmarkHTML100KB(b *testing.B) {
	m := largeMail(100 << 10)
	otp.Extract(m)
	b.ResetTimer()
	for b.Loop() {
		otp.Extract(m)
	}
}

// worst are 256 KB inputs that a careless scanner is quadratic on.
func worst() map[string]otp.Message {
	fill := func(s string) string { return strings.Repeat(s, otp.MaxInput/len(s)) }
	text := func(s string) otp.Message { return otp.Message{Channel: otp.Email, Text: fill(s)} }
	html := func(s string) otp.Message { return otp.Message{Channel: otp.Email, HTML: fill(s)} }
	return map[string]otp.Message{
		"less-than":    html("<"),
		"nested tags":  html("<div><b>"),
		"stray ends":   {Channel: otp.Email, HTML: strings.Repeat("<b>", 40000) + strings.Repeat("</i>", 30000)},
		"cells":        html("<td>1"),
		"comments":     html("<!--"),
		"links":        html(`<a href="https://a.example/verify/9f83ab21c7">verify</a>`),
		"styles":       html(`<p style="a:b;c:d;display:none">`),
		"css":          {Channel: otp.Email, HTML: "<style>" + fill(".a{") + "</style>"},
		"quotes":       text("> "),
		"quoted lines": text("> > x\n"),
		"wrote":        text("On 1 wrote:\n> "),
		"headers":      text("From: a\n"),
		"digits":       text("1"),
		"codes":        text("123456 "),
		"groups":       text("12 34 "),
		"hyphens":      text("a-"),
		"singles":      text("1 "),
		"keywords":     text("verification code "),
		"words codes":  text("code 123456 order 7719043. "),
		"chinese":      text("验证码"),
		"zero width":   text("\u200b"),
		"ampersands":   text("&"),
		"references":   html("&amp;#8203;"),
		"urls":         text("https://a.example/v/9f83ab21c7 "),
		"dots":         text("a."),
		"at signs":     text("a@b.c"),
		"slashes":      text("a.example/"),
		"one url":      {Channel: otp.Email, Text: "https://a.example/" + fill("x")},
		"brackets":     {Channel: otp.Email, Text: "https://a.example/" + fill(")")},
		"newlines":     text("1\n"),
		"marks":        text("e\u0301\u0301\u0301\u0301"),
	}
}

func BenchmarkWorst256KB(b *testing.B) {
	for name, m := range worst() {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				otp.Extract(m)
			}
		})
	}
}

// Cost is linear: ns/KB stays the same from 32 KB to 256 KB.
func BenchmarkLinear(b *testing.B) {
	for _, name := range []string{"dots", "headers", "hyphens", "words codes", "newlines", "cells", "codes", "marks"} {
		whole := worst()[name]
		for _, size := range []int{32, 64, 128, 256} {
			m := whole
			m.Text = m.Text[:min(len(m.Text), size<<10)]
			m.HTML = m.HTML[:min(len(m.HTML), size<<10)]
			b.Run(fmt.Sprintf("%s/%dKB", name, size), func(b *testing.B) {
				for b.Loop() {
					otp.Extract(m)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(size), "ns/KB")
			})
		}
	}
}

// The benchmarks above measure; this only catches what has become quadratic, with room for a slow
// machine.
func TestWorstInputsStayLinear(t *testing.T) {
	otp.Extract(otp.Message{Channel: otp.SMS, Text: "x"})
	for name, m := range worst() {
		start := time.Now()
		v := otp.Extract(m)
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%s took %v", name, d)
		}
		checkVerdict(t, v)
	}
}
