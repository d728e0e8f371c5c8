package inbox

import (
	"fmt"
	"strings"
	"time"

	"ravi-mcp/internal/suspicion"
	"ravi-mcp/ravi/secret"
)

// Channel is a way messages come in.
type Channel string

// The channels. AnyChannel is both of the others and the default of a request.
const (
	AnyChannel Channel = "any"
	Email      Channel = "email"
	SMS        Channel = "sms"
)

// channels is the order of everything that is kept per channel.
var channels = [2]Channel{emailIndex: Email, smsIndex: SMS}

const (
	emailIndex = iota
	smsIndex
)

// Want says what ends a wait for a code.
type Want string

// What can be wanted. WantAny is the default.
const (
	WantAny  Want = "any"  // a code or a link
	WantCode Want = "code" // a code; a link beside it is returned as well
	WantLink Want = "link" // a link; a code beside it is returned as well
)

// DefaultTimeout is how long a wait lasts that does not say: some clients give a call up after 30 s
// exactly.
const DefaultTimeout = 25 * time.Second

// Target names an inbox and the caller that reads it.
type Target struct {
	Caller     string // the authenticated caller; cursors are bound to it
	Credential string // names the credential (ravi.Client.CredentialID); watchers are shared within one
	Identity   string // the identity's uuid; cursors are bound to it
	// Address and Phone are the identity's own, if known. A message that is plainly addressed to
	// another number, or to another address of the same domain only, is then left out (SECURITY.md
	// U3).
	Address, Phone string
	// Source reads the inbox. The first Target of a watcher gives it its Source.
	Source Source
}

// Request says what to wait for. The zero value waits DefaultTimeout for a code or a link on any
// channel, armed at the call.
type Request struct {
	// Cursor is where to continue; empty arms at the call.
	Cursor string
	// Channel restricts the wait to one channel; empty is AnyChannel.
	Channel Channel
	// From keeps messages of one sender: an address, a domain (its subdomains included), the whole
	// number of an SMS, or a part of the From line. Case is ignored. A mail whose From is not
	// exactly one mailbox passes no address and no domain.
	From string
	// Service is who the message has to come from, given as a domain or a name; others are
	// suspicious. A domain has to be that of the mail's sender, or of the host of an origin-bound
	// SMS. A name has to be the organisation part of that domain or a word of subject or text. An
	// SMS that is bound to no host has to name the service. See package suspicion.
	Service string
	// Contains keeps messages whose subject or text has these words; case and width of characters
	// are ignored.
	Contains string
	// Want is what ends the wait; empty is WantAny. Ignored with Messages.
	Want Want
	// Messages: any new message ends the wait, the newest if there are several.
	Messages bool
	// Timeout is how long to wait; 0 or less is DefaultTimeout.
	Timeout time.Duration
	// MaxAge leaves out messages that Ravi created longer ago than this, by Ravi's clock; 0 is no
	// limit. Ravi's clock is known from its answers where the Source tells it (see ServerClock),
	// else from the times of messages.
	MaxAge time.Duration
	// Progress is called from the waiting goroutine every few seconds.
	Progress func(Progress)
}

// normalise fills in defaults and refuses what does not exist.
func (r *Request) normalise() error {
	switch r.Channel {
	case "":
		r.Channel = AnyChannel
	case AnyChannel, Email, SMS:
	default:
		return fmt.Errorf("%w: a channel is any, email or sms", ErrRequest)
	}
	switch r.Want {
	case "":
		r.Want = WantAny
	case WantAny, WantCode, WantLink:
	default:
		return fmt.Errorf("%w: want is code, link or any", ErrRequest)
	}
	if r.Timeout <= 0 {
		r.Timeout = DefaultTimeout
	}
	return nil
}

// listens reports whether the request reads channel c.
func (r *Request) listens(c int) bool {
	return r.Channel == AnyChannel || r.Channel == channels[c]
}

// Progress is how a wait is going.
type Progress struct {
	Elapsed, Timeout time.Duration
	Channel          Channel
	From, Service    string // as requested
	Want             Want   // empty when any message ends the wait
	Arrived          int    // messages since the cursor that did not end the wait
	Live             bool   // an event stream is connected; else the inbox is polled
}

