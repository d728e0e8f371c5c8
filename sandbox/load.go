package sandbox

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// load reads the data file into memory, before the server is used.
func (s *Server) load() error {
	d := s.disk
	err := d.each(bucketMeta, func(key string, raw []byte) error {
		switch key {
		case "seq":
			n, err := strconv.ParseInt(string(raw), 10, 64)
			s.seq.Store(n)
			return err
		case "sign_key":
			return json.Unmarshal(raw, &s.signKey)
		}
		return nil
	})
	if err != nil {
		return err
	}
	// A new folder keeps the key made by New, so that tokens outlive a restart.
	if err := s.save(op{bucket: bucketMeta, key: "sign_key", value: s.signKey}); err != nil {
		return err
	}
	if err := s.loadAccounts(); err != nil {
		return err
	}
	return s.loadContents()
}

func (s *Server) loadAccounts() error {
	err := s.disk.each(bucketAccounts, func(_ string, raw []byte) error {
		a := &account{}
		if err := json.Unmarshal(raw, &a.rec); err != nil {
			return err
		}
		if a.rec.Refresh == nil {
			a.rec.Refresh = map[string]refreshRec{}
		}
		s.accounts[a.rec.ID], s.byEmail[a.rec.Email] = a, a
		return nil
	})
	if err != nil {
		return err
	}
	var all []*identity
	err = s.disk.each(bucketIdentities, func(_ string, raw []byte) error {
		var rec identityRec
		if err := json.Unmarshal(raw, &rec); err != nil {
			return err
		}
		if a := s.accounts[rec.Account]; a != nil {
			all = append(all, newIdentity(a, rec))
		}
		return nil
	})
	if err != nil {
		return err
	}
	sortBy(all, func(i *identity) int64 { return i.rec.ID })
	for _, id := range all {
		s.index(id)
	}
	err = s.disk.each(bucketRetired, func(key string, _ []byte) error {
		if strings.HasPrefix(key, "+") {
			s.phones[key] = nil
		} else {
			s.addresses[key] = nil
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.disk.each(bucketKeys, func(key string, raw []byte) error {
		k := &keyRec{}
		s.keys[key] = k
		return json.Unmarshal(raw, k)
	})
}

// loadContents reads what belongs to identities.
func (s *Server) loadContents() error {
	for bucket, add := range map[string]func(*identity, []byte) error{
		bucketEmails: func(i *identity, raw []byte) error {
			m := &emailRec{}
			err := json.Unmarshal(raw, m)
			i.emails = insertSorted(i.emails, m)
			return err
		},
		bucketSMS: func(i *identity, raw []byte) error {
			m := &smsRec{}
			err := json.Unmarshal(raw, m)
			i.sms = insertSorted(i.sms, m)
			return err
		},
		bucketPasswords: func(i *identity, raw []byte) error { return decodeInto(&i.passwords, raw) },
		bucketSecrets:   func(i *identity, raw []byte) error { return decodeInto(&i.secrets, raw) },
		bucketContacts:  func(i *identity, raw []byte) error { return decodeInto(&i.contacts, raw) },
		bucketAttachments: func(i *identity, raw []byte) error {
			a := &attachmentRec{}
			err := json.Unmarshal(raw, a)
			i.attachments[a.UUID] = a
			return err
		},
		bucketEvents: func(i *identity, raw []byte) error {
			var e eventRec
			err := json.Unmarshal(raw, &e)
			i.log.kept = append(i.log.kept, e)
			return err
		},
	} {
		err := s.disk.each(bucket, func(key string, raw []byte) error {
			uuid, _, _ := strings.Cut(key, "/")
			id := s.identities[uuid]
			if id == nil {
				return nil
			}
			return add(id, raw)
		})
		if err != nil {
			return err
		}
	}
	// Uuids say nothing about age: put the vaults back into order of creation.
	for _, id := range s.identities {
		sortBy(id.passwords, func(p passwordRec) int64 { return p.Created.UnixNano() })
		sortBy(id.secrets, func(e secretRec) int64 { return e.Created.UnixNano() })
		sortBy(id.contacts, func(e contactRec) int64 { return e.Created.UnixNano() })
	}
	return nil
}

func decodeInto[T any](list *[]T, raw []byte) error {
	var v T
	err := json.Unmarshal(raw, &v)
	*list = append(*list, v)
	return err
}

func sortBy[T any](list []T, key func(T) int64) {
	slices.SortStableFunc(list, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
}
