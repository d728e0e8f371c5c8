package sandbox

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// No request, however odd, may make the handler panic or answer 500.
func FuzzRequests(f *testing.F) {
	f.Add("GET", "/api/email-inbox/%3Ca@b%3E/", "application/json", []byte(nil))
	f.Add("POST", "/api/passwords/", "application/json", []byte(`{"domain":"https://a.b.co.uk/x","password":1}`))
	f.Add("POST", "/api/secrets/", "application/x-www-form-urlencoded", []byte("key=a&value=b"))
	f.Add("POST", "/api/contacts/", "multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=email\r\n\r\na@b.c\r\n--x--"))
	f.Add("GET", "/api/email-messages/?created_after=x&limit=-1&offset=99999999999999999999", "", []byte(nil))
	f.Add("PUT", "/uploads/a/b?signature=x", "text/plain", []byte("x"))
	f.Add("PATCH", "/api/identities/../%2e%2e/", "application/json", []byte(`[]`))
	s, err := New(Config{Era: EraKeys, KeptRequests: -1})
	if err != nil {
		f.Fatal(err)
	}
	a, err := s.Account(AccountConfig{})
	if err != nil {
		f.Fatal(err)
	}
	id, err := s.CreateIdentity(a.Email, NewIdentity{Name: "a", ProvisionPhone: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, target, contentType string, body []byte) {
		if strings.HasPrefix(target, streamPath) {
			return
		}
		r, err := http.NewRequestWithContext(t.Context(), method, "http://ravi.test"+target, strings.NewReader(string(body)))
		if err != nil || !strings.HasPrefix(r.URL.Path, "/") {
			return
		}
		r.Header.Set("Content-Type", contentType)
		for _, key := range []string{a.ManagementKey, id.Key} {
			r.Header.Set("Authorization", "Bearer "+key)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code >= 500 {
				t.Fatalf("%s %s: %d %s", method, target, w.Code, w.Body)
			}
		}
	})
}

func FuzzFaultPlan(f *testing.F) {
	f.Add([]byte(`{"endpoint":"/x/","delay":"1s","late_by":"2ms","header":{"a":"b"}}`))
	f.Add([]byte(`{"delay":1}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var in Fault
		if json.Unmarshal(raw, &in) != nil {
			return
		}
		out, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		var again Fault
		if err := json.Unmarshal(out, &again); err != nil {
			t.Fatalf("%s: %v", out, err)
		}
	})
}

func FuzzDomain(f *testing.F) {
	f.Add("https://mail.google.com/inbox")
	f.Fuzz(func(t *testing.T, in string) {
		once := cleanDomain(in)
		if again := cleanDomain(once); once != "" && !strings.Contains(once, ":") && again != once {
			t.Fatalf("%q becomes %q becomes %q", in, once, again)
		}
	})
}

func FuzzTokens(f *testing.F) {
	s, err := New(Config{})
	if err != nil {
		f.Fatal(err)
	}
	a, err := s.Account(AccountConfig{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(a.AccessToken + "x")
	f.Fuzz(func(t *testing.T, tok string) {
		if _, valid := s.openToken(tok, "access"); valid && tok != a.AccessToken {
			t.Fatalf("accepted %q", tok)
		}
	})
}
