package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// The buckets of the data file. Keys of what belongs to an identity start with its uuid and a
// slash.
const (
	bucketMeta        = "meta"
	bucketAccounts    = "accounts"
	bucketIdentities  = "identities"
	bucketKeys        = "keys"
	bucketRetired     = "retired"
	bucketEmails      = "emails"
	bucketSMS         = "sms"
	bucketPasswords   = "passwords"
	bucketSecrets     = "secrets"
	bucketContacts    = "contacts"
	bucketAttachments = "attachments"
	bucketEvents      = "events"
)

var allBuckets = []string{bucketMeta, bucketAccounts, bucketIdentities, bucketKeys, bucketRetired, bucketEmails,
	bucketSMS, bucketPasswords, bucketSecrets, bucketContacts, bucketAttachments, bucketEvents}

// ErrDataInUse means that another process holds the data folder.
var ErrDataInUse = errors.New("sandbox: the data folder is in use by another process")

// op is one change; a nil value deletes the key, and prefix deletes all keys that start with it.
type op struct {
	bucket, key string
	value       any
	prefix      bool
}

// disk keeps records in a bbolt file. A nil *disk keeps nothing: then the maps of the Server are
// all there is.
type disk struct {
	db *bbolt.DB
}

func openDisk(folder string) (*disk, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("sandbox: data folder: %w", err)
	}
	db, err := bbolt.Open(filepath.Join(folder, "ravi.db"), 0o600, &bbolt.Options{Timeout: time.Second})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, ErrDataInUse
	}
	if err != nil {
		return nil, fmt.Errorf("sandbox: data file: %w", err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, b := range allBuckets {
			if _, err := tx.CreateBucketIfNotExists([]byte(b)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("sandbox: data file: %w", err)
	}
	return &disk{db: db}, nil
}

// write makes all changes or none, on disk when it returns. seq is read inside the transaction so
// that the stored counter never goes back.
func (d *disk) write(seq func() int64, ops []op) error {
	if d == nil {
		return nil
	}
	return d.db.Update(func(tx *bbolt.Tx) error {
		for _, o := range ops {
			if err := o.apply(tx.Bucket([]byte(o.bucket))); err != nil {
				return err
			}
		}
		return tx.Bucket([]byte(bucketMeta)).Put([]byte("seq"), strconv.AppendInt(nil, seq(), 10))
	})
}

func (o op) apply(b *bbolt.Bucket) error {
	if o.prefix {
		return deletePrefix(b, o.key)
	}
	if o.value == nil {
		return b.Delete([]byte(o.key))
	}
	raw, err := json.Marshal(o.value)
	if err != nil {
		return err
	}
	return b.Put([]byte(o.key), raw)
}

func deletePrefix(b *bbolt.Bucket, prefix string) error {
	start, c := []byte(prefix), b.Cursor()
	for k, _ := c.Seek(start); bytes.HasPrefix(k, start); k, _ = c.Seek(start) {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// each calls fn for every record of a bucket, in key order.
func each[T any](d *disk, bucket string, fn func(key string, rec T)) error {
	return d.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(bucket)).ForEach(func(k, v []byte) error {
			var rec T
			if err := json.Unmarshal(v, &rec); err != nil {
				return fmt.Errorf("sandbox: record %s of %s: %w", k, bucket, err)
			}
			fn(string(k), rec)
			return nil
		})
	})
}

func (d *disk) close() error {
	if d == nil {
		return nil
	}
	return d.db.Close()
}
