// The TypeScript SDK 1.x over stdio. Usage: node sdk_v1.mjs BINARY [ARG...]
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { play } from "./steps.mjs";

const [command, ...args] = process.argv.slice(2);
const client = new Client({ name: "sdk-v1", version: "1" });
await client.connect(new StdioClientTransport({ command, args, stderr: "ignore" }));
await play(client);
