package issuer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

const (
	// readEvery is how often the keys are read anew, so that a withdrawn one is missed.
	readEvery = 10 * time.Minute
	// readAgain is the least time between two readings that tokens with an unknown key ask for.
	readAgain = 10 * time.Second
	// readTime bounds one answer of the issuer, readWait the time that a token waits for it.
	readTime = 10 * time.Second
	readWait = 5 * time.Second
	// maxAnswer is the length in bytes of the longest answer of the issuer.
	maxAnswer = 1 << 20
	// maxWaiting is how many tokens may wait for keys at a time.
	maxWaiting = 64

	firstPause, longestPause = time.Second, time.Minute
)

// Run asks the issuer for its keys until ctx ends: at once, again with growing pauses (1 s to 1
// min) while that fails, every 10 minutes when it does not, and when a token names a key that is
// not known. Keys that could be read once are used for 24 h if they cannot be read again.
func (i *Issuer) Run(ctx context.Context) {
	pauses := &backoff.ExponentialBackOff{InitialInterval: firstPause, RandomizationFactor: 0.2, Multiplier: 2, MaxInterval: longestPause}
	pauses.Reset()
	for first := true; ; first = false {
		i.beginRead()
		next, err := i.read(ctx)
		if ctx.Err() != nil {
			return
		}
		pause := readEvery
		if err == nil {
			pauses.Reset()
			i.use(next)
		} else {
			pause = pauses.NextBackOff()
			i.cfg.Log.Warn().Err(err).Str("issuer", i.cfg.URL).Dur("again_in", pause).Bool("older_keys", i.keys.Load().usable(i.cfg.Now())).
				Msg("the keys of the issuer could not be read")
		}
		i.endRead(err)
		if first {
			close(i.first)
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-i.wake:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// use replaces the keys. Tokens that were verified with other keys are verified again.
func (i *Issuer) use(next *keySet) {
	now := i.keys.Load()
	if now != nil {
		next.version = now.version
	}
	if now == nil || now.raw != next.raw {
		next.version++
		i.cfg.Log.Info().Str("issuer", i.cfg.URL).Int("keys", len(next.keys)).Msg("the keys of the issuer were read")
	}
	i.keys.Store(next)
}

// beginRead begins a reading; calls that need keys from now on wait for this one.
func (i *Issuer) beginRead() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.reading == nil {
		i.reading = make(chan struct{})
	}
	select {
	case <-i.wake:
	default:
	}
}

// endRead releases the calls that wait for a reading.
func (i *Issuer) endRead(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.tried, i.failed = time.Now(), err
	close(i.reading)
	i.reading = nil
}

// keysFor returns keys with one for a signature of that header, which may have to be read first.
func (i *Issuer) keysFor(ctx context.Context, header jose.Header) (*keySet, error) {
	keys := i.keys.Load()
	if !keys.usable(i.cfg.Now()) {
		return nil, ErrUnavailable // Run is reading them
	}
	if keys.has(header) {
		return keys, nil
	}
	if header.KeyID == "" {
		return nil, i.refuse("no key is named")
	}
	if err := i.readNow(ctx); err != nil {
		return nil, err
	}
	if keys = i.keys.Load(); !keys.has(header) {
		return nil, i.refuse("unknown key")
	}
	return keys, nil
}

// readNow has the keys read again, unless that was done a moment ago, and waits for it.
func (i *Issuer) readNow(ctx context.Context) error {
	i.mu.Lock()
	if i.reading == nil {
		if time.Since(i.tried) < readAgain {
			err := i.failed
			i.mu.Unlock()
			if err != nil {
				return ErrUnavailable
			}
			return nil
		}
		i.reading = make(chan struct{})
		i.wake <- struct{}{} // has room: beginRead has emptied it
	}
	if i.waiting >= maxWaiting {
		i.mu.Unlock()
		return ErrUnavailable
	}
	i.waiting++
	over := i.reading
	i.mu.Unlock()
	defer func() {
		i.mu.Lock()
		i.waiting--
		i.mu.Unlock()
	}()
	timer := time.NewTimer(readWait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return ErrUnavailable
	case <-over:
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.failed != nil {
		return ErrUnavailable
	}
	return nil
}

// read fetches the discovery document, and then the keys.
func (i *Issuer) read(ctx context.Context) (*keySet, error) {
	ctx = oidc.ClientContext(ctx, i.client)
	provider, err := oidc.NewProvider(ctx, i.cfg.URL)
	if _, ok := errors.AsType[*oidc.IssuerMismatchError](err); ok {
		return nil, errors.New("its discovery document names another issuer")
	}
	if err != nil {
		return nil, shorten(err)
	}
	var where struct {
		Keys string `json:"jwks_uri"`
	}
	if err := provider.Claims(&where); err != nil {
		return nil, shorten(err)
	}
	u, err := url.Parse(where.Keys)
	if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && i.loopback && onLoopback(u)) {
		return nil, errors.New("its jwks_uri is no https URL")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, shorten(err)
	}
	response, err := i.client.Do(request)
	if err != nil {
		return nil, shorten(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("its keys are answered with status %d", response.StatusCode)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, shorten(err)
	}
	return parseKeys(body, i.cfg.Now())
}

// shorten keeps all but the beginning of what an issuer answers out of the log.
func shorten(err error) error {
	const most = 200
	if text := err.Error(); len(text) > most {
		return errors.New(text[:most] + "…")
	}
	return err
}

// newClient returns a client that reads short answers only, follows no redirect and does not wait
// long.
func newClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		own := http.DefaultTransport.(*http.Transport).Clone()
		own.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		own.MaxConnsPerHost = 2
		own.MaxResponseHeaderBytes = 64 << 10
		own.DisableKeepAlives = true // one request in ten minutes
		transport = own
	}
	return &http.Client{
		Transport: bounded{transport}, Timeout: readTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bounded fails a response that is too long.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = &boundedBody{response.Body, maxAnswer}
	return response, nil
}

type boundedBody struct {
	io.ReadCloser
	left int
}

var errTooLong = errors.New("the answer has more than 1 MiB")

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, errTooLong
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 {
		return 0, errTooLong
	}
	return n, err
}
