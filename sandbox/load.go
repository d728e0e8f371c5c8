package sandbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// load reads the data file into memory, before the server is used.
func (s *Server) load() error {
	meta := map[string]json.RawMessage{}
	if err := each(s.disk, bucketMeta, func(key string, raw json.RawMessage) { meta[key] = raw }); err != nil {
		return err
	}
	// A new folder has neither. It keeps the key made by New, so that tokens outlive a restart.
	if len(meta) > 0 {
		var seq int64
		err := errors.Join(json.Unmarshal(meta["seq"], &seq), json.Unmarshal(meta["sign_key"], &s.signKey))
		if err != nil {
			return fmt.Errorf("sandbox: data file: %w", err)
		}
		s.seq.Store(seq)
	}
	if err := s.save(op{bucket: bucketMeta, key: "sign_key", value: s.signKey}); err != nil {
		return err
	}
	if err := s.loadAccounts(); err != nil {
		return err
	}
	return s.loadContents()
}

func (s *Server) loadAccounts() error {
	err := each(s.disk, bucketAccounts, func(_ string, rec accountRec) {
		a := &account{rec: rec}
		s.accounts[rec.ID], s.byEmail[rec.Email] = a, a
	})
	if err != nil {
		return err
	}
	var all []*identity
	err = each(s.disk, bucketIdentities, func(_ string, rec identityRec) {
		if a := s.accounts[rec.Account]; a != nil {
			all = append(all, newIdentity(a, rec))
		}
	})
	sortBy(all, func(i *identity) int64 { return i.rec.ID })
	for _, id := range all {
		s.index(id)
	}
	return errors.Join(err,
		each(s.disk, bucketRetired, func(key, _ string) {
			if strings.HasPrefix(key, "+") {
				s.phones[key] = nil
			} else {
				s.addresses[key] = nil
			}
		}),
		each(s.disk, bucketKeys, func(key string, k *keyRec) { s.keys[key] = k }),
	)
}

// loadContents reads what belongs to identities.
func (s *Server) loadContents() error {
	err := errors.Join(
		eachOwned(s, bucketEmails, func(i *identity, m *emailRec) { i.emails = insertSorted(i.emails, m) }),
		eachOwned(s, bucketSMS, func(i *identity, m *smsRec) { i.sms = insertSorted(i.sms, m) }),
		eachOwned(s, bucketPasswords, func(i *identity, p passwordRec) { i.passwords = append(i.passwords, p) }),
		eachOwned(s, bucketSecrets, func(i *identity, e secretRec) { i.secrets = append(i.secrets, e) }),
		eachOwned(s, bucketContacts, func(i *identity, e contactRec) { i.contacts = append(i.contacts, e) }),
		eachOwned(s, bucketAttachments, func(i *identity, a *attachmentRec) { i.attachments[a.UUID] = a }),
		eachOwned(s, bucketEvents, func(i *identity, e eventRec) { i.log.kept = append(i.log.kept, e) }),
	)
	// Uuids say nothing about age: put the vaults back into order of creation.
	for _, id := range s.identities {
		sortBy(id.passwords, func(p passwordRec) int64 { return p.Created.UnixNano() })
		sortBy(id.secrets, func(e secretRec) int64 { return e.Created.UnixNano() })
		sortBy(id.contacts, func(e contactRec) int64 { return e.Created.UnixNano() })
	}
	return err
}

// eachOwned is each for records that belong to identities.
func eachOwned[T any](s *Server, bucket string, add func(*identity, T)) error {
	return each(s.disk, bucket, func(key string, rec T) {
		uuid, _, _ := strings.Cut(key, "/")
		if id := s.identities[uuid]; id != nil {
			add(id, rec)
		}
	})
}

func sortBy[T any](list []T, key func(T) int64) {
	slices.SortStableFunc(list, func(a, b T) int { return cmp.Compare(key(a), key(b)) })
}
