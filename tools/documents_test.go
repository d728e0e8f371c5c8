package tools

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ravi-mcp/schemas"
)

// TestMain writes the kept documents first, if golden files are to be written: the others follow from them.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("update").Value.String() == "true" {
		text, err := describeAll()
		if err == nil {
			err = os.WriteFile("documents.txt", text, 0o644)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		keptDocuments, documents = text, sync.OnceValue(readDocuments)
	}
	os.Exit(m.Run())
}

// everySchema returns the schemas of all tools by name, also of the forms that a tool has only where an operator allows more.
func everySchema() (map[string]*schemas.Schema, error) {
	every := make(map[string]*schemas.Schema)
	for _, d := range []*Deps{{}, {Export: new(os.Root), Attach: new(os.Root)}} {
		all, err := All(d)
		if err != nil {
			return nil, err
		}
		for _, t := range all {
			every[t.Input.Name()], every[t.Output.Name()] = t.Input, t.Output
		}
	}
	return every, nil
}

// describeAll makes the documents anew from the structs.
func describeAll() ([]byte, error) {
	every, err := everySchema()
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(every)) {
		document, err := every[name].Describe()
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&text, "%s\t%s\n", name, document)
	}
	return text.Bytes(), nil
}

// A start need not describe the structs, as long as what was kept is what would come of it.
func TestGoldenDocumentsFollowFromTheStructs(t *testing.T) {
	made, err := describeAll()
	require.NoError(t, err)
	if !bytes.Equal(made, keptDocuments) {
		t.Fatal("documents.txt is not what the structs say; run: go test ./tools -run Golden -update")
	}
	every, err := everySchema()
	require.NoError(t, err)
	require.Len(t, documents(), len(every))
	for name, schema := range every {
		require.NotEmpty(t, documents()[name], name)
		assert.Same(t, &documents()[name][0], &schema.JSON()[0], "%s is not described anew", name)
	}
}
