// Drives the server with the TypeScript SDK 1.x over stdio and prints what a
// test compares: one JSON line per step. Usage: node sdk_v1.mjs BINARY [ARG...]
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const [command, ...args] = process.argv.slice(2);
const client = new Client({ name: "sdk-v1", version: "1" });
const say = (step, value) => console.log(JSON.stringify({ step, ...value }));

await client.connect(new StdioClientTransport({ command, args, stderr: "ignore" }));

// After listTools the SDK validates every structured result against the
// published output schema, and throws where it does not fit.
const { tools } = await client.listTools();
say("tools", { count: tools.length, withOutputSchema: tools.filter((t) => t.outputSchema).length });

const call = async (step, name, argument) => {
  try {
    const result = await client.callTool({ name, arguments: argument });
    say(step, {
      outcome: "result",
      isError: result.isError ?? false,
      structured: result.structuredContent !== undefined,
      error: result.isError ? JSON.parse(result.content[0].text).code : undefined,
    });
    return result;
  } catch (e) {
    say(step, { outcome: "exception", error: String(e) });
    return undefined;
  }
};

await call("error", "get_credential", { domain: "example.com" });
await call("unknown argument", "get_identity", { idenity: "x" });
const created = await call("create", "create_identity", { name: "sdk-agent" });
const identity = created.structuredContent.identity.uuid;
await call("pending", "wait_for_otp", { cursor: created.structuredContent.cursor, timeout_seconds: "1" });
await call("save", "save_credential", { domain: "https://login.example.com/x", username: "sdk" });
await call("get", "get_credential", { domain: "example.com" });
await call("list", "list_credentials", { identity });
await call("messages", "list_messages", {});
await call("identities", "list_identities", {});
await call("set", "set_secret", { name: "api_key", value: "v" });
await call("secrets", "list_secrets", {});
await call("delete", "delete_identity", { identity });
await client.close();
