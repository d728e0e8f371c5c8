package ravi

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// These tests stand inside the package: the decoders are not part of its surface, and each of them
// is a target for the fuzzer.

func TestListsComeInTwoShapes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		`[]`: {}, `null`: nil, ``: nil, `[{"uuid":"a"},null,{"uuid":"b","new":{"x":[1]}}]`: {"a", "b"},
		`{"count":2,"next":null,"previous":null,"results":[{"uuid":"a"},{"uuid":"b"}]}`: {"a", "b"}, ` {"results":[]} `: {}, `{"results":null}`: {},
	} {
		p, err := decodePage[Identity]([]byte(text))
		require.NoError(t, err, text)
		var got []string
		if p.items != nil {
			got = []string{}
		}
		for _, id := range p.items {
			got = append(got, id.UUID)
		}
		assert.Equal(t, want, got, text)
	}
	for _, text := range []string{`{}`, `{"results":{}}`, `"x"`, `1`, `[1]`, `["a"]`, `[{]`, `{"detail":"x"}`, `<html>`} {
		_, err := decodePage[Identity]([]byte(text))
		require.ErrorIs(t, err, errShape, text)
	}
}

func TestNextPageTakesOverQueryOnly(t *testing.T) {
	t.Parallel()
	for next, want := range map[string]string{
		`"https://evil.test/api/x/?limit=50&offset=50"`: "limit=50&offset=50", `"?cursor=a%2Fb#frag"`: "cursor=a%2Fb", `"/x/"`: "", `null`: "", `5`: "", `[]`: "",
	} {
		p, err := decodePage[Identity]([]byte(`{"results":[],"next":` + next + `}`))
		require.NoError(t, err)
		assert.Equal(t, want, p.next, next)
	}
}

func TestFieldOfOtherTypeIsIgnored(t *testing.T) {
	t.Parallel()
	var m EmailMessage
	require.NoError(t, decode([]byte(`{"id":"12","from_email":5,"to_email":["a","b"],"cc":null,"subject":"s","is_read":"yes","attachments":{"x":1},"created_dt":"","direction":"incoming"}`), &m))
	assert.Equal(t, EmailMessage{ID: 12, To: "a, b", Subject: "s", Direction: Incoming}, m)

	var id Identity
	require.NoError(t, decode([]byte(`{"uuid":"u","phone":null,"created_dt":"2026-02-25T10:30:00Z","updated_dt":12,"api_key":null,"inbox":{"address":"x"}}`), &id))
	assert.Equal(t, time.Date(2026, 2, 25, 10, 30, 0, 0, time.UTC), id.Created)
	assert.Empty(t, id.Phone)
	assert.True(t, id.APIKey.Empty())
	for _, text := range []string{`[]`, `"x"`, `1`, `{`, ``} {
		require.Error(t, decode([]byte(text), &id), text)
	}
	var n looseInt
	for text, want := range map[string]looseInt{`1`: 1, `"7"`: 7, `1e3`: 1000, `1.9`: 1, `null`: 0, `"x"`: 0, `{}`: 0, `1e300`: 0, `-4`: -4} {
		require.NoError(t, json.Unmarshal([]byte(text), &n))
		assert.Equal(t, want, n, text)
	}
	var at looseTime
	for text, ok := range map[string]bool{`"2026-02-25T10:30:00.123456Z"`: true, `"2026-02-25T10:30:00+02:00"`: true, `"2026-02-25T10:30:00"`: true,
		`"2026-02-25"`: true, `"yesterday"`: false, `null`: false, `17`: false} {
		require.NoError(t, json.Unmarshal([]byte(text), &at))
		assert.Equal(t, ok, !time.Time(at).IsZero(), text)
	}
}

// decoders are all shapes of an answer.
var decoders = map[string]func([]byte) error{
	"identity": into[Identity], "email address": into[EmailAddress], "phone": into[PhoneNumber], "thread": into[EmailThread],
	"thread detail": into[EmailThreadDetail], "email": into[EmailMessage], "conversation": into[SMSConversation],
	"conversation detail": into[SMSConversationDetail], "sms": into[SMSMessage], "password": into[wirePassword], "secret": into[wireSecret],
	"contact": into[Contact], "user": into[User], "owner": into[Owner], "domain": into[Domain], "key": into[IdentityKey], "sso": into[SSOToken],
	"device": into[DeviceCode], "login": into[Login], "sso identity": into[SSOIdentity], "refresh": into[refreshAnswer], "metadata": into[EncryptionMetadata], "presigned": into[Presigned],
	"list": func(data []byte) error { _, err := decodePage[EmailMessage](data); return err },
	"error": func(data []byte) error {
		fields, after, _ := readErrorBody(data)
		for _, f := range fields {
			if !isFieldName(f) {
				panic("a field that is none")
			}
		}
		if after < 0 || after > maxRetryAfter {
			panic("a wait that is none")
		}
		return nil
	},
	"login error": func(data []byte) error { _ = loginKind(data); return nil },
	"claims": func(data []byte) error {
		var c claims
		err := decode(data, &c)
		_, _, _ = c.user(), c.expiry(), c.life()
		return err
	},
}

func into[T any](data []byte) error { return decode(data, new(T)) }

// Whatever Ravi answers: a value, or the one error that quotes nothing.
func FuzzDecoders(f *testing.F) {
	for _, s := range []string{`{}`, `[]`, `null`, `{"id":1,"uuid":"u","created_dt":"2026-01-01T00:00:00Z","messages":[{"id":2}],"attachments":[{"size":3}]}`,
		`{"results":[{"id":1}],"next":"?a=b"}`, `{"retry_after_seconds":1e99,"domain":["x"]}`, `{"access":"a","identity":{"uuid":"u"},"identities":[{}],"user":{"id":1}}`,
		`{"exp":1e300,"iat":-1,"user_id":{},"sub":"x"}`, `{"expires_in":-5,"interval":1e18}`, "\xff\xfe", `{"created_dt":"9999-99-99"}`, `[[[[[[`, `{"key":5,"value":[1,"a"]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for name, decode := range decoders {
			if err := decode(data); err != nil && !errors.Is(err, errShape) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
