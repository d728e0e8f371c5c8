// The TypeScript SDK 2.x client over stdio, in one of its ways to find the
// protocol. Usage: node sdk_v2.mjs legacy|auto|REVISION BINARY [ARG...]
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { play } from "./steps.mjs";

const [how, command, ...args] = process.argv.slice(2);
const mode = how === "legacy" || how === "auto" ? how : { pin: how };
const client = new Client({ name: "sdk-v2", version: "1" }, { versionNegotiation: { mode } });
await client.connect(new StdioClientTransport({ command, args, stderr: "ignore" }));
console.log(JSON.stringify({ step: "connect", protocol: client.getNegotiatedProtocolVersion?.() }));
await play(client);
