package otp

// MaxInput is how many bytes of each part of a message are read (256 KB). What stands behind it is
// ignored.
const MaxInput = 256 << 10

// MaxCandidates is the largest number of entries in [Verdict.Candidates].
const MaxCandidates = 8

// Channel says how a message came.
type Channel string

// The two channels. Any other value is read like an email.
const (
	SMS   Channel = "sms"
	Email Channel = "email"
)

// Message is one received message with its parts already decoded to strings. All fields are
// untrusted. HTML may be empty, and so may Text.
type Message struct {
	Channel Channel
	From    string // address or header value; digits in it are never a code
	Subject string
	Text    string
	HTML    string
}

// Kind says what a message holds.
type Kind string

// The kinds of [Verdict].
const (
	KindNone        Kind = "none"
	KindCode        Kind = "code"
	KindLink        Kind = "link"
	KindCodeAndLink Kind = "code_and_link"
	// KindAmbiguous: two or more different values are about equally plausible. Code is empty,
	// Candidates holds them. Link may be set.
	KindAmbiguous Kind = "ambiguous"
)

// Verdict is what [Extract] found. Its strings hold no invisible characters and no prose of the
// message.
type Verdict struct {
	Code       string      // as it is to be typed; "" when none or ambiguous
	Display    string      // as the message shows it, e.g. "550 271"
	Link       *Link       // nil when none
	Kind       Kind        // what was found
	Confidence float64     // 0..1, of the code, or of the link when there is no code
	Reason     string      // one sentence in plain words
	Candidates []Candidate // best first, with the chosen one; at most MaxCandidates
	OriginHost string      // host of an origin-bound last line, else ""
}

// Candidate is one value that was considered.
type Candidate struct {
	Code       string  // as it would be typed
	Display    string  // as the message shows it
	Reason     string  // why it ranks where it does
	Confidence float64 // 0..1
}

// Link is the URL that acts, never fetched: opening one may consume it.
type Link struct {
	URL        string  // exactly as in the message, entities decoded
	Unwrapped  string  // what a SafeLinks or google.com/url wrapper says of its target, else ""
	Host       string  // host as a person reads it (Unicode); never that of Unwrapped
	Punycode   string  // ASCII form of an internationalised host, else ""
	Domain     string  // registrable domain by the public suffix list
	Label      string  // cleaned text of the link, at most 80 runes
	Reason     string  // why this link, in plain words
	Confidence float64 // 0..1
}
