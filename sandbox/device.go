package sandbox

import (
	"errors"
	"slices"
	"strings"
	"time"
)

// device is a login that waits for approval (docs/ravi-api.md#device-login). Guarded by Server.mu;
// kept in memory only.
type device struct {
	code, userCode string
	expires        time.Time
	polled         time.Time
	approved       *account
	denied         bool
	signup         bool
	decided        chan struct{} // closed by approval or denial
}

// Device is a login that waits for approval.
type Device struct {
	UserCode string    `json:"user_code"`
	Expires  time.Time `json:"expires"`
}

func (c *call) startDevice() (reply, error) {
	s := c.s
	now := s.now()
	d := &device{code: randomHex(20), userCode: userCode(), expires: now.Add(s.cfg.DeviceLife), decided: make(chan struct{})}
	s.mu.Lock()
	for code, old := range s.devices {
		if now.After(old.expires.Add(s.cfg.DeviceLife)) {
			delete(s.devices, code)
		}
	}
	s.devices[d.code] = d
	s.mu.Unlock()
	if s.cfg.AutoApprove != "" {
		if err := s.ApproveDevice(d.userCode, s.cfg.AutoApprove); err != nil {
			return reply{}, err
		}
	}
	return ok(map[string]any{
		"device_code": d.code, "user_code": d.userCode, "verification_uri": c.base() + "/device",
		"expires_in": int(s.cfg.DeviceLife.Seconds()), "interval": max(1, int(s.cfg.DeviceInterval.Seconds())),
	})
}

func (c *call) devicePage() (reply, error) {
	return ok(rawBody{"text/plain; charset=utf-8", []byte("This is a sandbox. Approve the login on its admin listener:\n" +
		"POST /devices/approve with {\"user_code\": \"...\", \"email\": \"owner@example.com\"}\n")})
}

func deviceError(code, text string) *problem {
	return &problem{status: 400, body: map[string]string{"error": code, "error_description": text}}
}

// deviceToken answers a poll of a device login, or waits for the decision when asked to.
func (c *call) deviceToken() (reply, error) {
	f := c.fields()
	code, _ := f.text("device_code", nonBlank)
	wait, _ := f.boolean("wait")
	if err := f.problem(); err != nil {
		return reply{}, err
	}
	s := c.s
	s.mu.Lock()
	d := s.devices[code]
	s.mu.Unlock()
	if d == nil {
		return reply{}, deviceError("invalid_grant", "The device code is unknown or was used.")
	}
	if wait && s.cfg.Era == EraKeys {
		c.pause(min(longPoll, d.expires.Sub(s.now())), d.decided)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	early := !d.polled.IsZero() && now.Sub(d.polled) < s.cfg.DeviceInterval*9/10
	d.polled = now
	switch {
	case s.devices[code] == nil:
		return reply{}, deviceError("invalid_grant", "The device code is unknown or was used.")
	case d.denied:
		return reply{}, deviceError("access_denied", "The request was denied.")
	case !now.Before(d.expires):
		return reply{}, deviceError("expired_token", "The device code has expired.")
	case d.approved != nil:
		delete(s.devices, code)
		return s.loggedIn(d)
	case early && !wait:
		return reply{}, deviceError("slow_down", "Poll less often.")
	}
	return reply{}, deviceError("authorization_pending", "The user has not approved yet.")
}

// longPoll is how long a poll with "wait" is held: clients give up after 30 s.
const longPoll = 25 * time.Second

// loggedIn hands out the credentials. Server.mu must be held for writing.
func (s *Server) loggedIn(d *device) (reply, error) {
	a := d.approved
	if s.cfg.Era == EraTokens {
		pair, err := s.issue(a, "")
		if err != nil {
			return reply{}, err
		}
		return ok(struct {
			tokenPair
			User user `json:"user"`
		}{pair, a.user()})
	}
	key, err := s.addKey(a, "", "device")
	if err != nil {
		return reply{}, err
	}
	body := map[string]any{"management_key": key, "user": a.user()}
	if !d.signup {
		list := []wireIdentity{}
		for _, id := range a.identities {
			list = append(list, s.wireIdentity(id.snapshot()))
		}
		body["identities"] = list
		return ok(body)
	}
	id, idKey, err := s.addIdentity(a, NewIdentity{})
	if err != nil {
		return reply{}, err
	}
	body["identity"], body["identity_key"] = s.wireIdentity(id.rec), idKey
	return ok(body)
}

// ErrNoDevice means that no login waits under this code.
var ErrNoDevice = errors.New("sandbox: no such device login")

// ApproveDevice says yes to a device login, for the account with this address. An account that does
// not exist is made; in the key era such a sign-up gets its first identity at once.
func (s *Server) ApproveDevice(userCode, email string) error {
	return s.decide(userCode, func(d *device) error {
		a := s.byEmail[accountEmail(email)]
		if a == nil {
			a = s.newAccount(AccountConfig{Email: email})
			if err := s.addAccount(a); err != nil {
				return err
			}
			d.signup = true
		}
		d.approved = a
		return nil
	})
}

// DenyDevice says no to a device login.
func (s *Server) DenyDevice(userCode string) error {
	return s.decide(userCode, func(d *device) error {
		d.denied = true
		return nil
	})
}

func (s *Server) decide(userCode string, decision func(*device) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.devices {
		if strings.EqualFold(d.userCode, strings.TrimSpace(userCode)) && d.approved == nil && !d.denied {
			err := decision(d)
			if err == nil {
				close(d.decided)
			}
			return err
		}
	}
	return ErrNoDevice
}

// Devices lists the logins that wait for a decision, oldest first.
func (s *Server) Devices() []Device {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := []Device{}
	for _, d := range s.devices {
		if d.approved == nil && !d.denied && s.now().Before(d.expires) {
			out = append(out, Device{d.userCode, d.expires})
		}
	}
	slices.SortFunc(out, func(a, b Device) int { return a.Expires.Compare(b.Expires) })
	return out
}
