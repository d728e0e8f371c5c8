package cli

import (
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// certificate returns how to speak TLS with clients, nil where that is not asked for. The files are
// looked at again, once a second at most, when a client connects: a renewed certificate is used
// without a restart, and one that cannot be read leaves the old one in use.
func (f *httpFlags) certificate(log zerolog.Logger) (*tls.Config, error) {
	if f.cert == "" {
		return nil, nil
	}
	c := &certificateFiles{cert: f.cert, key: f.key, log: log}
	if err := c.load(); err != nil {
		return nil, fmt.Errorf("--tls-cert, --tls-key: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}, nil
}

// certificateFiles is a certificate that may be replaced on disk.
type certificateFiles struct {
	cert, key string
	log       zerolog.Logger

	mu     sync.Mutex
	pair   *tls.Certificate
	stamp  string
	looked time.Time
}

func (c *certificateFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) >= time.Second {
		if err := c.load(); err != nil {
			c.log.Error().Err(err).Msg("the certificate was not taken over; the old one is still used")
		}
	}
	return c.pair, nil
}

// load reads the files if they have changed. The caller holds mu, or is alone.
func (c *certificateFiles) load() error {
	c.looked = time.Now()
	var stamp strings.Builder
	for _, path := range []string{c.cert, c.key} {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		stamp.WriteString(fmt.Sprint(info.ModTime().UnixNano(), " ", info.Size(), " "))
	}
	if stamp.String() == c.stamp {
		return nil
	}
	c.stamp = stamp.String() // a file that is wrong is reported once
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return err
	}
	c.pair = &pair
	return nil
}
