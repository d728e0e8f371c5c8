// Package server makes one MCP server of the tools, prompts, resources and completions of ravi-mcp:
// New publishes them.
//
// Everything that reaches Ravi passes the same middleware: request id, trace, audit, error shape,
// recovery of panics, arguments against the schema, the operator's policy and the confirmation by a
// person, the budget of shown values, and the deadline. A call of a tool comes to it in one of two
// ways: from mcp-go, or from the Dispatcher, which answers plain calls from the message itself.
//
// The transports are packages below this one, stdio and http. What a transport offers to a call
// while that runs is the interface Transport, which the transport puts into the context of each
// request with an Exchange. The check of messages that both share is package jsonrpc.
package server
