package mail

import (
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/host"
	"ravi-mcp/tools/tool"
)

// mailAddress returns the bare address in what was given, with the host in ASCII and lower case, so
// that no letter that looks like another one is shown to a person. field is the argument to name in
// an error.
func mailAddress(field, given string) (string, error) {
	local, ascii, ok := host.Mailbox(given)
	notASCII := func(c rune) bool { return c >= 0x7f }
	if !ok || strings.ContainsFunc(local, notASCII) || !strings.Contains(ascii, ".") {
		return "", badAddress(field)
	}
	return local + "@" + ascii, nil
}

func badAddress(field string) error {
	return fault.New(fault.InvalidArgument, fmt.Sprintf("`%s` is not an email address.", field), "Pass an address as in ada@example.com.")
}

var (
	// e164 is the form of an international number. Numbers of zone 1 have ten digits after it;
	// elsewhere the length is the country's affair, and Ravi's to refuse.
	e164 = regexp.MustCompile(`^\+(1[0-9]{10}|[2-9][0-9]{3,14})$`)
	// savedNumber is wider: earlier versions saved numbers of zone 1 that lack the area code, and
	// others that are longer than E.164 allows.
	savedNumber = regexp.MustCompile(`^\+[1-9][0-9]{3,18}$`)
)

// phoneNumber returns a number to write to or to save, in E.164, as given. field is the argument to
// name in an error. See docs/decisions.md#no-phonenumbers-library.
func phoneNumber(field, given string) (string, error) {
	number := strings.TrimSpace(given)
	if !e164.MatchString(number) || strings.HasPrefix(number, "+999") { // 999 is assigned to no country
		return "", badNumber(field)
	}
	return number, nil
}

// savedPhoneNumber is phoneNumber for a number by which a contact is looked up.
func savedPhoneNumber(field, given string) (string, error) {
	number := strings.TrimSpace(given)
	if !savedNumber.MatchString(number) {
		return "", badNumber(field)
	}
	return number, nil
}

func badNumber(field string) error {
	return fault.New(fault.InvalidArgument, fmt.Sprintf("`%s` is not a phone number in E.164 form.", field),
		"Pass it with + and the country code, and without spaces, as in +14155550123.")
}

// addressesIn returns the bare addresses of a header field of a received message. What cannot be
// read as an address is returned as it is, so that it counts as unknown.
func addressesIn(header string) []string {
	if strings.TrimSpace(header) == "" {
		return nil
	}
	parts := strings.Split(header, ",")
	if list, err := mail.ParseAddressList(header); err == nil {
		parts = tool.Convert(list, func(a *mail.Address) string { return a.Address })
	}
	var out []string
	for _, part := range parts {
		address, err := mailAddress("from", part)
		if err != nil {
			address = tool.Clean(strings.TrimSpace(part), tool.MaxFrom)
		}
		if address != "" {
			out = append(out, address)
		}
	}
	return out
}

// addressesWithout returns the addresses that are not among others, each once.
func addressesWithout(addresses []string, others ...string) []string {
	var out []string
	for _, a := range addresses {
		same := func(b string) bool { return strings.EqualFold(a, b) }
		if !slices.ContainsFunc(others, same) && !slices.ContainsFunc(out, same) {
			out = append(out, a)
		}
	}
	return out
}
