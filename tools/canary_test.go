package tools_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/server"
	"ravi-mcp/sandbox"
)

// disguises returns a marker as it would look in the encodings in which it could slip out.
func disguises(marker string) []string {
	out := []string{marker, hex.EncodeToString([]byte(marker)), strings.ToUpper(hex.EncodeToString([]byte(marker))), url.QueryEscape(marker)}
	backwards := []byte(marker)
	slices.Reverse(backwards)
	out = append(out, string(backwards))
	for shift := range 3 { // base64 of a longer text that holds it, at any place
		padded := strings.Repeat("x", shift) + marker
		for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			text := strings.TrimRight(enc.EncodeToString([]byte(padded)), "=")
			out = append(out, text[4:len(text)-4])
		}
	}
	return out
}

// assertNone fails for every marker that stands in text in any disguise.
func assertNone(t *testing.T, text, where string, markers ...string) {
	t.Helper()
	for _, marker := range markers {
		for _, d := range disguises(marker) {
			assert.False(t, strings.Contains(text, d), "%s holds the canary %s as %q", where, marker, d)
		}
	}
}

// The canaries, one for every field that can hold a secret.
const (
	canaryPassword = "CANARY%pass#71f0a9"
	canaryNotes    = "CANARY%note#b204ce"
	canarySecret   = "CANARY%secr#99d1e3"
	canaryRemark   = "CANARY%rmrk#0c55aa"
	canaryBody     = "CANARY%body#d00d5e"
	canaryCode     = "918273645"
	canarySeed     = "CANARYSEEDQQRRSS22334455"
	canaryBackup   = "CANARY%bkup#3c1f77"
)

// fixture is a valid call of a tool, and the canaries that its result was asked for. It is made
// when the tool's turn comes.
type fixture struct {
	arguments func() args
	may       []string
	refused   fault.Code // for a call that has to fail here
}

// shows are the fields in which tools show a value, each because it was asked for it (S1, S2).
var shows = map[string][]string{
	"get_credential":    {"notes", "password", "previous_passwords"},
	"save_credential":   {"password"},
	"update_credential": {"password"},
	"generate_password": {"password"},
	"get_secret":        {"notes", "value"},
	"get_totp":          {"code"},
	"use_backup_code":   {"code"},
	"get_sso_token":     {"token"},
	"wait_for_otp":      {"code", "code_as_shown"},
}

// notSecret are fields whose names sound as if they held one: codes of errors, the token that a
// cleanup needs, and the time of a change.
var notSecret = map[string][]string{
	"get_credential":     {"password_changed_at"},
	"list_credentials":   {"password_changed_at"},
	"cleanup_identities": {"code", "token"},
	"get_account":        {"code"},
}

// minimal are arguments that are enough for a tool's schema.
func minimal(d definition) args {
	var schema struct {
		Required   []string
		Properties map[string]struct {
			Type    string
			Enum    []any
			Pattern string
		}
	}
	_ = json.Unmarshal(d.InputSchema, &schema)
	arguments := args{}
	for _, name := range schema.Required {
		arguments[name] = "example"
	}
	if _, has := schema.Properties["message_id"]; has {
		arguments["message_id"] = "sms:1"
	}
	switch d.Name { // what a schema cannot say
	case "get_credential", "delete_credential":
		arguments["domain"] = "example.com"
	case "update_credential":
		arguments["domain"], arguments["new_username"] = "example.com", "bob"
	case "set_totp":
		arguments["seed"] = "JBSWY3DPEHPK3PXP"
	}
	return arguments
}

// revealing has, for every tool that can show a stored value, a call that would show one.
var revealing = map[string]args{
	"get_secret": {"name": "API_KEY"}, "get_credential": {"domain": "x.example"}, "get_totp": {"domain": "x.example"},
	"use_backup_code": {"domain": "x.example"}, "save_credential": {"domain": "new.example", "show": true},
	"update_credential": {"domain": "x.example", "generate_password": true, "show": true}, "get_sso_token": {},
}

// Every tool that tools/list names is called; what it was not asked for must not appear in its
// result, on the wire, or in the log.
func TestNoToolReturnsASecretThatItWasNotAskedFor(t *testing.T) {
	for _, pin := range []string{"", "123456"} {
		name := map[bool]string{true: "plaintext account", false: "encrypted account"}[pin == ""]
		t.Run(name, func(t *testing.T) {
			h := newSystem(t, sandbox.Config{})
			h.seal(pin)
			runCanaries(t, h)
		})
	}
}

// seal gives the system an account with encryption, if there is a PIN.
func (h *system) seal(pin string) {
	h.t.Helper()
	if pin == "" {
		return
	}
	account, err := h.ravi.Server.Account(sandbox.AccountConfig{Email: "sealed@example.com", PIN: pin})
	require.NoError(h.t, err)
	h.ravi.Account = account
}

