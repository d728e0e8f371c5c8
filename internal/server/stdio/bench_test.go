package stdio_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"testing"
	"time"

	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/stretchr/testify/require"

	"ravi-mcp/internal/server/stdio"
)

// BenchmarkStdioEcho compares this transport with the stock one of mcp-go, the same echo tool over
// the same kind of pipes in the same run, with 1, 32 and 256 calls under way. ns/op is the time for
// one call; p99-us that of the slowest hundredth.
func BenchmarkStdioEcho(b *testing.B) {
	serve := map[string]func(ctx context.Context, in io.Reader, out io.Writer) error{
		"ours": func(ctx context.Context, in io.Reader, out io.Writer) error {
			return (&stdio.Server{MCP: tools(), In: in, Out: out}).Serve(ctx)
		},
		"stock": func(ctx context.Context, in io.Reader, out io.Writer) error {
			s := mcpserver.NewStdioServer(tools())
			s.SetErrorLogger(log.New(io.Discard, "", 0))
			return s.Listen(ctx, in, out)
		},
	}
	for _, concurrency := range []int{1, 32, 256} {
		for _, name := range []string{"ours", "stock"} {
			b.Run(fmt.Sprintf("c=%d/%s", concurrency, name), func(b *testing.B) { benchmarkEcho(b, concurrency, serve[name]) })
		}
	}
}

func benchmarkEcho(b *testing.B, concurrency int, serve func(context.Context, io.Reader, io.Writer) error) {
	in, feed, err := os.Pipe()
	require.NoError(b, err)
	out, answers, err := os.Pipe()
	require.NoError(b, err)
	defer func() { _ = feed.Close(); _ = out.Close(); _ = in.Close(); _ = answers.Close() }()
	ctx, stop := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, in, answers) }()

	reader := bufio.NewReaderSize(out, 1<<20)
	line := func(id int) []byte { return []byte(call(fmt.Sprint(id), "echo", `{"text":"hello"}`) + "\n") }
	write := func(p []byte) {
		if _, err := feed.Write(p); err != nil {
			b.Fatal(err)
		}
	}
	write([]byte(initialize("-1", `{}`) + "\n"))
	if _, err := reader.ReadSlice('\n'); err != nil {
		b.Fatal(err)
	}

	sent := make([]time.Time, b.N+1)
	took := make([]time.Duration, 0, b.N)
	b.ResetTimer()
	next := 0
	for ; next < min(concurrency, b.N); next++ {
		sent[next] = time.Now()
		write(line(next))
	}
	for range b.N {
		answer, err := reader.ReadSlice('\n')
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(sent[idOf(answer)]))
		if next < b.N {
			sent[next] = time.Now()
			write(line(next))
			next++
		}
	}
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
	stop()
	_ = feed.Close()
	<-ended
}

// idOf reads the number after "id":.
func idOf(answer []byte) int {
	at := bytes.Index(answer, []byte(`"id":`)) + 5
	id := 0
	for ; answer[at] >= '0' && answer[at] <= '9'; at++ {
		id = id*10 + int(answer[at]-'0')
	}
	return id
}
