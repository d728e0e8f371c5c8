package sandboxtest_test

import (
	"net/http"
	"testing"

	"ravi-mcp/sandbox"
	"ravi-mcp/sandbox/sandboxtest"
)

func ExampleNew() {
	var t *testing.T // the parameter of a test

	ravi := sandboxtest.New(t, sandbox.Config{})
	id := ravi.CreateIdentity(t, sandbox.NewIdentity{Name: "shop-agent"})
	_, err := ravi.Server.DeliverSMS(sandbox.SMS{To: id.Phone, From: "+15559876543", Body: "Your code is 481516"})
	if err != nil {
		t.Fatal(err)
	}

	// The program under test does requests like this one.
	req, _ := http.NewRequest("GET", ravi.URL+"/api/messages/", nil)
	req.Header.Set("Authorization", "Bearer "+ravi.Account.AccessToken)
	req.Header.Set("X-Ravi-Identity", id.UUID)
	res, err := ravi.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()

	if n := ravi.Server.CountRequests("GET", "/api/messages/"); n != 1 {
		t.Errorf("%d requests for messages, want 1", n)
	}
}
