package ravi_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/secret"
	"ravi-mcp/sandbox"
)

// embedded starts a Ravi in memory and returns it with a client of its account; a program would use
// config.Sources{}.Credentials() and leave the rest out.
func embedded() (*sandbox.Server, *ravi.Client) {
	server, err := sandbox.New(sandbox.Config{Era: sandbox.EraKeys, AutoApprove: "me@example.com"})
	if err != nil {
		log.Fatal(err)
	}
	account, err := server.Account(sandbox.AccountConfig{})
	if err != nil {
		log.Fatal(err)
	}
	client, err := ravi.New(ravi.Config{
		Credentials: config.Credentials{Scheme: config.SchemeKey, ManagementKey: secret.New(account.ManagementKey)},
		BaseURL:     "http://ravi.test",
		Transport:   server.RoundTripper(),
	})
	if err != nil {
		log.Fatal(err)
	}
	return server, client
}

func agent(client *ravi.Client) (*ravi.Identity, *ravi.Scope) {
	identity, err := client.CreateIdentity(context.Background(), ravi.NewIdentity{Name: "agent", Email: "agent", ProvisionPhone: true})
	if err != nil {
		log.Fatal(err)
	}
	return identity, client.Scope(identity.UUID)
}

func ExampleClient_CreateIdentity() {
	server, client := embedded()
	defer server.Close()
	defer client.Close()
	ctx := context.Background()

	identity, err := client.CreateIdentity(ctx, ravi.NewIdentity{Name: "worker-42", Email: "worker-42"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(identity.Name, identity.Inbox)

	_, err = client.CreateIdentity(ctx, ravi.NewIdentity{Name: "another", Email: "worker-42"})
	fmt.Println(errors.Is(err, ravi.ErrConflict))
	fmt.Println(client.DeleteIdentity(ctx, identity.UUID))
	// Output:
	// worker-42 worker-42@in.ravi.app
	// true
	// <nil>
}

func ExampleScope_EmailMessages() {
	server, client := embedded()
	defer server.Close()
	defer client.Close()
	identity, scope := agent(client)
	_, _ = server.DeliverEmail(sandbox.Email{To: identity.Inbox, From: "hello@example.com", Subject: "Welcome", Text: "Hi"})

	for message, err := range scope.EmailMessages(context.Background(), ravi.MessageFilter{Unread: true}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(message.From, message.Subject)
	}
	// Output: hello@example.com Welcome
}

func ExampleScope_Compose() {
	server, client := embedded()
	defer server.Close()
	defer client.Close()
	_, scope := agent(client)
	ctx := context.Background()

	file, err := scope.UploadAttachment(ctx, "report.txt", "text/plain", []byte("all is well"))
	if err != nil {
		log.Fatal(err)
	}
	sent, err := scope.Compose(ctx, ravi.Draft{To: "boss@example.com", Subject: "Report", Content: "<p>See attached.</p>", Attachments: []string{file}})
	fmt.Println(sent.Subject, len(sent.Attachments), err)
	// Output: Report 1 <nil>
}

func ExampleScope_SMSMessages() {
	server, client := embedded()
	defer server.Close()
	defer client.Close()
	identity, scope := agent(client)
	_, _ = server.DeliverSMS(sandbox.SMS{To: identity.Phone, From: "+15550001111", Body: "Your code is 123456"})

	for message, err := range scope.SMSMessages(context.Background(), ravi.MessageFilter{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(message.From, message.Body)
	}
	// Output: +15550001111 Your code is 123456
}

func ExampleScope_Events() {
	server, client := embedded()
	defer server.Close()
	defer client.Close()
	identity, scope := agent(client)

	stream, err := scope.Events(context.Background(), ravi.EventsConfig{})
	if errors.Is(err, ravi.ErrUnsupported) {
		return // this Ravi has no stream: poll
	}
	if err != nil {
		log.Fatal(err)
	}
	defer stream.Close()
	_, _ = server.DeliverSMS(sandbox.SMS{To: identity.Phone, From: "+15550001111", Body: "hi"})
	event := <-stream.Events()
	fmt.Println(event.Kind == ravi.EventSMS)
	// Output: true
}

func ExampleScope_CreatePassword() {
	server, client := embedded()
	defer server.Close()
	defer client.Close()
	_, scope := agent(client)

	entry, err := scope.CreatePassword(context.Background(), ravi.NewPassword{
		Domain: "https://accounts.example.com/signup", Username: "agent", Password: secret.New("correct horse"),
	})
	fmt.Println(entry.Domain, entry.Username, entry.Password, err)
	// Output: example.com agent [secret] <nil>
}

func ExampleScope_SetSecret() {
	server, client := embedded()
	defer server.Close()
	defer client.Close()
	_, scope := agent(client)
	ctx := context.Background()

	entry, created, err := scope.SetSecret(ctx, "stripe_key", secret.New("sk-1"), secret.Secret{})
	fmt.Println(entry.Key, created, err)
	_, created, err = scope.SetSecret(ctx, "STRIPE_KEY", secret.New("sk-2"), secret.Secret{})
	fmt.Println(created, err)
	// Output:
	// STRIPE_KEY true <nil>
	// false <nil>
}

func ExampleScope_CreateContact() {
	server, client := embedded()
	defer server.Close()
	defer client.Close()
	_, scope := agent(client)
	ctx := context.Background()

	name, email := "Bob Example", "bob@example.com"
	_, _ = scope.CreateContact(ctx, ravi.ContactFields{DisplayName: &name, Email: &email})
	found, err := scope.SearchContacts(ctx, "bob")
	fmt.Println(len(found), err)
	// Output: 1 <nil>
}

func ExampleScope_SSOToken() {
	server, client := embedded()
	defer server.Close()
	defer client.Close()
	_, scope := agent(client)
	ctx := context.Background()

	token, err := scope.SSOToken(ctx)
	if err != nil {
		log.Fatal(err)
	}
	who, err := client.VerifySSO(ctx, token.Token) // what the service does
	fmt.Println(token.Token, who.Name, err)
	// Output: [secret] agent <nil>
}

func ExampleClient_WaitLogin() {
	server, _ := embedded()
	defer server.Close()
	client, err := ravi.New(ravi.Config{BaseURL: "http://ravi.test", Transport: server.RoundTripper()})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	ctx := context.Background()

	code, err := client.StartLogin(ctx)
	if err != nil {
		log.Fatal(err)
	}
	// Show code.VerificationURI and code.UserCode to the user.
	code.Interval = 1 // nanosecond: an example does not wait
	login, err := client.WaitLogin(ctx, code)
	fmt.Println(login.User.Email, login.ManagementKey, err)
	// Output: me@example.com [secret] <nil>
}
