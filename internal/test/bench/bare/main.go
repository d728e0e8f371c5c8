// Command bare is what the benchmarks compare with: a server of mcp-go and nothing else, with one
// tool, echo. It speaks stdio, or with an address as its argument streamable HTTP; then it prints
// its URL, and has Prometheus metrics of the Go runtime at /metrics, as ravi-mcp has. It is for
// measurements only.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func main() {
	s := server.NewMCPServer("bare", "1", server.WithToolCapabilities(false))
	s.AddTool(mcp.NewTool("echo", mcp.WithString("text")), func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(r.GetString("text", "")), nil
	})
	if len(os.Args) < 2 {
		log.Fatal(server.ServeStdio(s))
	}
	l, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	paths := http.NewServeMux()
	paths.Handle("/mcp", server.NewStreamableHTTPServer(s, server.WithStateful(true)))
	paths.Handle("/metrics", promhttp.Handler())
	fmt.Printf("http://%[1]s/mcp\nhttp://%[1]s/metrics\n", l.Addr())
	log.Fatal(http.Serve(l, paths))
}
