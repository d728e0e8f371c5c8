package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"ravi-mcp/internal/fault"
	"ravi-mcp/session"
	"ravi-mcp/tools/account"
)

const doctorHelp = `Check everything that a server on this machine would use: the Ravi credential,
the variable or file it comes from, whose account it is, the encryption of the
vault, how messages are noticed, and the identity of a call that names none and
what names it. It is what the tool get_account reports. With the --caller and
--allow-identities of a client it is what that client has.
Nothing is changed, and nothing secret is shown.

The exit code is 1 when something does not work; each problem comes with what to
do about it. That no identity is set up is no problem: calls can name one.`

const doctorExample = `  ravi-mcp doctor
  ravi-mcp doctor --identity research-agent
  ravi-mcp doctor --allow-identities own --caller coder`

func newDoctor(s streams) *cobra.Command {
	var f vaultFlags
	cmd := &cobra.Command{
		Use: "doctor", Short: "Check the connection to Ravi", Long: doctorHelp, Example: doctorExample,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.diagnose(cmd.Context(), s) },
	}
	f.addVault(cmd)
	f.addCaller(cmd.Flags())
	cmd.Flags().Lookup("identity").Usage = "identity to check: uuid, name or address (or RAVI_IDENTITY, or config.json)"
	return cmd
}

func (f *vaultFlags) diagnose(ctx context.Context, s streams) error {
	app, err := f.open(s)
	if err != nil {
		return err
	}
	defer app.close()
	caller, err := f.caller(session.LocalCaller)
	if err != nil {
		return err
	}
	result, err := app.run(ctx, caller, "get_account", map[string]any{})
	if err != nil {
		return err
	}
	report, ok := result.(account.GetAccountResult)
	if !ok {
		return errors.New("the check gave no report")
	}
	identities := fmt.Sprint(report.Identities)
	if caller.Rights.Identities != nil {
		identities += fmt.Sprintf(", for --caller %s with --allow-identities %s", caller.Name, f.allow)
	}
	return printReport(s.out, report, identities)
}

// printReport says what works, then what does not. Its error counts the problems.
func printReport(w io.Writer, r account.GetAccountResult, identities string) error {
	identity := "none is set up; calls name one"
	if r.Identity != nil {
		identity = fmt.Sprintf("%s (%s), from %s", r.Identity.Name, r.Identity.UUID, r.IdentityBy)
	}
	credential := map[string]string{"token": "access token", "key": "API key"}[r.Scheme]
	if r.From != "" {
		credential += ", from " + r.From
	}
	for _, line := range [][2]string{
		{"ravi-mcp", r.Version},
		{"Ravi", cmp.Or(r.BaseURL, "not reached")},
		{"credential", credential},
		{"account", r.Owner},
		{"vault", map[string]string{"none": "not end-to-end encrypted", "open": "end-to-end encrypted, and the keys are here", "locked": "end-to-end encrypted, and the keys are missing"}[r.Encryption]},
		{"messages", map[string]string{"stream": "by event stream", "polling": "by polling"}[r.Delivery]},
		{"identities", identities},
		{"identity", identity},
	} {
		fmt.Fprintf(w, "%-11s %s\n", line[0], cmp.Or(line[1], "unknown"))
	}
	problems := 0
	for _, p := range r.Problems {
		if p.Code == fault.IdentityRequired {
			continue
		}
		problems++
		fmt.Fprintf(w, "\nproblem: %s: %s (%s)\n  next: %s\n", p.Part, p.Message, p.Code, p.Hint)
	}
	switch problems {
	case 0:
		fmt.Fprintln(w, "\neverything works")
		return nil
	case 1:
		return errors.New("1 problem")
	}
	return fmt.Errorf("%d problems", problems)
}
