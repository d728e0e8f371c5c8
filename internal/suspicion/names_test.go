package suspicion_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"

	"ravi-mcp/internal/suspicion"
)

// brands are services as a text writes them, and their domains.
var brands = []struct{ name, domain string }{
	{"Bank of America", "bankofamerica.com"},
	{"Wells Fargo", "wellsfargo.com"},
	{"American Express", "americanexpress.com"},
	{"Capital One", "capitalone.com"},
	{"Mercado Libre", "mercadolibre.com.ar"},
	{"Deutsche Bahn", "https://www.deutsche-bahn.de/login"},
	{"AT&T", "att.com"},
	{"Toys'R'Us", "toysrus.com"},
	{"Crédit Agricole", "credit-agricole.fr"},
	{"Société\nGénérale", "societegenerale.fr"},
	{"Marks & Spencer", "marksandspencer.com"},
	{"Müller Straße", "mueller-strasse.de"},
	{"Jysk Købmand", "jyskkobmand.dk"},
	{"BANK OF THE WEST", "bankofthewest.com"},
	{"Bank of America", "BankOfAmerica"},
	{"Credit Karma", "CreditKarma"},
	{"GitHub", "GitHub, Inc."},
	{"GitHub", "GitHub.com (login)"},
	{"Yahoo", "Yahoo!"},
}

func TestServiceIsNamedInSeveralWords(t *testing.T) {
	t.Parallel()
	for _, b := range brands {
		service := suspicion.NewService(b.domain)
		for _, text := range []string{"Your " + b.name + " code is 482913", b.name + ": 482913", "482913 (" + b.name + ")"} {
			assert.Empty(t, service.Judge(sms("32665", "", text)), "%q %q", b.domain, text)
		}
		assert.Empty(t, service.Judge(sms(b.name, "", "482913 is your code")), "%q as sender", b.domain)
	}
	for _, c := range []struct {
		service, text string
		want          suspicion.Reason
	}{
		{"bankofamerica.com", "Your Bank of Americas code is 482913", suspicion.ForeignSender},
		{"bankofamerica.com", "Riverbank of America 482913", suspicion.ForeignSender},
		{"bankofamerica.com", "Bank 482913 of America", suspicion.ForeignSender},
		{"bankofamerica.com", "Your code is 482913", suspicion.ForeignSender},
		{"bankofamerica.com", "Your Bаnk of Amerіca code is 482913", suspicion.LookalikeSender}, // Cyrillic
		{"hub.com", "Your Git Hubs code is 482913", suspicion.ForeignSender},
	} {
		assert.Equal(t, c.want, suspicion.NewService(c.service).Judge(sms("32665", "", c.text)), "%+v", c)
	}
}

// Every SMS of the corpora that names its sender, with the sender's name in several words.
func TestGenuineSMSOfNamedServiceIsBelieved(t *testing.T) {
	t.Parallel()
	n := 0
	for _, file := range []string{"own.jsonl", "kinds.jsonl", "sample.jsonl"} {
		for _, m := range messages(t, file) {
			named := regexp.MustCompile(`(?i)(^|[^\pL\pN])` + regexp.QuoteMeta(m.From) + `($|[^\pL\pN])`)
			if m.Channel != "sms" || m.WantCode == nil || !regexp.MustCompile(`^\pL{4,}$`).MatchString(m.From) || !named.MatchString(m.Text) {
				continue
			}
			for i, b := range brands[:5] {
				in := m
				in.From, in.Text = "32665", named.ReplaceAllString(m.Text, "${1}"+b.name+"${2}")
				n++
				assert.NotContains(t, reasonsOf(in, b.domain), suspicion.ForeignSender, "%s %d %s", m.ID, i, in.Text)
			}
		}
	}
	assert.Greater(t, n, 100)
}

// What has no domain binds no message to itself, rather than every message to others.
func TestServiceWithoutDomainBindsNothing(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"localhost", "localhost:3000", "http://127.0.0.1:3000/signup", "127.0.0.1", "[::1]:8080", "http://[::1]/", "::1", "fe80::1",
		"app.localhost", "http://intranet/login", "intranet:8443", "user@intranet", "co.uk", "!", " . ", "",
	} {
		service := suspicion.NewService(s)
		assert.False(t, service.Named(), "%q", s)
		assert.Empty(t, service.Judge(mail("app@localhost.localdomain")), "%q", s)
	}
	for _, s := range []string{"intranet", "GitHub", "github.com:443", "Re: Zero", "AC/DC", "微信"} {
		assert.True(t, suspicion.NewService(s).Named(), "%q", s)
	}
}
