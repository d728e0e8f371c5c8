package cli

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
	"github.com/spf13/pflag"
)

// logFlags are the flags of every command that serves.
type logFlags struct {
	level  string
	format string
}

func (f *logFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.level, "log-level", "info", "least severe log line to write: debug, info, warn, error or off")
	flags.StringVar(&f.format, "log-format", "auto", "form of the log on stderr: json, text, or auto (text on a terminal)")
}

// logger returns the one logger of the process; it writes to w, which is stderr. Every level holds
// the same care about secrets: debug adds events, never bodies or values.
func (f *logFlags) logger(w io.Writer) (zerolog.Logger, error) {
	level := zerolog.Disabled
	if f.level != "off" {
		var err error
		if level, err = zerolog.ParseLevel(f.level); err != nil || f.level == "" {
			return zerolog.Nop(), usageError{errors.New("--log-level: want debug, info, warn, error or off")}
		}
	}
	if f.format != "json" && f.format != "text" && f.format != "auto" {
		return zerolog.Nop(), usageError{errors.New("--log-format: want json, text or auto")}
	}
	if color := f.format == "auto" && isTerminal(w); color || f.format == "text" {
		w = zerolog.ConsoleWriter{Out: w, NoColor: !color, TimeFormat: time.TimeOnly}
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger(), nil
}

// isTerminal reports whether w is a terminal that may be shown colour.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd()) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
