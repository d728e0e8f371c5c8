package server

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"ravi-mcp/tools"
	"ravi-mcp/tools/tool"
)

const jsonMIME = "application/json"

// document is the result of a tool as the content of a resource.
type document struct {
	tool.Result
	text json.RawMessage
}

// AboutIdentity is for the audit.
func (d document) AboutIdentity() string {
	if about, ok := d.Result.(interface{ AboutIdentity() string }); ok {
		return about.AboutIdentity()
	}
	return ""
}

// allows reports whether the caller of ctx has a right to the resource of that address, or
// template; an address of no resource here needs no right.
func (f *features) allows(ctx context.Context, uri string) bool {
	return !slices.ContainsFunc(tools.Resources(), func(r tools.Resource) bool {
		return r.URI == uri && !f.has(ctx, r.Tool)
	})
}

func (f *features) addResource(s *mcpserver.MCPServer, r tools.Resource, t tool.Tool) error {
	read := f.reader(r, t)
	if !r.Template {
		s.AddResource(mcp.Resource{URI: r.URI, Name: r.Name, Title: r.Title, Description: r.Description, MIMEType: jsonMIME}, read)
		return nil
	}
	template := mcp.NewResourceTemplate(r.URI, r.Name, mcp.WithTemplateDescription(r.Description), mcp.WithTemplateMIMEType(jsonMIME))
	template.Title = r.Title
	if _, err := json.Marshal(template); err != nil {
		return fmt.Errorf("resource %s cannot be published: %w", r.Name, err)
	}
	s.AddResourceTemplate(template, mcpserver.ResourceTemplateHandlerFunc(read))
	return nil
}

// reader reads a resource with its tool.
func (f *features) reader(r tools.Resource, t tool.Tool) mcpserver.ResourceHandlerFunc {
	return func(ctx context.Context, req mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		arguments, ok := r.Arguments(req.Params.URI)
		if !ok || !f.has(ctx, r.Tool) {
			return nil, failed(ctx, tools.NoResource(), missingResource(ctx), req.Params.URI)
		}
		result, err := f.run(ctx, &request{Method: "resources/read " + r.URI, Schema: t.Input, Arguments: arguments, Meta: req.Params.Meta},
			func(ctx context.Context, q *request) (tool.Result, error) {
				result, err := t.Run(ctx, tool.Call{Call: q.Call, Progress: progressOf(ctx)}, q.Arguments)
				if err != nil {
					return nil, err
				}
				text, err := encode(result)
				return document{result, text}, err
			})
		if err != nil {
			return nil, failed(ctx, err, missingResource(ctx), req.Params.URI)
		}
		read, ok := result.(document)
		if !ok {
			return nil, failed(ctx, errLostResult, missingResource(ctx), req.Params.URI)
		}
		return []mcp.ResourceContents{mcp.TextResourceContents{URI: req.Params.URI, MIMEType: jsonMIME, Text: string(read.text)}}, nil
	}
}

// missingResource is the code for a resource that is not there: one of its own until 2025-11-25,
// that of wrong params from 2026-07-28 on.
func missingResource(ctx context.Context) int {
	if mcp.IsModernProtocol(mcpserver.RequestProtocolVersion(ctx)) {
		return mcp.INVALID_PARAMS
	}
	return mcp.RESOURCE_NOT_FOUND
}
