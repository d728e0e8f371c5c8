package cli

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ravi-mcp/ravi/config"
)

// usageError is a command line that makes no sense. Its text repeats no value of that command line
// (names and patterns of identities aside): it could be a credential in the wrong place, and stderr
// may end up in a log.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func wrongUsage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// Patterns of flags by which users try to pass a credential, and the URL of the session store. They
// are compiled where they are needed, as every start would pay for them.
const (
	credentialName = `(?i)key|token|secret|password|credential|auth`
	storeName      = `(?i)store|redis`
	credentialForm = `(?i)(ravi_(mgmt|id)|rmcp|rvt)_|eyJ[A-Za-z0-9_-]+\.`
)

func (e usageError) hint(cmd *cobra.Command) string {
	var unknown *pflag.NotExistError
	if errors.As(e.err, &unknown) && regexp.MustCompile(credentialName).MatchString(unknown.GetSpecifiedName()) {
		return "credentials are never taken from the command line; set RAVI_API_KEY or RAVI_ACCESS_TOKEN instead"
	}
	if unknown != nil && regexp.MustCompile(storeName).MatchString(unknown.GetSpecifiedName()) {
		return "the URL of the session store may hold a password and is never taken from the command line; put it into RAVI_MCP_SESSION_STORE, " +
			"or into a file of mode 0600 that --session-store-file names"
	}
	return fmt.Sprintf("run '%s --help' to see how it is used", cmd.CommandPath())
}

// flagError words what pflag found wrong. It unwraps to pflag's error.
type flagError struct {
	text  string
	cause error
}

func (e flagError) Error() string { return e.text }
func (e flagError) Unwrap() error { return e.cause }

// valueShapes say what a flag of a type wants.
var valueShapes = map[string]string{"bool": "true or false", "duration": "a duration such as 30s or 2m", "policy": "allow, ask or deny", "int": "a number"}

func flagProblem(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var value *pflag.InvalidValueError
	var missing *pflag.ValueRequiredError
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return err
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return usageError{flagError{"unknown flag -" + unknown.GetSpecifiedShortnames()[:1], err}}
	case errors.As(err, &unknown):
		return usageError{flagError{"unknown flag --" + unknown.GetSpecifiedName(), err}}
	case errors.As(err, &value):
		flag := value.GetFlag()
		if unfinished, ok := errors.AsType[*config.ValueError](err); ok {
			return usageError{flagError{fmt.Sprintf("--%s: it %s", flag.Name, unfinished.Shape), err}}
		}
		return usageError{flagError{fmt.Sprintf("--%s: want %s", flag.Name, valueShapes[flag.Value.Type()]), err}}
	case errors.As(err, &missing):
		return usageError{flagError{fmt.Sprintf("--%s: a value is missing", missing.GetSpecifiedName()), err}}
	}
	return usageError{errors.New("a flag is malformed")}
}

// noArguments refuses everything that is neither a flag nor a command.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasSubCommands() {
		return usageError{fmt.Errorf("%s takes flags only, and there is an argument without one", cmd.Name())}
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return usageError{fmt.Errorf("no such command; there are %s", strings.Join(names, ", "))}
}
