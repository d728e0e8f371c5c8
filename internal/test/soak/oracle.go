package soak

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
)

// lingering is how long after a wait the server may go on listening to the identity's inbox
// (inbox.Config.Linger).
const lingering = 40 * time.Second

// request is a request that reached Ravi, as far as it matters.
type request struct {
	at                         time.Time
	method, endpoint, identity string
	status                     int
}

// endpoints are the parts of Ravi, which tools need them, and whether a server goes on reading
// there after a call.
var endpoints = []struct {
	path    string
	tools   []string
	watched bool
}{
	{"/api/secrets/", secretTools, false}, {"/api/vault/", secretTools, false},
	{"/api/passwords/", credentialTools, false},
	{"/api/messages/", inboxTools, true}, {"/api/email-messages/", inboxTools, true}, {"/api/events/", inboxTools, true},
	{"/api/identities/", []string{"delete_identity", "wait_for_otp", "get_identity"}, false},
}

var (
	credentialTools = []string{"save_credential", "get_credential", "list_credentials", "delete_credential"}
	// What belongs to a credential, such as its TOTP seed, is kept as secrets.
	secretTools = slices.Concat([]string{"set_secret", "get_secret", "list_secrets", "delete_secret"}, credentialTools)
	inboxTools  = []string{"watch_inbox", "use_identity", "create_identity", "wait_for_otp", "list_messages", "read_message"}
)

var uuidIn = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

// collect takes over what reached Ravi since the last time, and checks what can be checked at once:
// the marks.
func (r *run) collect() {
	records := r.Ravi.TakeRequests()
	if limit := r.Ravi.KeptRequests(); len(records) >= limit {
		r.fail("the sandbox keeps %d requests, and so many came since the last look that some may be lost", limit)
	}
	for _, rec := range records {
		q := request{at: rec.Time, method: rec.Method, endpoint: rec.Endpoint, identity: rec.Identity, status: rec.Status}
		if q.identity == "" && strings.HasPrefix(rec.Endpoint, "/api/identities/{uuid}/") {
			q.identity = strings.ToLower(uuidIn.FindString(rec.Path))
		}
		if q.identity == "" {
			r.report.Account++
			continue
		}
		marks := r.words.FindAllString(string(rec.Body), -1)
		if len(marks) == 0 || !strings.Contains(string(rec.Body), "mark-") {
			r.requests = append(r.requests, q)
			continue
		}
		for _, mark := range marks {
			if !strings.Contains(mark, "mark-") {
				continue
			}
			r.book.mu.Lock()
			meant, known := r.book.marks[mark]
			r.book.mu.Unlock()
			if !known || meant != q.identity {
				r.fail("CROSSING: %s %s was made for %s; the call with %q meant %q", q.method, q.endpoint, q.identity, mark, meant)
			}
		}
		r.report.Marked++
	}
}

// judge checks every request without a mark: at its time, the owner of its identity was in a call
// that meant it.
func (r *run) judge() {
	for _, q := range r.requests {
		spans, mine := r.book.spans[q.identity], r.book.owner[q.identity] != ""
		if r.expired(q, spans) {
			r.report.Expired++
			continue
		}
		if !mine {
			continue // was there before, or its creation was lost
		}
		var tools []string
		var watched bool
		for _, endpoint := range endpoints {
			if strings.HasPrefix(q.endpoint, endpoint.path) {
				tools, watched = endpoint.tools, endpoint.watched
			}
		}
		timed := slices.ContainsFunc(spans, func(s *span) bool {
			return slices.Contains(tools, s.tool) && !q.at.Before(s.start) && !q.at.After(s.end)
		})
		switch {
		case timed:
			r.report.Timed++
		case watched && slices.ContainsFunc(spans, func(s *span) bool {
			return slices.Contains(tools, s.tool) && !q.at.Before(s.start) && q.at.Before(s.end.Add(lingering))
		}):
			r.report.Watched++
		default:
			r.fail("CROSSING: %s %s (%d) was made for %s of %s, who was in no call that meant it",
				q.method, q.endpoint, q.status, q.identity, r.book.owner[q.identity])
		}
	}
}

// expired reports whether a request belongs to the end of an ephemeral identity, which was not used
// for its time to live.
func (r *run) expired(q request, spans []*span) bool {
	if !r.book.brief[q.identity] || !strings.HasPrefix(q.endpoint, "/api/identities/") {
		return false
	}
	return !slices.ContainsFunc(spans, func(s *span) bool {
		return !s.noUse && !s.start.After(q.at) && q.at.Before(s.start.Add(ttl))
	})
}