// runCanaries calls every tool once and returns the canaries.
func runCanaries(t *testing.T, h *system) []string {
	t.Helper()
	h.everything()
	metrics, spans := server.NewMetrics("test"), tracetest.NewSpanRecorder()
	auditFile := filepath.Join(t.TempDir(), "audit.jsonl")
	audit, err := server.OpenAudit(auditFile)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, audit.Close()) })
	configure := h.configure
	h.configure = func(cfg *server.Config) {
		configure(cfg)
		cfg.Metrics, cfg.Audit = metrics, audit
		cfg.Tracer = server.NewTracer(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)))
	}
	a := h.connect(local())
	me := ok[created](t, a.call("create_identity", args{"name": "canary"}))
	saved := ok[credential](t, a.call("save_credential", args{"domain": "vault.example", "username": "u", "password": canaryPassword, "notes": canaryNotes}))
	ok[map[string]any](t, a.call("set_secret", args{"name": "API_KEY", "value": canarySecret, "notes": canaryRemark}))
	h.deps.Now = func() time.Time { return time.Unix(1_700_000_010, 0) } // 20 s before the next code
	ok[map[string]any](t, a.call("set_totp", args{"domain": "vault.example", "seed": canarySeed, "backup_codes": []string{canaryBackup}}))
	cursor := ok[created](t, a.call("watch_inbox", nil)).Cursor
	h.sms(me.Phone, "32665", "Your code is "+canaryCode)
	mail, err := h.ravi.Server.DeliverEmail(sandbox.Email{To: me.Address, From: "x@y.example", Subject: "Hello", Text: canaryBody})
	require.NoError(t, err)
	message := ok[waited](t, a.call("wait_for_otp", args{"cursor": cursor})).MessageID

	of := func(v args) func() args { return func() args { return v } }
	fixtures := map[string]fixture{
		"create_identity": {arguments: of(args{"name": "canary-2"})},
		"list_identities": {arguments: of(nil)},
		"get_identity":    {arguments: of(nil)},
		"use_identity":    {arguments: of(args{"identity": "canary"})},
		"watch_inbox":     {arguments: of(nil)},
		"wait_for_otp":    {arguments: of(args{"cursor": cursor}), may: []string{canaryCode}},
		"wait_for_message": {
			arguments: of(args{"cursor": cursor, "channel": "email"}), may: []string{canaryBody},
		},
		"list_messages":     {arguments: of(nil), may: []string{canaryCode, canaryBody}},
		"read_message":      {arguments: of(args{"message_id": message}), may: []string{canaryCode}},
		"save_credential":   {arguments: of(args{"domain": "other.example", "password": canaryPassword, "notes": canaryNotes})},
		"get_credential":    {arguments: of(args{"id": saved.Credential.ID}), may: []string{canaryPassword, canaryNotes}},
		"list_credentials":  {arguments: of(nil)},
		"update_credential": {arguments: of(args{"id": saved.Credential.ID, "new_password": canaryPassword, "new_notes": canaryNotes})},
		"delete_credential": {arguments: func() args {
			gone := ok[credential](t, a.call("save_credential", args{"domain": "gone.example", "password": canaryPassword}))
			return args{"id": gone.Credential.ID}
		}},
		"generate_password": {arguments: of(nil)},
		"set_totp": {arguments: of(args{
			"domain": "other.example", "otpauth_uri": "otpauth://totp/x?secret=" + canarySeed, "backup_codes": []string{canaryBackup},
		})},
		"get_totp":        {arguments: of(args{"domain": "vault.example"})},
		"use_backup_code": {arguments: of(args{"domain": "vault.example"}), may: []string{canaryBackup}},
		"set_secret":      {arguments: of(args{"name": "API_KEY", "value": canarySecret, "notes": canaryRemark})},
		"get_secret":      {arguments: of(args{"name": "api_key"}), may: []string{canarySecret, canaryRemark}},
		"list_secrets":    {arguments: of(nil)},
		"delete_secret": {arguments: func() args {
			ok[map[string]any](t, a.call("set_secret", args{"name": "GONE", "value": canarySecret}))
			return args{"name": "gone"}
		}},
		"update_identity": {arguments: of(args{"identity": "canary-2", "name": "canary-3"})},
		"provision_phone": {arguments: of(nil), refused: fault.Conflict},
		"send_email":      {arguments: of(args{"to": "a@x.example", "subject": "s", "body": "b"})},
		"reply_email":     {arguments: of(args{"message_id": fmt.Sprintf("email:%d", mail), "body": "b"})},
		"forward_email":   {arguments: of(args{"message_id": fmt.Sprintf("email:%d", mail), "to": "a@x.example"})},
		"send_sms":        {arguments: of(args{"to": "+14155550123", "body": "b"}), refused: fault.Unsupported},
		"find_contact":    {arguments: of(args{"q": "x"})},
		"save_contact":    {arguments: of(args{"email": "c@x.example"})},
		"delete_contact": {arguments: func() args {
			ok[map[string]any](t, a.call("save_contact", args{"email": "gone@x.example"}))
			return args{"email": "gone@x.example"}
		}},
		"get_account":        {arguments: of(nil)},
		"list_domains":       {arguments: of(nil)},
		"get_sso_token":      {arguments: of(nil), refused: fault.Unsupported},
		"export_secrets":     {arguments: of(args{"file": "x.env", "secrets": []string{"API_KEY"}})},
		"cleanup_identities": {arguments: of(nil)},
		"delete_identity": {arguments: func() args {
			ok[created](t, h.connect(local()).call("create_identity", args{"name": "gone"}))
			return args{"identity": "gone"}
		}},
	}
	all := []string{
		canaryPassword, canaryNotes, canarySecret, canaryRemark, canaryBody, canaryCode,
		canarySeed, canaryBackup, canaryUnknown, h.ravi.Account.AccessToken, h.ravi.Account.RefreshToken,
	}
	if key := h.ravi.Account.PrivateKey; key != "" {
		all = append(all, key)
	}
	for _, d := range definitions(t, a) {
		f, has := fixtures[d.Name]
		require.True(t, has, "%s has no fixture: add one, with the canaries it may return", d.Name)
		by := a
		if d.Name == "create_identity" { // a second one would take the default from the session
			by = h.connect(local())
		}
		r := by.call(d.Name, f.arguments())
		if f.refused != "" {
			assert.Equal(t, f.refused, refused(t, r).Code, d.Name)
		} else {
			require.False(t, r.IsError, "%s: %v", d.Name, r.Content)
		}
		for _, c := range f.may {
			assert.Contains(t, string(r.raw), c, "%s was asked for it", d.Name)
		}
		assertNone(t, string(r.raw), d.Name, without(all, f.may)...)
		require.Len(t, r.Content, 1, d.Name)
		if f.refused == "" {
			assert.JSONEq(t, string(r.StructuredContent), r.Content[0].Text, "%s: the one text block is the result", d.Name)
		}
	}
	assertNone(t, h.log.String(), "the log", all...)
	require.Contains(t, h.log.String(), "tools/call get_secret", "the log was looked at")

	scraped := httptest.NewRecorder()
	metrics.Handler().ServeHTTP(scraped, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Contains(t, scraped.Body.String(), `tool="get_secret"`)
	assertNone(t, scraped.Body.String(), "the metrics", all...)

	lines, err := os.ReadFile(auditFile)
	require.NoError(t, err)
	require.Contains(t, string(lines), "get_secret")
	assertNone(t, string(lines), "the audit", all...)

	traced, err := json.Marshal(tracetest.SpanStubsFromReadOnlySpans(spans.Ended()))
	require.NoError(t, err)
	require.Contains(t, string(traced), "tools/call get_secret")
	assertNone(t, string(traced), "the spans", all...)
	return all
}

