package server_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
)

// prompt mounts a prompt whose messages are made of its arguments, all of which are required.
func (f fixtures) prompt(name string, arguments []string, content func(given map[string]string) []mcp.Content) {
	options := []mcp.PromptOption{mcp.WithPromptDescription("What the conformance suite expects of " + name + ".")}
	for _, argument := range arguments {
		options = append(options, mcp.WithArgument(argument, mcp.ArgumentDescription("any text"), mcp.RequiredArgument()))
	}
	f.MCPServer.AddPrompt(mcp.NewPrompt(name, options...), func(_ context.Context, req mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		result := &mcp.GetPromptResult{}
		for _, part := range content(req.Params.Arguments) {
			result.Messages = append(result.Messages, mcp.NewPromptMessage(mcp.RoleUser, part))
		}
		return result, nil
	})
}

func (f fixtures) prompts() {
	f.prompt("test_simple_prompt", nil, func(map[string]string) []mcp.Content {
		return []mcp.Content{mcp.NewTextContent("This is a simple prompt for testing.")}
	})
	f.prompt("test_prompt_with_arguments", []string{"arg1", "arg2"}, func(given map[string]string) []mcp.Content {
		return []mcp.Content{mcp.NewTextContent(fmt.Sprintf("Prompt with arguments: arg1='%s', arg2='%s'", given["arg1"], given["arg2"]))}
	})
	f.prompt("test_prompt_with_embedded_resource", []string{"resourceUri"}, func(given map[string]string) []mcp.Content {
		return []mcp.Content{
			mcp.NewEmbeddedResource(mcp.TextResourceContents{
				URI: given["resourceUri"], MIMEType: "text/plain", Text: "Embedded resource content for testing.",
			}),
			mcp.NewTextContent("Please process the embedded resource above."),
		}
	})
	f.prompt("test_prompt_with_image", nil, func(map[string]string) []mcp.Content {
		return []mcp.Content{mcp.NewImageContent(pixel(), "image/png"), mcp.NewTextContent("Please analyze the image above.")}
	})
	const asks = "test_input_required_result_prompt"
	f.MCPServer.AddPrompt(mcp.NewPrompt(asks, mcp.WithPromptDescription("A prompt that asks first.")),
		func(_ context.Context, req mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			answer := mcpserver.ElicitationResponse(req.Params.InputResponses, "user_context")
			if answer == nil {
				return mcpserver.NewInputRequestBuilder("").
					Elicit("user_context", form("What context should the prompt use?", map[string]any{"context": text()})).PromptResult(), nil
			}
			return &mcp.GetPromptResult{Messages: []mcp.PromptMessage{
				mcp.NewPromptMessage(mcp.RoleUser, mcp.NewTextContent(fmt.Sprintf("The context is %v.", answer.Content))),
			}}, nil
		})
}

func (f fixtures) resources() {
	resource := func(uri, media string, content mcp.ResourceContents) {
		f.MCPServer.AddResource(mcp.NewResource(uri, strings.TrimPrefix(uri, "test://"), mcp.WithMIMEType(media),
			mcp.WithResourceDescription("What the conformance suite expects.")),
			func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
				return []mcp.ResourceContents{content}, nil
			})
	}
	resource("test://static-text", "text/plain", mcp.TextResourceContents{
		URI: "test://static-text", MIMEType: "text/plain", Text: "This is the content of the static text resource.",
	})
	resource("test://static-binary", "image/png", mcp.BlobResourceContents{URI: "test://static-binary", MIMEType: "image/png", Blob: pixel()})
	resource("test://watched-resource", "text/plain", mcp.TextResourceContents{URI: "test://watched-resource", MIMEType: "text/plain", Text: "watched"})
	const before, after = "test://template/", "/data"
	f.MCPServer.AddResourceTemplate(mcp.NewResourceTemplate(before+"{id}"+after, "template", mcp.WithTemplateMIMEType("application/json"),
		mcp.WithTemplateDescription("What the conformance suite expects.")),
		func(_ context.Context, req mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			id := strings.TrimSuffix(strings.TrimPrefix(req.Params.URI, before), after)
			return []mcp.ResourceContents{mcp.TextResourceContents{
				URI: req.Params.URI, MIMEType: "application/json",
				Text: fmt.Sprintf(`{"id":%q,"templateTest":true,"data":%q}`, id, "Data for ID: "+id),
			}}, nil
		})
}
