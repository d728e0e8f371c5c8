package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/seal"
	"ravi-mcp/secret"
)

const loginHelp = `Log in to Ravi in a browser, and keep the credential in ~/.ravi (or in the folder
of RAVI_CONFIG_DIR), where the server and other Ravi tools find it. Servers never
write these files, apart from a token that Ravi has rotated.

An account whose vault is end-to-end encrypted has a PIN of six digits. It is
asked for on the terminal, used to derive the account's keys, and not kept; the
keys are, because the server needs them to read the vault. With --unlock only
this step is done, with the login that is there. Where there is no terminal,
--pin-fd reads the PIN from a file descriptor.`

const loginExample = `  ravi-mcp login
  ravi-mcp login --unlock
  ravi-mcp login --unlock --pin-fd 3 3<pin-file`

// pinTries is how often a person may mistype the PIN (API.md section 4).
const pinTries = 3

type login struct {
	unlockOnly bool
	pinFD      int
	streams    streams
}

func newLogin(s streams) *cobra.Command {
	l := login{streams: s}
	cmd := &cobra.Command{
		Use: "login", Short: "Log in to Ravi and keep the credential", Long: loginHelp, Example: loginExample,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return l.run(cmd.Context()) },
	}
	cmd.Flags().BoolVar(&l.unlockOnly, "unlock", false, "only derive the keys of an encrypted vault from the PIN, with the login that is there")
	cmd.Flags().IntVar(&l.pinFD, "pin-fd", -1, "read the PIN from this file descriptor instead of the terminal")
	return cmd
}

func (l login) run(ctx context.Context) error {
	dir, err := configDir()
	if err != nil {
		return err
	}
	credentials, err := l.credentials(ctx)
	if err != nil {
		return err
	}
	client, err := ravi.New(ravi.Config{Credentials: credentials, BaseURL: os.Getenv("RAVI_BASE_URL"), UserAgent: "ravi-mcp/" + version()})
	if err != nil {
		return err
	}
	defer client.Close()

	if credentials.Scheme == config.SchemeToken {
		if err := l.unlock(ctx, client, &credentials); err != nil {
			return err
		}
	}
	if err := config.Save(ctx, dir, credentials); err != nil {
		return err
	}
	fmt.Fprintf(l.streams.out, "Logged in%s. The credential is in %s.\n", as(credentials.UserEmail), dir)
	return nil
}

func as(email string) string {
	if email == "" {
		return ""
	}
	return " as " + email
}

// credentials are those that are there, or new ones from a device login.
func (l login) credentials(ctx context.Context) (config.Credentials, error) {
	if l.unlockOnly {
		found, err := config.Sources{}.Credentials()
		if err != nil {
			return config.Credentials{}, err
		}
		if found.Scheme != config.SchemeToken {
			return config.Credentials{}, errors.New("an API key needs no unlocking: Ravi decrypts for it")
		}
		if found.AuthFile == "" {
			return config.Credentials{}, errors.New("the token comes from RAVI_ACCESS_TOKEN; unset it and run 'ravi-mcp login', so that there is a file to keep the keys in")
		}
		return *found, nil
	}
	client, err := ravi.New(ravi.Config{BaseURL: os.Getenv("RAVI_BASE_URL"), UserAgent: "ravi-mcp/" + version()})
	if err != nil {
		return config.Credentials{}, err
	}
	defer client.Close()
	code, err := client.StartLogin(ctx)
	if err != nil {
		return config.Credentials{}, err
	}
	fmt.Fprintf(l.streams.err, "Open %s and enter the code %s (valid for %s).\nWaiting ...\n",
		code.VerificationURI, code.UserCode, code.ExpiresIn.Round(time.Minute))
	done, err := client.WaitLogin(ctx, code)
	switch {
	case errors.Is(err, ravi.ErrLoginExpired):
		return config.Credentials{}, errors.New("the code has expired; run 'ravi-mcp login' again")
	case errors.Is(err, ravi.ErrLoginDenied):
		return config.Credentials{}, errors.New("the login was refused")
	case err != nil:
		return config.Credentials{}, err
	}
	return done.Credentials(), nil
}

// unlock adds the keys of an encrypted vault to the credentials. A plaintext
// account needs none. Nothing is saved when it fails.
func (l login) unlock(ctx context.Context, client *ravi.Client, c *config.Credentials) error {
	metadata, err := client.EncryptionMetadata(ctx)
	if err != nil {
		return err
	}
	if metadata == nil || metadata.PublicKey == "" {
		if l.unlockOnly {
			fmt.Fprintln(l.streams.err, "This account's vault is not end-to-end encrypted; there is nothing to unlock.")
		}
		return nil
	}
	for try := 1; ; try++ {
		pin, err := l.readPIN()
		if err != nil {
			return err
		}
		var salt secret.Secret
		c.PrivateKey, c.PublicKey, salt, err = client.Unlock(ctx, pin) // clears pin
		c.Salt = salt
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, seal.ErrWrongPIN) && !errors.Is(err, seal.ErrPIN):
			return err
		case try == pinTries || l.pinFD >= 0:
			return errors.New("the PIN is wrong; nothing was saved")
		}
		fmt.Fprintln(l.streams.err, "That is not the PIN of this account (six digits). Try again.")
	}
}

// configDir is where a login is kept.
func configDir() (string, error) {
	if dir := os.Getenv("RAVI_CONFIG_DIR"); dir != "" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("where is the home directory? %w", err)
	}
	return filepath.Join(home, ".ravi"), nil
}
