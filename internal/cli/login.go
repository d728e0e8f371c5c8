package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"ravi-mcp/ravi"
	"ravi-mcp/ravi/config"
	"ravi-mcp/ravi/seal"
	"ravi-mcp/ravi/secret"
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

// pinTries is how often the user may mistype the PIN.
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
	if l.unlockOnly {
		return l.unlockExisting(ctx)
	}
	dir, err := config.Sources{}.LoginDir()
	if err != nil {
		return err
	}
	credentials, err := l.deviceLogin(ctx)
	if err != nil {
		return err
	}
	if credentials.Scheme == config.SchemeToken {
		keys, err := l.unlock(ctx, credentials)
		if err != nil {
			return err
		}
		credentials.PrivateKey, credentials.PublicKey, credentials.Salt = keys.private, keys.public, keys.salt
	}
	if err := config.Save(ctx, dir, credentials); err != nil {
		return err
	}
	as := ""
	if credentials.UserEmail != "" {
		as = " as " + credentials.UserEmail
	}
	fmt.Fprintf(l.streams.out, "Logged in%s. The credential is in %s.\n", as, dir)
	return nil
}

// unlockExisting adds the keys to the login that is there, in its own file.
func (l login) unlockExisting(ctx context.Context) error {
	found, err := config.Sources{}.Credentials()
	if err != nil {
		return err
	}
	if found.Scheme != config.SchemeToken {
		return errors.New("an API key needs no unlocking: Ravi decrypts for it")
	}
	if found.AuthFile == "" {
		return errors.New("the token comes from RAVI_ACCESS_TOKEN; unset it and run 'ravi-mcp login', so that there is a file to keep the keys in")
	}
	keys, err := l.unlock(ctx, *found)
	if err != nil {
		return err
	}
	if keys.private.Empty() {
		fmt.Fprintln(l.streams.out, "This account's vault is not end-to-end encrypted; there is nothing to unlock.")
		return nil
	}
	if err := config.SaveKeys(ctx, found.AuthFile, keys.private, keys.public, keys.salt); err != nil {
		return err
	}
	fmt.Fprintf(l.streams.out, "Unlocked. The keys are in %s.\n", found.AuthFile)
	return nil
}

func (l login) deviceLogin(ctx context.Context) (config.Credentials, error) {
	client, err := l.client(config.Credentials{})
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

func (l login) client(c config.Credentials) (*ravi.Client, error) {
	url, err := config.Sources{}.BaseURL()
	if err != nil {
		return nil, err
	}
	return ravi.New(ravi.Config{Credentials: c, BaseURL: url, UserAgent: "ravi-mcp/" + version()})
}

// vaultKeys are the keys of an encrypted vault; all are empty where it is not encrypted.
type vaultKeys struct{ private, public, salt secret.Secret }

// unlock asks for the PIN and derives the keys. A plaintext account needs none.
func (l login) unlock(ctx context.Context, c config.Credentials) (vaultKeys, error) {
	var none vaultKeys
	client, err := l.client(c)
	if err != nil {
		return none, err
	}
	defer client.Close()
	metadata, err := client.EncryptionMetadata(ctx)
	if err != nil || metadata == nil || metadata.PublicKey == "" {
		return none, err
	}
	for try := 1; ; try++ {
		pin, err := l.readPIN(ctx)
		if err != nil {
			return none, err
		}
		var keys vaultKeys
		keys.private, keys.public, keys.salt, err = client.Unlock(ctx, pin) // clears pin
		switch {
		case err == nil:
			return keys, nil
		case !errors.Is(err, seal.ErrWrongPIN) && !errors.Is(err, seal.ErrPIN):
			return none, err
		case try == pinTries || l.pinFD >= 0:
			return none, errors.New("the PIN is wrong; nothing was saved")
		}
		fmt.Fprintln(l.streams.err, "That is not the PIN of this account (six digits). Try again.")
	}
}
