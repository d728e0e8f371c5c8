// Package harness starts the system under test: the real program as processes, and clients of it,
// or what stands behind a server in the process of the test. Only tests use it.
//
// A package whose tests start the program has a TestMain that ends with Main.Run. Its tests then
// write
//
//	env, home := harness.Environment(t, "RAVI_BASE_URL="+ravi.URL, "RAVI_ACCESS_TOKEN="+ravi.Account.AccessToken)
//	client := harness.StartStdio(t, env, "stdio")     // "ravi-mcp stdio", after the handshake
//	server := harness.StartHTTP(t, env, "--sandbox")  // "ravi-mcp http" on a free port, when it serves
//
// A test that connects a server of its own to a sandbox begins with NewSystem.
//
// Processes are killed when their test ends. No time limit here is a measurement: Patience bounds
// every wait, so that a test that would hang fails instead, and is far beyond what a busy machine
// needs. So is Prompt, for what the program itself bounds by seconds.
package harness
