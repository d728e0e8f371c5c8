package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// credential measures get_credential by domain, over stdio and with a sandbox of Ravi in a process
// of its own, against the two requests that it takes, made by net/http and nothing else.
func (b *bench) credential(ctx context.Context) error {
	ravi, base, token, err := b.sandbox()
	if err != nil {
		return err
	}
	defer ravi.end()
	p, err := b.pipe(b.ours, []string{"RAVI_BASE_URL=" + base, "RAVI_ACCESS_TOKEN=" + token}, "stdio", "--max-reveals", "-1")
	if err != nil {
		return err
	}
	defer p.end()
	if _, err := p.ask([]byte(initialize)); err != nil {
		return err
	}
	made, err := p.ask(message(1, "create_identity", `{"name":"main"}`, false))
	if err != nil {
		return err
	}
	var answer struct {
		Result struct {
			StructuredContent struct{ Identity struct{ UUID string } }
		}
	}
	if err := json.Unmarshal(made, &answer); err != nil {
		return err
	}
	saved, err := p.ask(message(2, "save_credential", `{"identity":"main","domain":"example.com","username":"me","password":"made-up-password"}`, false))
	if err != nil || bytes.Contains(saved, []byte(`"isError":true`)) {
		return fmt.Errorf("save_credential: %w: %s", err, saved)
	}
	direct := &direct{base: base, token: token, identity: answer.Result.StructuredContent.Identity.UUID}
	var bare, ours figures
	for range b.rounds {
		for _, one := range []struct {
			into *figures
			call func(int) error
		}{{&bare, direct.get}, {&ours, func(int) error {
			got, err := p.ask(message(3, "get_credential", `{"identity":"main","domain":"example.com"}`, false))
			if err == nil && !bytes.Contains(got, []byte("made-up-password")) {
				err = fmt.Errorf("no password: %s", got)
			}
			return err
		}}} {
			if _, _, err := load(1, b.time/4, one.call); err != nil {
				return err
			}
			t, spent, err := load(1, b.time, one.call)
			if err != nil {
				return err
			}
			one.into.add(t, spent)
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	head("", "two requests, p50 us", "p99 us", "get_credential, p50 us", "p99 us", "ratio of p50 (<= 1.25)")
	row("get_credential by domain over stdio", median(bare.p50), median(bare.p99), median(ours.p50), median(ours.p99), median(ours.p50)/median(bare.p50))
	return nil
}

// sandbox starts an embedded Ravi and returns its URL and a credential.
func (b *bench) sandbox() (*process, string, string, error) {
	p, err := b.pipe(b.ours, nil, "sandbox", "--addr", "127.0.0.1:0", "--admin-addr", "127.0.0.1:0")
	if err != nil {
		return nil, "", "", err
	}
	given := map[string]string{}
	for range 2 {
		line, err := p.out.ReadString('\n')
		if err != nil {
			p.end()
			return nil, "", "", err
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		given[name] = value
	}
	return p, given["RAVI_BASE_URL"], given["RAVI_ACCESS_TOKEN"], nil
}

// direct makes the two requests.
type direct struct{ base, token, identity string }

func (d *direct) get(int) error {
	var list []struct{ UUID, Domain string }
	if err := d.fetch("/api/passwords/", &list); err != nil {
		return err
	}
	i := slices.IndexFunc(list, func(e struct{ UUID, Domain string }) bool { return e.Domain == "example.com" })
	if i < 0 {
		return errors.New("the list lacks the credential")
	}
	var entry struct{ Password string }
	if err := d.fetch("/api/passwords/"+url.PathEscape(list[i].UUID)+"/", &entry); err != nil {
		return err
	}
	if entry.Password == "" {
		return errors.New("no password")
	}
	return nil
}

func (d *direct) fetch(path string, into any) error {
	r, err := http.NewRequest(http.MethodGet, d.base+path, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+d.token)
	r.Header.Set("X-Ravi-Identity", d.identity)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(bufio.NewReader(response.Body))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d: %s", response.StatusCode, text)
	}
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}
