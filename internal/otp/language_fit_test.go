package otp

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Without accents "fel" is wrong in Swedish and a manner in Romanian, "sai" wrong in Vietnamese.
func TestNegativeWordsOfOtherLanguagesDoNotCount(t *testing.T) {
	for text, want := range map[string]string{
		"Codul tău este 482913. În acest fel confirmi contul.":     "482913",
		"Il codice è 482913. Lo sai solo tu e non va condiviso.":   "482913",
		"Koden är 482913. Den är fel nu, så använd inte den här.":  "",
		"Clique para confirmar esta conta com o seu código 482913": "482913",
	} {
		assert.Equal(t, want, Extract(Message{Channel: SMS, Text: text}).Code, text)
	}
}

func TestLanguagesThatAMessageCanBeIn(t *testing.T) {
	bits := func(text string) languages { return words().fit([]*page{textPage(pageText, text)}) }
	bit := func(name string) (l languages) {
		for i, file := range words().names {
			if file == "languages/"+name+".txt" {
				l = 1 << i
			}
		}
		return l
	}
	assert.Equal(t, allLanguages, bits("OTP 482913"), "too short to tell")
	german := bits("Ihr Code ist 482913. Geben Sie ihn nicht weiter, wenn Sie das nicht waren.")
	assert.NotZero(t, german&bit("de"))
	assert.NotZero(t, german&bit("en"), "English words stand in all messages")
	assert.NotZero(t, german&bit("ja"), "its script tells it")
	assert.Zero(t, german&bit("hu-ro"))
}