func without(all, some []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(some, s) })
}

// A bad argument is named, and what was sent as its value is not repeated.
func TestErrorsDoNotRepeatWhatWasSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSystem(t, sandbox.Config{})
		a := h.everything().connect(local())
		ok[created](t, a.call("create_identity", args{"name": "x"}))
		for _, d := range definitions(t, a) {
			for _, arguments := range []args{
				{"identity": strings.Repeat(canaryPassword, 20)},
				{"password": canaryPassword, "value": canarySecret, "no_such": canaryBody},
				{"identity": map[string]any{canaryPassword: canaryPassword}},
				{"domain": canaryPassword, "name": canarySecret, "channel": canaryBody, "cursor": canaryNotes, "message_id": canaryRemark},
				{"value": canarySecret, "name": "1" + canaryPassword},
				{"domain": "vault.example", "seed": canaryPassword},
				{"domain": "vault.example", "otpauth_uri": "otpauth://totp/x?secret=" + canaryPassword},
				{"domain": "vault.example", "otpauth_uri": "otpauth://totp/%zz?secret=" + canarySeed},
				{"domain": "vault.example", "qr_png": canaryPassword},
				{"domain": "vault.example", "backup_codes": []string{canarySecret + "\x00"}},
				{"domain": "https://" + canaryPassword + "@[::1", "password": canarySecret},
			} {
				r := a.call(d.Name, arguments)
				body := refused(t, r)
				assert.NotEqual(t, "internal", string(body.Code), d.Name)
				assertNone(t, string(r.raw), d.Name, canaryPassword, canarySecret, canaryBody, canaryNotes, canaryRemark, canarySeed)
			}
		}
		assertNone(t, h.log.String(), "the log", canaryPassword, canarySecret, canaryBody, canaryNotes, canaryRemark, canarySeed)
	})
}
