package sandbox_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

func TestDataSurvivesARestart(t *testing.T) {
	t.Parallel()
	for _, era := range []sandbox.Era{sandbox.EraTokens, sandbox.EraKeys} {
		t.Run(string(era), func(t *testing.T) {
			t.Parallel()
			cfg := sandbox.Config{Era: era, Data: t.TempDir(), EmailList: sandbox.ListBare}
			r, c := start(t, cfg)
			_, err := sandbox.New(cfg)
			require.ErrorIs(t, err, sandbox.ErrDataInUse)
			dead := r.CreateIdentity(t, sandbox.NewIdentity{Name: "dead", ProvisionPhone: true})
			id := r.CreateIdentity(t, sandbox.NewIdentity{Name: "alive", ProvisionPhone: true})
			me := c.as(id.UUID)
			_, err = r.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "+15559876543", Body: "one"})
			require.NoError(t, err)
			_, err = r.Server.DeliverEmail(sandbox.Email{To: id.Inbox, From: "x@example.com", Subject: "two",
				Attachments: []sandbox.File{{Filename: "a.txt", ContentType: "text/plain", Content: []byte("x")}}})
			require.NoError(t, err)
			me.post("/api/secrets/", object{"key": "B", "value": "v"}).is(201)
			me.post("/api/secrets/", object{"key": "A", "value": "v"}).is(201)
			me.post("/api/passwords/", object{"domain": "example.com", "password": "p"}).is(201)
			me.post("/api/contacts/", object{"email": "g@example.com"}).is(201)
			c.as(dead.UUID).post("/api/secrets/", object{"key": "GONE", "value": "v"}).is(201)
			c.delete("/api/identities/" + dead.UUID + "/").is(204)
			paths := []string{"/api/messages/", "/api/email-messages/", "/api/secrets/", "/api/passwords/", "/api/contacts/",
				"/api/email/", "/api/phone/", "/api/sms-inbox/", "/api/email-inbox/"}
			before := map[string]string{}
			for _, p := range paths {
				before[p] = string(me.get(p).is(200).Body)
			}
			require.NoError(t, r.Server.Close())
			c.post("/api/identities/", object{"name": "late"}).is(500)

			again, err := sandbox.New(cfg)
			require.NoError(t, err)
			t.Cleanup(func() { _ = again.Close() })
			r2 := &sandboxtest.Instance{URL: r.URL, Server: again, Account: r.Account, Client: &http.Client{Transport: again.RoundTripper()}}
			me.ravi, c.ravi = r2, r2
			for _, p := range paths {
				assert.Equal(t, before[p], string(me.get(p).is(200).Body), p) // with the old credential
			}
			events := me.listen(t.Context(), "0")
			assert.Contains(t, next(t, events).Data, "one", "events can be replayed")
			last := next(t, events)
			_, err = again.DeliverSMS(sandbox.SMS{To: id.Phone, From: "x", Body: "three"})
			require.NoError(t, err)
			fresh := next(t, events)
			assert.Greater(t, number(t, fresh.ID), number(t, last.ID), "ids go on growing")
			_, err = again.DeliverSMS(sandbox.SMS{To: dead.Phone, From: "x", Body: "y"})
			assert.ErrorIs(t, err, sandbox.ErrBounce)
			next, err := again.CreateIdentity(r.Account.Email, sandbox.NewIdentity{Name: "dead", ProvisionPhone: true})
			require.NoError(t, err)
			assert.NotEqual(t, dead.Inbox, next.Inbox, "never given again")
			assert.NotEqual(t, dead.Phone, next.Phone)
			if era == sandbox.EraTokens {
				c.token = ""
				c.post("/api/auth/token/refresh/", object{"refresh": r.Account.RefreshToken}).is(200)
			}
		})
	}
}

// TestMain lets the test binary play the server that gets killed.
func TestMain(m *testing.M) {
	if folder := os.Getenv("SANDBOX_TEST_VICTIM"); folder != "" {
		victim(folder)
		return
	}
	os.Exit(m.Run())
}

// victim serves a data folder until it is killed.
func victim(folder string) {
	s, err := sandbox.New(sandbox.Config{Era: sandbox.EraKeys, Data: folder})
	if err != nil {
		panic(err)
	}
	a, err := s.Account(sandbox.AccountConfig{})
	if err != nil {
		panic(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("http://"+l.Addr().String(), a.ManagementKey)
	panic(http.Serve(l, s))
}

func TestAcknowledgedDataSurvivesAKill(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	var confirmed []string
	for round := range 3 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "SANDBOX_TEST_VICTIM="+folder)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		base, key, _ := strings.Cut(strings.TrimSpace(line), " ")
		s, err := sandbox.New(sandbox.Config{Era: sandbox.EraKeys}) // only to name the era
		require.NoError(t, err)
		c := client{t: t, ravi: &sandboxtest.Instance{URL: base, Server: s, Client: &http.Client{}}, token: key}

		var names []string
		for _, id := range c.get("/api/identities/").is(200).list() {
			names = append(names, id["name"].(string))
		}
		assert.Subset(t, names, confirmed, "round %d", round)
		confirmed = names // one more may have been made without an answer
		killed := make(chan error, 1)
		for i := range 40 {
			name := fmt.Sprintf("r%d-%d", round, i)
			if i == 25 { // in the middle of writing
				go func() { killed <- cmd.Process.Kill() }()
			}
			res, _, err := c.try("POST", "/api/identities/", object{"name": name})
			if err != nil || res.StatusCode != 201 {
				break
			}
			confirmed = append(confirmed, name)
		}
		require.NoError(t, <-killed)
		_ = cmd.Wait()
	}
	s, err := sandbox.New(sandbox.Config{Era: sandbox.EraKeys, Data: folder})
	require.NoError(t, err)
	defer s.Close()
	var names []string
	for _, id := range s.Identities() {
		names = append(names, id.Name)
	}
	assert.Subset(t, names, confirmed)
	assert.GreaterOrEqual(t, len(confirmed), 75)
}
