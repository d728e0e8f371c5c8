package tools_test

import (
	"bytes"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
	"ravi-mcp/session"
)

const presign = "/api/email-attachments/presign/"

// attaching is a mail system whose operator allows a folder to attach from.
func attaching(t *testing.T, cfg sandbox.Config, policy session.Policy) (*system, string) {
	t.Helper()
	h := mailSystem(t, cfg, policy)
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	t.Cleanup(func() { _ = root.Close() })
	h.deps.Attach = root
	return h, dir
}

func put(t *testing.T, dir, name string, content []byte) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
}

type seenMail struct {
	Message struct {
		Untrusted   bool
		Subject     string
		Attachments []struct {
			Filename    string
			ContentType string `json:"content_type"`
			Size        int64
		}
		Omitted int `json:"attachments_omitted"`
	}
}

func TestFilesOfTheFolderAreAttached(t *testing.T) {
	for name, era := range eras {
		t.Run(name, func(t *testing.T) {
			h, dir := attaching(t, sandbox.Config{Era: era}, session.PolicyAllow)
			put(t, dir, "report.txt", []byte("all is well"))
			put(t, dir, "pictures/cat.png", []byte("\x89PNG\r\n\x1a\n\x00\x01"))
			a := h.connect(local())
			ok[created](t, a.call("create_identity", args{"name": "ada"}))
			bob := ok[created](t, a.call("create_identity", args{"name": "bob"}))
			sent := ok[struct{ Attached []string }](t, a.call("send_email", args{
				"identity": "ada", "to": bob.Address, "subject": "s", "body": "b", "attachments": []string{"report.txt", filepath.Join(dir, "pictures", "cat.png")},
			}))
			assert.Equal(t, []string{"report.txt", "cat.png"}, sent.Attached)
			newest := func(identity string) (string, seenMail) {
				id, _ := received(t, a, identity)
				return id, ok[seenMail](t, a.call("read_message", args{"identity": identity, "message_id": id}))
			}
			id, got := newest("bob")
			require.Len(t, got.Message.Attachments, 2)
			assert.Equal(t, "report.txt", got.Message.Attachments[0].Filename)
			assert.EqualValues(t, 11, got.Message.Attachments[0].Size)
			assert.Contains(t, got.Message.Attachments[0].ContentType, "text/plain")
			assert.Equal(t, "image/png", got.Message.Attachments[1].ContentType)

			ok[mailed](t, a.call("reply_email", args{"identity": "bob", "message_id": id, "body": "b", "attachments": []string{"./report.txt"}}))
			id, got = newest("ada")
			assert.Len(t, got.Message.Attachments, 1)
			ok[mailed](t, a.call("forward_email", args{"identity": "ada", "message_id": id, "to": bob.Address, "attachments": []string{"pictures/cat.png"}}))
			_, got = newest("bob")
			assert.Equal(t, "Fwd: Re: s", got.Message.Subject)
			assert.NotEmpty(t, got.Message.Attachments)
		})
	}
}