// String says what is being waited for, in one line without any message text.
func (p Progress) String() string {
	var b strings.Builder
	b.WriteString("waiting for ")
	switch p.Want {
	case "":
		b.WriteString("a message")
	case WantAny:
		b.WriteString("a code or a link")
	default:
		b.WriteString("a " + string(p.Want))
	}
	if p.Channel != AnyChannel {
		b.WriteString(" by " + string(p.Channel))
	}
	if p.Service != "" {
		fmt.Fprintf(&b, " of %q", p.Service)
	}
	if p.From != "" {
		fmt.Fprintf(&b, " from %q", p.From)
	}
	fmt.Fprintf(&b, ": %d of %d s", int(p.Elapsed.Seconds()), int(p.Timeout.Seconds()))
	if p.Arrived > 0 {
		fmt.Fprintf(&b, ", %d other message(s) so far", p.Arrived)
	}
	return b.String()
}

// Status is how a wait ended.
type Status string

// The ends of a wait.
const (
	Found     Status = "found"
	Pending   Status = "pending"   // nothing yet; continue with Result.Cursor
	Ambiguous Status = "ambiguous" // see Result.Candidates
)

// The reasons of a pending result, where there is one.
const (
	// ReasonShutdown: the server is shutting down.
	ReasonShutdown = "server_shutting_down"
	// ReasonPartlyUnread: one of the channels could not be read during the whole wait, or this Ravi
	// does not have it.
	ReasonPartlyUnread = "partly_unread"
)

// Result is the answer of a wait. All strings of messages are untrusted text of third parties,
// cleaned of invisible characters.
type Result struct {
	Status Status
	// Answer is set when Status is Found.
	Answer
	// Reason is one of the constants above, for a pending result.
	Reason string
	// Candidates are all possible answers of an ambiguous result, newest first.
	Candidates []Answer
	// Superseded is how many older code messages of the same sender the answer replaced.
	Superseded int
	// Cursor continues the chain.
	Cursor string
	// ArmedAtCall: there was no cursor, so only what came after the call counted.
	ArmedAtCall bool
	Waited      time.Duration
	// Arrived is what came since the cursor on the channels waited for.
	Arrived Arrived
	// Fruitless counts the waits of this chain, this one included, that ended pending since the
	// last answer.
	Fruitless int
}

// Answer is one message and what was found in it.
type Answer struct {
	Message    Message
	Excerpt    secret.Secret // at most 200 characters of cleaned text around code or link
	Code       secret.Secret // as it is to be typed; empty when there is none
	Display    secret.Secret // the code as the message shows it
	Link       *Link         // nil when there is none
	OriginHost string        // host of an origin-bound code, else ""
	Confidence float64       // 0..1
	Why        string        // one sentence
}

// Link is a link that acts. It was not fetched.
type Link struct {
	URL        secret.Secret      // exactly as in the message
	Unwrapped  secret.Secret      // target of a known wrapper, else empty
	Host       string             // as a person reads it
	Punycode   string             // ASCII form of an internationalised host, else ""
	Domain     string             // registrable domain
	Relation   suspicion.Relation // of the link itself to the sender and to Request.Service
	Means      string             // that in one sentence
	Label      string
	Why        string
	Confidence float64
}

// Message names a message and says what is on its envelope.
type Message struct {
	Channel   Channel
	ID        int64   // Ravi's id, within the channel; of the last part of a joined SMS
	Parts     []int64 // ids of the parts of a joined SMS, in order; else nil
	From      string
	Subject   string // empty for SMS
	Created   time.Time
	Text      secret.Secret // the cleaned text, only with Request.Messages
	Truncated bool          // Text was cut
	Locked    bool          // the text is ciphertext and there is no key (e2e::)
}

// Suspect is a message that must not be believed, and why.
type Suspect struct {
	Channel Channel
	ID      int64
	From    string
	Reasons []suspicion.Reason
}

// Arrived counts messages without telling what is in them.
type Arrived struct {
	Count   int
	Senders []string // distinct, newest first, at most 10
	// Suspicious names messages that must not be believed, the newest ten of SuspiciousCount. None
	// of them ends a wait.
	Suspicious      []Suspect
	SuspiciousCount int
	// Skipped is how many of them had what was wanted but did not pass the filters.
	Skipped int
	// Locked is how many of them are ciphertext that this server cannot open.
	Locked int
}
