package tools

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"sync"

	"ravi-mcp/schemas"
)

// keptDocuments are the schemas of all tools as they follow from the structs,
// a line each: the schema's name, a tab, the document.
// `go test ./tools -run Golden -update` writes it, and a test holds it against
// the structs.
//
//go:embed documents.txt
var keptDocuments []byte

// documents returns the kept documents by the names of their schemas.
var documents = sync.OnceValue(readDocuments)

func readDocuments() map[string]json.RawMessage {
	all := make(map[string]json.RawMessage)
	for line := range bytes.Lines(keptDocuments) {
		if name, document, ok := bytes.Cut(bytes.TrimSuffix(line, []byte("\n")), []byte("\t")); ok {
			all[string(name)] = document
		}
	}
	return all
}

// described returns a schema with its kept document, if there is one.
func described(s *schemas.Schema) *schemas.Schema { return s.Kept(documents()[s.Name()]) }