func TestNoPathLeadsOutOfTheFolderOfFiles(t *testing.T) {
	h, dir := attaching(t, sandbox.Config{}, session.PolicyAllow)
	outside := t.TempDir()
	put(t, outside, "private.txt", []byte("CANARY-outside"))
	put(t, dir, "in/fine.txt", []byte("fine"))
	require.NoError(t, os.Symlink(filepath.Join(outside, "private.txt"), filepath.Join(dir, "link.txt")))
	require.NoError(t, os.Symlink("in/fine.txt", filepath.Join(dir, "inner.txt")))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "door")))
	require.NoError(t, os.Symlink("in", filepath.Join(dir, "hall")))
	require.NoError(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	require.NoError(t, syscall.Mkfifo(filepath.Join(dir, "pipe.txt"), 0o600))
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
	a := h.connectModern(local())
	send := func(path string) result {
		return a.call("send_email", args{"identity": "ada", "to": "a@x.example", "subject": "s", "body": "b", "attachments": []string{path}})
	}
	for path, want := range map[string]fault.Code{
		"../private.txt": fault.Forbidden, "in/../in/fine.txt": fault.Forbidden, "..": fault.Forbidden, ".": fault.Forbidden, "/etc/passwd": fault.Forbidden,
		filepath.Join(outside, "private.txt"): fault.Forbidden, dir + "/../x": fault.Forbidden, dir: fault.Forbidden, "a\x00b": fault.Forbidden,
		"link.txt": fault.Forbidden, "inner.txt": fault.Forbidden, "door/private.txt": fault.Forbidden, "hall/fine.txt": fault.Forbidden, "loop": fault.Forbidden,
		"pipe.txt": fault.Forbidden, "in": fault.Forbidden, "in/fine.txt/x": fault.Forbidden, "missing.txt": fault.NotFound, "in/missing.txt": fault.NotFound,
	} {
		r := send(path)
		assert.Equal(t, want, refused(t, r).Code, "%q", path)
		assert.NotContains(t, string(r.raw), "CANARY")
		assert.NotContains(t, string(r.raw), outside)
	}
	assert.Zero(t, h.sends())
	assert.Zero(t, h.ravi.Server.CountRequests("POST", presign))
	ok[mailed](t, send("in/fine.txt"))
}

func TestFilesThatRaviDoesNotTakeAreRefusedBefore(t *testing.T) {
	h, dir := attaching(t, sandbox.Config{}, session.PolicyAllow)
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
	a := h.connectModern(local())
	send := func(paths ...string) result {
		return a.call("send_email", args{"identity": "ada", "to": "a@x.example", "subject": "s", "body": "b", "attachments": paths})
	}
	big := bytes.Repeat([]byte("x"), 10<<20)
	put(t, dir, "most.bin", big)
	put(t, dir, "more.bin", append(big, 'x'))
	put(t, dir, "most2.bin", big)
	put(t, dir, "half.bin", big[:6<<20])
	put(t, dir, "empty.txt", nil)
	for _, name := range []string{"a.exe", "a.EXE", "a.txt.lnk", "a.exe.", "a.exe .", "disk.iso", "evil\u202etxt.js", "line\nbreak.txt", "run.ps1"} {
		put(t, dir, name, []byte("x"))
		assert.Equal(t, fault.InvalidArgument, refused(t, send(name)).Code, "%q", name)
	}
	for _, paths := range [][]string{{"more.bin"}, {"empty.txt"}, {"most.bin", "most2.bin", "half.bin"}, {"a.py", "a.exe"}} {
		put(t, dir, "a.py", []byte("print()"))
		assert.Equal(t, fault.InvalidArgument, refused(t, send(paths...)).Code, "%v", paths)
	}
	eleven := make([]string, 11)
	for i := range eleven {
		eleven[i] = "a.py"
	}
	assert.Equal(t, fault.InvalidArgument, refused(t, send(eleven...)).Code)
	assert.Zero(t, h.ravi.Server.CountRequests("POST", presign))
	ok[mailed](t, send("most.bin"))
	ok[mailed](t, send("a.py"))
}

