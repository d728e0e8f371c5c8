package suspicion_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"ravi-mcp/internal/host"
	"ravi-mcp/internal/suspicion"
)

func mail(from string, texts ...string) suspicion.Sender {
	_, domain, _ := host.Mailbox(from)
	return suspicion.Sender{From: from, Domain: domain, Texts: texts}
}

func sms(from, origin, text string) suspicion.Sender {
	return suspicion.Sender{SMS: true, From: from, OriginHost: origin, Texts: []string{text}}
}

func TestServiceBindsSender(t *testing.T) {
	t.Parallel()
	const genuine, lookalike, foreign = suspicion.Reason(""), suspicion.LookalikeSender, suspicion.ForeignSender
	cases := []struct {
		service string
		sender  suspicion.Sender
		want    suspicion.Reason
	}{
		{"github.com", mail("GitHub <noreply@github.com>"), genuine},
		{"github.com", mail("noreply@mail.github.com"), genuine},
		{"https://github.com/login?x=1", mail("noreply@github.com"), genuine},
		{"login.github.com:443", mail("noreply@github.com"), genuine},
		{"bücher.example", mail("x@xn--bcher-kva.example"), genuine},
		{"GITHUB.COM", mail("x@ＧｉｔＨｕｂ.com"), genuine},
		// Another domain, whatever it says.
		{"github.com", mail("GitHub <x@mail.test>", "Your GitHub code"), foreign},
		{"github.com", mail("a@evil.test, noreply@github.com", "GitHub"), foreign},
		{"github.com", mail("x@gİthub.com"), lookalike},
		// Letters of other scripts, digits, accents, letters that touch.
		{"github.com", mail("x@gіthub.com"), lookalike},
		{"github.com", mail("x@gιthυb.com"), lookalike},
		{"paypal.com", mail("x@paypa1.com"), lookalike},
		{"paypal.com", mail("x@pаypаl.com"), lookalike},
		{"microsoft.com", mail("x@rnicrosoft.com"), lookalike},
		{"github.com", mail("x@gïthub.com"), lookalike},
		// One letter changed, added, dropped or swapped.
		{"github.com", mail("x@githup.com"), lookalike},
		{"github.com", mail("x@githubb.com"), lookalike},
		{"github.com", mail("x@gthub.com"), lookalike},
		{"github.com", mail("x@gihtub.com"), lookalike},
		// Words added, other suffixes, sub-domains of others.
		{"github.com", mail("x@github-support.com"), lookalike},
		{"github.com", mail("x@secure-github.com"), lookalike},
		{"github.com", mail("x@githubsecurity.com"), lookalike},
		{"github.com", mail("x@github-anything.net"), lookalike},
		{"github.com", mail("x@git-hub.com"), lookalike},
		{"github.com", mail("x@github.co"), lookalike},
		{"github.com", mail("x@github.com.evil.test"), lookalike},
		{"github.com", mail("x@github.evil.test"), lookalike},
		{"x.com", mail("x@x-support.com"), foreign}, // too short to resemble
		// A name: the organisation part, or a word of subject or text.
		{"GitHub", mail("x@github.io"), genuine},
		{"GitHub", mail("x@mailer.test", "Your GitHub code is 482913"), genuine},
		{"GitHub", mail("GitHub <x@mailer.test>", "Your code is 482913"), foreign},
		{"GitHub", mail("x@mailer.test", "Your GitHubber code is 482913"), foreign},
		{"GitHub", mail("x@github-support.com", "Your GitHub code"), lookalike},
		{"GitHub", mail("x@githubverify.net", "Your GitHub code"), lookalike},
		{"GitHub", mail("x@gıthub.com", "Your GitHub code"), lookalike},
		{"GitHub", mail("x@mailer.test", "Your GіtHub code"), lookalike},
		{"Acme Bank", mail("x@acme-bank.co.uk"), genuine},
		{"Acme Bank", mail("x@acmebank.test"), genuine},
		{"Acme", mail("x@acme.helpdesk.test", "Acme code 482913"), genuine},
		{"Facebook", mail("security@facebookmail.com", "Your Facebook code"), genuine},
		{"微信", mail("x@mailer.test", "【微信】验证码482913"), genuine},
		// SMS have a host only where a line binds the code to one.
		{"github.com", sms("+15550001111", "github.com", ""), genuine},
		{"github.com", sms("+15550001111", "login.github.com", ""), genuine},
		{"github.com", sms("+15550001111", "github.evil.test", "Your GitHub code"), lookalike},
		{"github.com", sms("GitHub", "evil.test", "Your GitHub code"), foreign},
		{"GitHub", sms("GitHub", "evil.test", "Your GitHub code"), foreign},
		{"github.com", sms("+15550001111", "", "Your GitHub code is 482913"), genuine},
		{"github.com", sms("GitHub", "", "482913 is your code"), genuine},
		{"github.com", sms("+15550001111", "", "Your code is 482913"), foreign},
		{"github.com", sms("GitHub-Support", "", "Your GitHub code is 482913"), lookalike},
		{"GitHub", sms("GіtHub", "", "Your GitHub code is 482913"), lookalike},
		// No service: only letters that are made to be mistaken count.
		{"", mail("x@anything.test"), genuine},
		{"", mail("x@gіthub.com"), lookalike},
		{"", mail("x@раураӏ.com"), lookalike},
		{"", mail("x@пример.рф"), genuine},
		{"", mail("x@bücher.example"), genuine},
		{"", mail("x@例え.test"), genuine},
	}
	for _, c := range cases {
		got := suspicion.NewService(c.service).Judge(c.sender)
		assert.Equal(t, c.want, got, "%q %+v", c.service, c.sender)
	}
}

func TestRelationOfLinkSaysWhatItMeans(t *testing.T) {
	t.Parallel()
	cases := []struct {
		service, link string
		sender        suspicion.Sender
		want          suspicion.Relation
		means         string
	}{
		{"", "click.github.com", mail("x@mail.github.com"), suspicion.SameDomain, "that of the sender"},
		{"github.com", "github.com", mail("x@mailer.test"), suspicion.SameService, "named service"},
		{"GitHub", "github.io", sms("GitHub", "", ""), suspicion.SameService, "named service"},
		{"", "login.github.com", sms("1", "github.com", ""), suspicion.SameDomain, "that of the sender"},
		{"", "u1.ct.sendgrid.net", mail("x@github.com"), suspicion.Different, "counts clicks"},
		{"", "mailer.test", mail("x@github.com"), suspicion.Different, "another site"},
		{"", "xn--gthub-n2e.com", mail("x@github.com"), suspicion.Different, "gіthub.com resembles"},
		{"", "github-login.com", mail("x@github.com"), suspicion.Different, "resembles"},
		{"github.com", "githup.com", mail("x@github.com"), suspicion.Different, "resembles"},
		{"", "github.com", sms("GitHub", "", ""), suspicion.Different, "no domain to compare"},
		{"", "github.com", mail("a@evil.test, x@github.com"), suspicion.Different, "no domain to compare"},
		{"", "b.co.uk", mail("x@a.co.uk"), suspicion.Different, "another site"},
	}
	for _, c := range cases {
		got, means := suspicion.NewService(c.service).Relate(c.link, c.sender)
		assert.Equal(t, c.want, got, "%+v", c)
		assert.Contains(t, means, c.means, "%+v", c)
	}
}
