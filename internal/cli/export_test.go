package cli

import (
	mcphttp "ravi-mcp/internal/server/http"
	"ravi-mcp/session/redisstore"
)

// LongestStop is how long "ravi-mcp http" may take to end, by its own limits: its requests, what it
// tells its replicas about ephemeral identities, which it deletes none of, and the last spans.
const LongestStop = mcphttp.ShutdownTime + redisstore.DefaultTimeout + flushTime