// SECURITY.md S15.
func TestNothingStoredLeavesInAFile(t *testing.T) {
	h, dir := attaching(t, sandbox.Config{}, session.PolicyAllow)
	ada := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada", ProvisionPhone: true})
	a := h.connectModern(local())
	ok[map[string]any](t, a.call("set_secret", args{"identity": "ada", "name": "API_KEY", "value": canarySecret}))
	ok[map[string]any](t, a.call("save_credential", args{"identity": "ada", "domain": "x.example", "password": canaryPassword}))
	h.sms(ada.Phone, "32665", "Your verification code is 482913.")
	send := func(name string) result {
		return h.connectModern(local()).call("send_email", args{"identity": "ada", "to": "a@x.example", "subject": "s", "body": "b", "attachments": []string{name}})
	}
	const umlauts = "Geheimnis-für-Bücher-99d1"
	ok[map[string]any](t, a.call("set_secret", args{"identity": "ada", "name": "UMLAUTS", "value": umlauts}))
	units := func(order binary.AppendByteOrder, s string) (b []byte) {
		for _, unit := range utf16.Encode([]rune(s)) {
			b = order.AppendUint16(b, unit)
		}
		return b
	}
	runes := func(order binary.AppendByteOrder, s string) (b []byte) {
		for _, c := range s {
			b = order.AppendUint32(b, uint32(c))
		}
		return b
	}
	spaced := strings.Join(strings.Split(canarySecret, ""), " ")
	utf := func(s string) []byte {
		b := []byte{0xff, 0xfe}
		for _, unit := range utf16.Encode([]rune(s)) {
			b = binary.LittleEndian.AppendUint16(b, unit)
		}
		return b
	}
	filler := strings.Repeat("nothing to see here\n", 50_000)
	for name, content := range map[string][]byte{
		"plain.txt":    []byte(filler + "key=" + canarySecret + "\n" + filler),
		"base64.txt":   []byte(base64.StdEncoding.EncodeToString([]byte("user:" + canarySecret + "@host"))),
		"spaced.csv":   []byte(strings.Join(strings.Split(canaryPassword, ""), " ")),
		"wide.txt":     utf("the password is " + canaryPassword),
		"binary.bin":   []byte("\x00\x01\x02" + canarySecret + "\xff\x00"),
		"unmarked.txt": units(binary.LittleEndian, "the secret is "+canarySecret),
		"big.txt":      units(binary.BigEndian, "\ufeffthe secret is "+canarySecret),
		"odd.txt":      append([]byte("x"), units(binary.LittleEndian, "x "+canarySecret)...),
		"cut.txt":      append(utf(canarySecret), 'x'),
		"umlauts.txt":  append([]byte("xyz"), units(binary.BigEndian, "x "+umlauts)...),
		"latin.txt":    []byte("Geheimnis-f\xfcr-B\xfccher-99d1"),
		"utf32.txt":    runes(binary.LittleEndian, "\ufeffit is "+canarySecret),
		"utf32be.txt":  append([]byte("xx"), runes(binary.BigEndian, umlauts)...),
		"one-bad.txt":  []byte("\xff " + spaced),
		"spaced16.txt": units(binary.LittleEndian, spaced),
		"code16.txt":   units(binary.BigEndian, "It is 482913, hurry"),
		"base32.bin":   []byte("\x00\xff" + base32.StdEncoding.EncodeToString([]byte("a"+canarySecret+"b"))),
		"hex.bin":      []byte("\x00\xff" + hex.EncodeToString([]byte(canarySecret))),
		"code.txt":     []byte("It is 482913, hurry"),
		"escaped.html": []byte("<p>" + strings.ReplaceAll(canaryPassword, "A", "&#65;") + "</p>"),
		canarySecret:   []byte("x"),
	} {
		put(t, dir, name, content)
		body := refused(t, send(name))
		assert.Equal(t, fault.Denied, body.Code, name)
		assert.Equal(t, "secret_in_text", body.Reason, name)
		assertNone(t, body.Message, name, canarySecret[:8])
	}
	assert.Zero(t, h.sends())
	assert.Zero(t, h.ravi.Server.CountRequests("POST", presign), "nothing was uploaded either")
	put(t, dir, "numbers.csv", []byte(strings.Repeat("1748291365,20261122\n", 1000))) // holds the code by chance
	ok[mailed](t, send("numbers.csv"))
}

