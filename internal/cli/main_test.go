package cli_test

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"ravi-mcp/internal/cli"
	"ravi-mcp/internal/test/harness"
)

func TestMain(m *testing.M) {
	testscript.Main(harness.Main{M: m}, map[string]func(){
		"ravi-mcp": func() { os.Exit(cli.Main(os.Args[1:])) },
	})
}

type args map[string]any