// awaitExpiry waits until the ephemeral identities of all processes are gone, but for those that
// are deleted when their only client ends.
func (r *run) awaitExpiry() {
	lasting := map[string]bool{}
	for _, a := range r.actors {
		if a.transport == overStdio || a.transport == asHelpers && a.web == nil {
			for _, i := range a.identities {
				lasting[i.uuid] = true
			}
		}
	}
	for end := time.Now().Add(ttl + patience); ; time.Sleep(100 * time.Millisecond) {
		var left []string
		for _, info := range r.Ravi.Identities() {
			if r.book.brief[info.UUID] && !lasting[info.UUID] {
				left = append(left, info.Name)
			}
		}
		switch {
		case len(left) == 0:
			return
		case time.Now().After(end):
			r.fail("ephemeral identities are left after their time: %v", left)
			return
		}
	}
}

// audit compares what Ravi holds in the end with what the clients believe.
func (r *run) audit(ctx context.Context) {
	client, err := ravi.New(ravi.Config{BaseURL: "https://ravi.test", Transport: r.Ravi.RoundTripper(),
		Credentials: config.Credentials{Scheme: config.SchemeToken, AccessToken: secret.New(r.Account.AccessToken)}})
	if err != nil {
		r.fail("audit: %v", err)
		return
	}
	defer client.Close()
	believed := map[string]*identity{}
	for _, a := range r.actors {
		for _, i := range a.identities {
			if !i.ephemeral {
				believed[i.uuid] = i
			}
		}
	}
	for _, info := range r.Ravi.Identities() {
		if r.book.brief[info.UUID] {
			r.fail("the ephemeral identity %s is left", info.Name)
			continue
		}
		if i := believed[info.UUID]; i != nil {
			r.auditIdentity(ctx, client.Scope(info.UUID), i, info)
			delete(believed, info.UUID)
		} else if r.words.MatchString(info.Name) && !r.maybe[info.Name] {
			r.fail("Ravi has an identity %s that no client made, or that was deleted", info.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(believed)) {
		r.fail("Ravi has lost the identity %s", believed[name].name)
	}
}

func (r *run) auditIdentity(ctx context.Context, scope *ravi.Scope, i *identity, info sandbox.IdentityInfo) {
	if info.Name != i.name || info.Messages != len(i.delivered) {
		r.fail("%s is called %s and has %d messages; sent were %d", i.name, info.Name, info.Messages, len(i.delivered))
	}
	entries, err := scope.Secrets(ctx)
	if err != nil {
		r.fail("audit: %v", err)
		return
	}
	stored := map[string]secret.Secret{}
	for _, e := range entries {
		full, err := scope.Secret(ctx, e.Key)
		if err != nil {
			r.fail("audit: %v", err)
			return
		}
		stored[e.Key] = full.Value
	}
	for name, v := range i.secrets {
		r.compare(i, name, v, stored[name])
		delete(stored, name)
	}
	passwords, err := scope.Passwords(ctx)
	if err != nil {
		r.fail("audit: %v", err)
		return
	}
	for _, p := range passwords {
		full, err := scope.Password(ctx, p.UUID)
		if err != nil {
			r.fail("audit: %v", err)
			return
		}
		if _, twice := stored[p.Domain]; twice && r.lost.Load() == 0 {
			r.fail("%s has two credentials for %s", i.name, p.Domain)
		}
		stored[p.Domain] = full.Password
		delete(stored, "LOGINRECORD_"+strings.ToUpper(strings.ReplaceAll(p.UUID, "-", "_"))) // what belongs to it
	}
	for domain, c := range i.credentials {
		r.compare(i, domain, &c.password, stored[domain])
		delete(stored, domain)
	}
	for what := range stored {
		r.fail("%s has something that no client stored: %s", i.name, what)
	}
}

// compare checks a value that Ravi holds.
func (r *run) compare(i *identity, what string, v *value, held secret.Secret) {
	if !slices.ContainsFunc(v.can, func(can string) bool { return held.Equal(secret.New(can)) }) {
		r.fail("CROSSING: %s of %s is not what was stored last, which is %q", what, i.name, v.can)
	}
}
