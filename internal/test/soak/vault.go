package soak

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

var (
	secretNames = []string{"KEY", "TOKEN", "PIN"}
	domains     = []string{"one.example", "two.example", "three.example"}
)

func one[T any](a *actor, list []T) T { return list[a.rng.IntN(len(list))] }

func (a *actor) setSecret(ctx context.Context) error {
	i, name := a.any(), one(a, secretNames)
	v, mark := i.secrets[name], a.mark(i.uuid)
	o, err := a.on(ctx, i, "set_secret", map[string]any{"name": name, "value": mark})
	if errors.Is(err, errLost) {
		v.perhaps(mark)
	}
	if err != nil {
		return err
	}
	got, err := into[struct{ Created bool }](o)
	if err == nil && v.certain() && got.Created != v.is("") {
		err = fmt.Errorf("%s had %q: %s", name, v.can, o.text)
	}
	v.set(mark)
	return err
}

func (a *actor) getSecret(ctx context.Context) error {
	i, name := a.any(), one(a, secretNames)
	o, err := a.on(ctx, i, "get_secret", map[string]any{"name": name})
	if err != nil {
		return err
	}
	return i.secretIs(name, o)
}

// secretIs checks the answer of get_secret.
func (i *identity) secretIs(name string, o outcome) error {
	v := i.secrets[name]
	if o.failed && o.code == "not_found" {
		if !v.may("") {
			return fmt.Errorf("%s is lost, it was %q", name, v.can)
		}
		return nil
	}
	got, err := into[struct{ Value string }](o)
	if err == nil && !v.may(got.Value) {
		err = fmt.Errorf("%s of %s is %q, stored was %q", name, i.name, got.Value, v.can)
	}
	return err
}

func (a *actor) listSecrets(ctx context.Context) error {
	i := a.any()
	o, err := a.on(ctx, i, "list_secrets", map[string]any{})
	if err != nil {
		return err
	}
	got, err := into[struct{ Secrets []struct{ Name string } }](o)
	if err != nil {
		return err
	}
	listed := map[string]bool{}
	for _, s := range got.Secrets {
		listed[s.Name] = true
	}
	for _, name := range secretNames {
		v := i.secrets[name]
		if v.certain() && listed[name] == v.is("") {
			return fmt.Errorf("%s is %q, listed is %s", name, v.can, o.text)
		}
		delete(listed, name)
	}
	if len(listed) > 0 {
		return fmt.Errorf("no client stored %v", listed)
	}
	return nil
}

func (a *actor) deleteSecret(ctx context.Context) error {
	i, name := a.any(), one(a, secretNames)
	v := i.secrets[name]
	o, err := a.on(ctx, i, "delete_secret", map[string]any{"name": name})
	if errors.Is(err, errLost) {
		v.perhaps("")
	}
	if err != nil {
		return err
	}
	if v.is("") {
		return refused(o, "not_found")
	}
	if o.failed && !(v.may("") && o.code == "not_found") {
		return fmt.Errorf("%s was %q: %s", name, v.can, o.text)
	}
	v.set("")
	return nil
}

func (a *actor) saveCredential(ctx context.Context) error {
	i, domain := a.any(), one(a, domains)
	c, mark := i.credentials[domain], a.mark(i.uuid)
	arguments := map[string]any{"domain": domain, "username": a.prefix + "user", "password": mark}
	replace := a.rng.IntN(2) == 0
	if replace {
		arguments["if_exists"] = "replace"
	}
	o, err := a.on(ctx, i, "save_credential", arguments)
	if errors.Is(err, errLost) {
		c.password.perhaps(mark)
	}
	if err != nil {
		return err
	}
	if o.failed && o.code == "conflict" && !c.password.is("") && !(replace && c.password.certain()) {
		return nil
	}
	got, err := into[struct {
		Credential struct{ ID string }
		Replaced   bool
	}](o)
	if err == nil && c.password.certain() && got.Replaced == c.password.is("") || !replace && c.password.certain() && !c.password.is("") {
		return fmt.Errorf("it was %q: %s", c.password.can, o.text)
	}
	c.id = got.Credential.ID
	c.password.set(mark)
	return err
}

func (a *actor) getCredential(ctx context.Context) error {
	i, domain := a.any(), one(a, domains)
	c := i.credentials[domain]
	arguments := map[string]any{"domain": domain}
	if c.id != "" && c.password.certain() && a.rng.IntN(2) == 0 {
		arguments = map[string]any{"id": c.id}
	}
	o, err := a.on(ctx, i, "get_credential", arguments)
	if err != nil {
		return err
	}
	if o.failed && o.code == "not_found" && c.password.may("") {
		return nil
	}
	got, err := into[struct {
		Credential struct{ ID, Password, Username string }
	}](o)
	if twice := got.Credential.Password == "" && !c.password.certain(); err == nil && !twice && !c.password.may(got.Credential.Password) {
		err = fmt.Errorf("the password at %s of %s is %q, stored was %q", domain, i.name, got.Credential.Password, c.password.can)
	}
	return err
}

func (a *actor) listCredentials(ctx context.Context) error {
	i := a.any()
	o, err := a.on(ctx, i, "list_credentials", map[string]any{})
	if err != nil {
		return err
	}
	got, err := into[struct{ Credentials []struct{ ID, Domain string } }](o)
	if err != nil {
		return err
	}
	listed := map[string]string{}
	for _, c := range got.Credentials {
		listed[c.Domain] = c.ID
	}
	for _, domain := range domains {
		c := i.credentials[domain]
		if id, is := listed[domain]; c.password.certain() && (is == c.password.is("") || is && id != c.id) {
			return fmt.Errorf("%s is %q (%s), listed is %s", domain, c.password.can, c.id, o.text)
		}
		delete(listed, domain)
	}
	if len(listed) > 0 {
		return fmt.Errorf("no client stored %v", listed)
	}
	return nil
}

func (a *actor) deleteCredential(ctx context.Context) error {
	i, domain := a.any(), one(a, domains)
	c := i.credentials[domain]
	if c.id == "" || !c.password.certain() || c.password.is("") {
		return nil
	}
	o, err := a.on(ctx, i, "delete_credential", map[string]any{"id": c.id})
	if errors.Is(err, errLost) {
		c.password.perhaps("")
	}
	if err != nil {
		return err
	}
	if o.failed {
		return fmt.Errorf("it was %q: %s", c.password.can, o.text)
	}
	c.id = ""
	c.password.set("")
	return nil
}

// manyAtOnce reads all that the client knows at the same time, over the same connection.
func (a *actor) manyAtOnce(ctx context.Context) error {
	var wait sync.WaitGroup
	problems := make(chan error, mostIdentities*len(secretNames))
	for _, i := range a.identities {
		for _, name := range secretNames {
			wait.Go(func() {
				o, err := a.call(ctx, i, "get_secret", map[string]any{"name": name, "identity": i.uuid})
				if err == nil {
					err = i.secretIs(name, o)
				}
				if err == nil && !o.failed {
					err = check(o, i, "argument")
				}
				problems <- err
			})
		}
	}
	wait.Wait()
	close(problems)
	for err := range problems {
		if err != nil {
			return err
		}
	}
	return nil
}
