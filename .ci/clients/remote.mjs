// A TypeScript SDK's client over HTTP or SSE lives through a sign-up: it makes
// an identity, waits for the code that a site sends, and keeps a password.
// Usage: node remote.mjs 1.x|legacy|auto|REVISION http|sse ENDPOINT SANDBOX [AUTHORIZATION]
// ENDPOINT is the server's URL without a path, SANDBOX where messages are taken.
// One JSON line goes to stdout.
const [how, wire, endpoint, sandbox, authorization] = process.argv.slice(2);
const first = how === "1.x";
const { Client, StreamableHTTPClientTransport, SSEClientTransport } = first
  ? {
      ...(await import("@modelcontextprotocol/sdk/client/index.js")),
      ...(await import("@modelcontextprotocol/sdk/client/streamableHttp.js")),
      ...(await import("@modelcontextprotocol/sdk/client/sse.js")),
    }
  : await import("@modelcontextprotocol/client");

const mode = how === "legacy" || how === "auto" ? how : { pin: how };
const client = new Client({ name: "remote", version: "1" }, first ? {} : { versionNegotiation: { mode } });
const options = authorization ? { requestInit: { headers: { Authorization: authorization } } } : {};
await client.connect(
  wire === "sse"
    ? new SSEClientTransport(new URL("/sse", endpoint), options)
    : new StreamableHTTPClientTransport(new URL("/mcp", endpoint), options),
);

const { tools } = await client.listTools();
const call = async (name, args) => {
  const result = await client.callTool({ name, arguments: args });
  if (result.isError) throw new Error(`${name}: ${result.content[0].text}`);
  return result.structuredContent;
};
const name = `${how}-${wire}`.replaceAll(".", "-");
const created = await call("create_identity", { name });
const identity = created.identity.uuid;
const waiting = call("wait_for_otp", { cursor: created.cursor, timeout_seconds: 40 });
const sent = await fetch(new URL("/email", sandbox), {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ to: created.address, from: "no-reply@example.com", subject: "Sign up", text: "Your code is 271828" }),
});
if (!sent.ok) throw new Error(`the sandbox did not take the message: ${sent.status}`);
const { code } = await waiting;
await call("save_credential", { identity, domain: "example.com", username: "me", password: "correct horse" });
const { credential } = await call("get_credential", { identity, domain: "example.com" });
console.log(JSON.stringify({
  protocol: client.getNegotiatedProtocolVersion?.(),
  tools: tools.map((t) => t.name),
  code,
  password: credential.password,
}));
await client.close();
