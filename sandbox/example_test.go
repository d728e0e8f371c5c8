package sandbox_test

import (
	"fmt"
	"io"
	"net/http"

	"ravi-mcp/sandbox"
)

// A server in memory, one identity, one text message, read over the API.
func Example() {
	srv, err := sandbox.New(sandbox.Config{})
	if err != nil {
		panic(err)
	}
	defer srv.Close()
	acct, err := srv.Account(sandbox.AccountConfig{Email: "ada@example.com"})
	if err != nil {
		panic(err)
	}
	id, err := srv.CreateIdentity(acct.Email, sandbox.NewIdentity{Name: "shop-agent"})
	if err != nil {
		panic(err)
	}
	fmt.Println(id.Inbox, id.Phone)
	if _, err := srv.DeliverSMS(sandbox.SMS{To: id.Phone, From: "+15559876543", Body: "Your code is 481516"}); err != nil {
		panic(err)
	}

	req, _ := http.NewRequest("GET", "http://ravi.test/api/sms-inbox/?has_unread=true", nil)
	req.Header.Set("Authorization", "Bearer "+acct.AccessToken)
	req.Header.Set("X-Ravi-Identity", id.UUID)
	client := &http.Client{Transport: srv.RoundTripper()}
	res, err := client.Do(req)
	if err != nil {
		panic(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Println(res.StatusCode, len(body) > 0)
	// Output:
	// shop-agent@in.ravi.app +15552000001
	// 200 true
}
