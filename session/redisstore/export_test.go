package redisstore

import "time"

// With returns a store over the same connections, with other keys and another clock.
func (s *Store) With(prefix string, now func() time.Time) *Store {
	cfg := s.cfg
	cfg.Prefix, cfg.Now = prefix, now
	return &Store{cfg: cfg, client: s.client}
}