func TestAFileThatCannotBeUploadedSendsNothing(t *testing.T) {
	h, dir := attaching(t, sandbox.Config{}, session.PolicyAllow)
	h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
	put(t, dir, "a.txt", []byte("a"))
	a := h.connectModern(local())
	mail := args{"identity": "ada", "to": "a@x.example", "subject": "s", "body": "b", "attachments": []string{"a.txt"}}
	for want, f := range map[fault.Code]sandbox.Fault{
		fault.RateLimited: {Method: "POST", Endpoint: presign, Status: 429, RetryAfter: 600},
		fault.Unavailable: {Method: "PUT", Endpoint: "/uploads/{identity}/{uuid}", Status: 500},
		fault.Forbidden:   {Method: "PUT", Endpoint: "/uploads/{identity}/{uuid}", Status: 403},
	} {
		h.ravi.Server.Faults().Add(f)
		assert.Equal(t, want, refused(t, a.call("send_email", mail)).Code)
		assert.Zero(t, h.sends())
	}
	ok[mailed](t, a.call("send_email", mail))
}

func TestAPersonSeesWhichFilesGoOut(t *testing.T) {
	for era, connect := range canAsk {
		h, dir := attaching(t, sandbox.Config{}, session.PolicyAsk)
		h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
		put(t, dir, "plan.txt", []byte("CANARY-content"))
		a := connect(h, local(), no)
		var question string
		person := a.person
		a.person = func(q json.RawMessage) string { question = string(q); return person(q) }
		body := refused(t, a.put("send_email", args{"identity": "ada", "to": "a@x.example", "subject": "s", "body": "b", "attachments": []string{"plan.txt"}}))
		assert.Equal(t, "declined", body.Reason, era)
		assert.Contains(t, question, "plan.txt")
		assert.NotContains(t, question, "CANARY")
		assert.NotContains(t, question, dir)
		assert.Zero(t, h.sends())
	}
}

func TestAttachingIsThereOnlyWhereAnOperatorAllowsIt(t *testing.T) {
	h, _ := attaching(t, sandbox.Config{}, session.PolicyAllow)
	has := func() (with []string) {
		for _, d := range definitions(t, h.connect(local())) {
			if strings.Contains(string(d.InputSchema), `"attachments"`) {
				with = append(with, d.Name)
			}
		}
		return with
	}
	assert.Equal(t, []string{"forward_email", "reply_email", "send_email"}, has())
	h.deps.Attach = nil
	assert.Empty(t, has())
	body := refused(t, h.connect(local()).call("send_email", args{"to": "a@x.example", "subject": "s", "body": "b", "attachments": []string{"x"}}))
	assert.Equal(t, fault.InvalidArgument, body.Code)
}

// SECURITY.md U2: of what is attached to a received mail there is a description, cleaned and
// bounded, and it says when there is more.
func TestReceivedAttachmentsAreDescribed(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	ada := h.ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "ada"})
	files := []sandbox.File{{Filename: "invoice\u202efdp.exe\n" + strings.Repeat("x", 500), ContentType: "application/pdf\u200b" + strings.Repeat("y", 300), Content: []byte("CANARY-content")}}
	for range 70 {
		files = append(files, sandbox.File{Filename: "a.txt", ContentType: "text/plain", Content: []byte("x")})
	}
	_, err := h.ravi.Server.DeliverEmail(sandbox.Email{To: ada.Inbox, From: "eve@x.example", Subject: "s", Text: "t", Attachments: files})
	require.NoError(t, err)
	a := h.connectModern(local())
	id, _ := received(t, a, "ada")
	r := a.call("read_message", args{"identity": "ada", "message_id": id})
	got := ok[seenMail](t, r)
	assert.True(t, got.Message.Untrusted)
	require.Len(t, got.Message.Attachments, 50)
	assert.Equal(t, 21, got.Message.Omitted)
	first := got.Message.Attachments[0]
	assert.EqualValues(t, 14, first.Size)
	assert.NotContains(t, first.Filename, "\u202e")
	assert.LessOrEqual(t, len([]rune(first.Filename)), 200)
	assert.LessOrEqual(t, len([]rune(first.ContentType)), 100)
	for _, leak := range []string{"CANARY", "download", "http"} {
		assert.NotContains(t, string(r.StructuredContent), leak, "no content, and nothing to fetch it with")
	}
}
