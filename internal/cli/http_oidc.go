package cli

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"ravi-mcp/internal/fault"
	"ravi-mcp/internal/issuer"
	mcphttp "ravi-mcp/internal/server/http"
	"ravi-mcp/session"
)

// issuerStart is how long the server waits for its issuer's keys before it listens without them.
const issuerStart = 5 * time.Second

// oidcFlags say whose access tokens are taken.
type oidcFlags struct {
	issuer    string
	audiences []string
}

func (f *oidcFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.issuer, "oidc-issuer", "", "URL of an OpenID Connect issuer whose access tokens are taken from callers with an oidc_subject")
	flags.StringArrayVar(&f.audiences, "oidc-audience", nil, "audience by which those tokens mean this server, such as https://mcp.example.com/mcp (repeatable)")
}

// open returns the issuer, or nil where there is none. file is the callers file.
func (f *oidcFlags) open(callers *session.Callers, file string, log zerolog.Logger) (*issuer.Issuer, error) {
	switch {
	case f.issuer == "" && len(f.audiences) == 0:
		if callers != nil && callers.Subjects() > 0 {
			return nil, wrongUsage("%s has callers with an oidc_subject: give --oidc-issuer and --oidc-audience", file)
		}
		return nil, nil
	case f.issuer == "" || len(f.audiences) == 0:
		return nil, wrongUsage("--oidc-issuer and --oidc-audience belong together")
	case file == "":
		return nil, wrongUsage("--oidc-issuer needs --callers FILE, which says who of the issuer's users may call; for each of them it has\n\n" +
			"  [[caller]]\n  name = \"alice\"\n  oidc_subject = \"...\"       # the sub of alice's tokens\n  identities = [\"alice-*\"]   # \"*\" is every identity")
	}
	i, err := issuer.New(issuer.Config{URL: f.issuer, Audiences: f.audiences, Log: log})
	if err != nil {
		return nil, wrongUsage("--oidc-issuer: %w", err)
	}
	if callers.Subjects() == 0 {
		log.Warn().Msg("no caller has an oidc_subject, so no token of the issuer opens anything")
	}
	return i, nil
}

// startIssuer lets the issuer be asked until ctx ends, and gives it a moment for the first answer.
// Without one the server starts all the same: its tokens get 503 and /readyz says so until the
// issuer answers.
func startIssuer(ctx context.Context, i *issuer.Issuer) {
	if i == nil {
		return
	}
	go i.Run(ctx)
	timer := time.NewTimer(issuerStart)
	defer timer.Stop()
	select {
	case <-i.Tried():
	case <-timer.C:
	case <-ctx.Done():
	}
}

// oauth is what the metadata for clients says of the issuer; nil where there is none.
func (a access) oauth() *mcphttp.OAuth {
	if a.issuer == nil {
		return nil
	}
	return &mcphttp.OAuth{Issuer: a.issuer.URL()}
}

// issuerReady says whether tokens of the issuer can be verified.
func (a access) issuerReady() error {
	if a.issuer == nil {
		return nil
	}
	if err := a.issuer.Ready(); err != nil {
		return fault.New(fault.Unavailable, "The keys of the issuer could not be read.", "Retry in a moment.").WithCause(err)
	}
	return nil
}

// subject returns the caller of an issuer's token and when the token expires, or nil.
func (a authenticator) subject(ctx context.Context, token string) (*session.Caller, time.Time, error) {
	if a.issuer == nil {
		return nil, time.Time{}, nil
	}
	subject, expires, err := a.issuer.Verify(ctx, token)
	if errors.Is(err, issuer.ErrInvalid) {
		return nil, time.Time{}, nil
	}
	if err != nil {
		return nil, time.Time{}, err
	}
	return a.callers.OfSubject(subject), expires, nil
}
