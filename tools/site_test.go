package tools_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/fault"
	"ravi-mcp/sandbox"
)

// Ravi keeps localhost of both; what it drops stands beside the login.
func TestPortsOfOneMachineAreTwoSites(t *testing.T) {
	for name, h := range map[string]*system{"plain": newSystem(t, sandbox.Config{}), "sealed": sealedSystem(t)} {
		t.Run(name, func(t *testing.T) {
			a := h.worker("local")
			one := ok[credential](t, a.call("save_credential", args{"domain": "http://localhost:3000/join", "username": "bob", "password": "pw-3000"}))
			two := ok[credential](t, a.call("save_credential", args{"domain": "localhost:4000", "username": "bob", "password": "pw-4000"}))
			require.NotEqual(t, one.Credential.ID, two.Credential.ID)
			ok[totpSet](t, a.call("set_totp", args{"domain": "localhost:4000", "seed": "JBSWY3DPEHPK3PXP"}))
			for port, totp := range map[string]bool{"3000": false, "4000": true} {
				got := ok[struct {
					Credential struct {
						Domain, Password string
						HasTOTP          bool `json:"has_totp"`
					}
				}](t, a.call("get_credential", args{"domain": "https://localhost:" + port + "/login"})).Credential
				assert.Equal(t, "localhost:"+port, got.Domain)
				assert.Equal(t, "pw-"+port, got.Password)
				assert.Equal(t, totp, got.HasTOTP)
			}
			for _, none := range []string{"localhost", "localhost:5000"} {
				assert.Equal(t, fault.NotFound, refused(t, a.call("get_credential", args{"domain": none})).Code, none)
			}
			listed := ok[struct{ Credentials []struct{ Domain string } }](t, a.call("list_credentials", nil)).Credentials
			assert.ElementsMatch(t, []string{"localhost:3000", "localhost:4000"}, []string{listed[0].Domain, listed[1].Domain})

			// The port survives changes, and follows a new domain.
			for _, change := range []args{{"new_notes": "n"}, {"generate_password": true}, {"confirm": true}, {"restore_previous": true}} {
				change["domain"] = "localhost:3000"
				r := a.call("update_credential", change)
				if change["restore_previous"] != nil {
					refused(t, r)
					continue
				}
				assert.Equal(t, "localhost:3000", ok[changed](t, r).Credential.Domain, change)
			}
			body := refused(t, a.call("update_credential", args{"domain": "localhost:3000", "new_domain": "localhost:4000"}))
			assert.Equal(t, fault.Conflict, body.Code)
			moved := ok[changed](t, a.call("update_credential", args{"domain": "localhost:3000", "new_domain": "127.0.0.1:3000", "new_password": "pw"}))
			assert.Equal(t, "127.0.0.1:3000", moved.Credential.Domain)
			assert.Equal(t, one.Credential.ID, ok[credential](t, a.call("get_credential", args{"domain": "127.0.0.1:3000"})).Credential.ID)
			moved = ok[changed](t, a.call("update_credential", args{"domain": "127.0.0.1:3000", "new_domain": "shop.example:3000"}))
			assert.Equal(t, "shop.example", moved.Credential.Domain, "a registrable domain has no port")

			assert.Equal(t, "localhost:4000", ok[struct{ Deleted struct{ Domain string } }](t,
				a.call("delete_credential", args{"domain": "localhost:4000", "with_totp": true})).Deleted.Domain)
		})
	}
}

// A Ravi that keeps ports needs nothing beside the login.
func TestPortThatRaviKeepsIsFound(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.worker("local")
	h.ravi.Server.Faults().Add(
		sandbox.Fault{Method: "GET", Endpoint: "/api/passwords/", Status: 200, Body: `[{"uuid":"u","domain":"localhost:3000","username":"bob"}]`},
		sandbox.Fault{Method: "GET", Endpoint: "/api/passwords/{uuid}/", Status: 200, Body: `{"uuid":"u","domain":"localhost:3000","username":"bob","password":"pw"}`},
	)
	got := ok[credential](t, a.call("get_credential", args{"domain": "localhost:3000"}))
	assert.Equal(t, "localhost:3000", got.Credential.Domain)
	assert.Equal(t, "pw", got.Credential.Password)
}

func TestLoginWhosePortCannotBeKeptIsTakenBack(t *testing.T) {
	h := newSystem(t, sandbox.Config{})
	a := h.worker("local")
	h.ravi.Server.Faults().Add(sandbox.Fault{Method: "POST", Endpoint: "/api/secrets/", Status: 402})
	save := args{"domain": "localhost:3000", "username": "bob"}
	assert.Equal(t, fault.SubscriptionRequired, refused(t, a.call("save_credential", save)).Code)
	assert.Empty(t, ok[struct{ Credentials []any }](t, a.call("list_credentials", nil)).Credentials)
	ok[credential](t, a.call("save_credential", save))
}
