// The TypeScript SDK 2.x client whose user is asked about the
// last of some calls. In their arguments "$token" stands for the token of the
// result before. Usage:
//   node sdk_v2_asked.mjs legacy|auto|REVISION accept|decline|cancel|unable '[{"name":..., "arguments":...}, ...]' BINARY [ARG...]
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";

const [how, answer, calls, command, ...args] = process.argv.slice(2);
const mode = how === "legacy" || how === "auto" ? how : { pin: how };
const capabilities = answer === "unable" ? {} : { elicitation: { form: {} } };
const client = new Client({ name: "sdk-v2", version: "1" }, { versionNegotiation: { mode }, capabilities });
const asked = [];
if (answer !== "unable") {
  client.setRequestHandler("elicitation/create", async (request) => {
    asked.push(request.params);
    return answer === "accept" ? { action: "accept", content: { confirm: true } } : { action: answer };
  });
}
// The variables that say which Ravi to use; by default only harmless ones go on.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => name === "HOME" || name.startsWith("RAVI_")));
await client.connect(new StdioClientTransport({ command, args, env, stderr: "ignore" }));
let result;
for (const call of JSON.parse(calls)) {
  if (call.arguments.token === "$token") call.arguments.token = result.structuredContent.token;
  try {
    result = await client.callTool(call);
  } catch (e) {
    result = { exception: String(e) };
  }
}
console.log(JSON.stringify({
  protocol: client.getNegotiatedProtocolVersion?.(),
  asked: asked.map((q) => ({ message: q.message, fields: Object.keys(q.requestedSchema.properties) })),
  exception: result.exception,
  result: result.structuredContent,
  isError: result.isError ?? false,
  reason: result.isError ? JSON.parse(result.content[0].text).reason : undefined,
}));
await client.close();
