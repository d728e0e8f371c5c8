package sandbox

import (
	"cmp"
	"time"
)

// Era is the dialect a Server speaks (docs/ravi-api.md#eras).
type Era string

// The two dialects.
const (
	EraTokens Era = "token" // JWT and X-Ravi-Identity (eras 1 and 2)
	EraKeys   Era = "key"   // ravi_mgmt_ and ravi_id_ keys (eras 3 and 4)
)

// ListStyle is the shape of a flat list of messages.
type ListStyle string

// The shapes of a flat list; Ravi's own sources disagree (docs/ravi-api.md#contradictions).
const (
	ListByEra     ListStyle = ""          // bare with tokens; with keys, on demand for mail and bare for texts
	ListBare      ListStyle = "bare"      // an array, newest first
	ListPaginated ListStyle = "paginated" // {count,next,previous,results}, oldest first
	ListOnDemand  ListStyle = "on-demand" // paginated if limit, offset or created_after is sent, else bare
)

// EventNaming chooses the names of email events (docs/ravi-api.md#events).
type EventNaming string

// The ways to name the event of a new email.
const (
	EventsByEra   EventNaming = ""        // plain with tokens, by sender with keys
	EventsPlain   EventNaming = "plain"   // email
	EventsChannel EventNaming = "channel" // email_owner, email_trusted, email_untrusted
)

// Config describes a Server. The zero value is a token-era Ravi in memory.
type Config struct {
	// Era is the dialect; EraTokens when empty.
	Era Era
	// Data is a folder to keep everything in, written through before each answer; empty means
	// memory only. One process at a time may hold it.
	Data string
	// Now is the server's clock; time.Now when nil. It may run ahead or behind.
	Now func() time.Time
	// Domain is the host part of new addresses; "in.ravi.app" when empty.
	Domain string

	// TokenLife is how long an access token lasts; 1 hour when 0.
	TokenLife time.Duration
	// KeepRefresh answers a refresh without a new refresh token and leaves the old one valid.
	// Otherwise each refresh revokes the token it used.
	KeepRefresh bool
	// DeviceInterval is the pace of device polling; 5 s when 0. Faster polls get slow_down.
	DeviceInterval time.Duration
	// DeviceLife is how long a device code lasts; 15 minutes when 0.
	DeviceLife time.Duration
	// AutoApprove approves every device login at once for the account with this address, made if
	// need be. Empty means that logins wait for ApproveDevice.
	AutoApprove string

	// NoIdentityQuery refuses management keys on identity calls even with ?identity=, as era 3 did.
	NoIdentityQuery bool
	// NoIdentityGet leaves out GET /api/identities/<uuid>/ (405).
	NoIdentityGet bool
	// NoDelete leaves out DELETE /api/identities/<uuid>/ (405).
	NoDelete bool

	// EmailList and SMSList choose the shape of the flat lists.
	EmailList, SMSList ListStyle
	// IgnoreFilters makes the flat lists ignore created_after, direction, from_email and thread_id,
	// as an older Ravi does.
	IgnoreFilters bool
	// MarkRead marks messages as read when a thread, a conversation or one message is fetched.
	MarkRead bool
	// PreviewLength is the length of previews in characters; 100 when 0.
	PreviewLength int
	// PlainMessages stores mail and texts unsealed even for accounts with a PIN, as era 2 did;
	// passwords and secrets stay sealed.
	PlainMessages bool
	// SecretsPath is "secrets" or "vault" to serve only that one; empty for what the era had.
	SecretsPath string
	// HidePasswords leaves password and notes out of the list of passwords.
	HidePasswords bool
	// RequireSealed refuses (400) plaintext for fields that the client of an account with a PIN
	// should have sealed.
	RequireSealed bool

	// NoStream leaves out the event stream, so that clients have to poll.
	NoStream bool
	// Heartbeat is the pause between comments on a quiet stream; 15 s when 0.
	Heartbeat time.Duration
	// EventNames chooses the names of email events.
	EventNames EventNaming

	// EmailHourly, EmailDaily and UploadsHourly limit an account; 60, 500 and 200 when 0, no limit
	// when negative.
	EmailHourly, EmailDaily, UploadsHourly int

	// KeptRequests is how many requests Requests can show; 10,000 when 0, none when negative.
	KeptRequests int
	// RecordBodies keeps request bodies in the records.
	RecordBodies bool
}

func (c Config) withDefaults() Config {
	c.Era = cmp.Or(c.Era, EraTokens)
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Domain = cmp.Or(c.Domain, "in.ravi.app")
	c.TokenLife = cmp.Or(c.TokenLife, time.Hour)
	c.DeviceInterval = cmp.Or(c.DeviceInterval, 5*time.Second)
	c.DeviceLife = cmp.Or(c.DeviceLife, 15*time.Minute)
	c.Heartbeat = cmp.Or(c.Heartbeat, 15*time.Second)
	c.PreviewLength = cmp.Or(c.PreviewLength, 100)
	c.EmailHourly = cmp.Or(c.EmailHourly, 60)
	c.EmailDaily = cmp.Or(c.EmailDaily, 500)
	c.UploadsHourly = cmp.Or(c.UploadsHourly, 200)
	c.KeptRequests = cmp.Or(c.KeptRequests, 10000)
	keys := c.Era == EraKeys
	c.EmailList = cmp.Or(c.EmailList, pick(keys, ListOnDemand, ListBare))
	c.SMSList = cmp.Or(c.SMSList, ListBare)
	c.EventNames = cmp.Or(c.EventNames, pick(keys, EventsChannel, EventsPlain))
	return c
}

func pick[T any](cond bool, yes, no T) T {
	if cond {
		return yes
	}
	return no
}
