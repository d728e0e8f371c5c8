// The calls that both SDKs make, and what a test wants to know of each: was it
// a result or an exception, an error or not, and was there structured content.
// One JSON line per step goes to stdout.
const say = (step, value) => console.log(JSON.stringify({ step, ...value }));

export async function play(client) {
  // After listTools the SDKs check every structured result against the
  // published output schema, and throw where it does not fit.
  const { tools } = await client.listTools();
  const names = (some) => some.map((t) => t.name);
  say("tools", { tools: names(tools), withOutputSchema: names(tools.filter((t) => t.outputSchema)) });

  const call = async (step, name, args) => {
    try {
      const result = await client.callTool({ name, arguments: args });
      const isError = result.isError ?? false;
      say(step, {
        outcome: "result",
        isError,
        structured: result.structuredContent !== undefined,
        code: isError ? JSON.parse(result.content[0].text).code : undefined,
      });
      return result.structuredContent;
    } catch (e) {
      say(step, { outcome: "exception", exception: String(e) });
      return undefined;
    }
  };

  await call("no identity", "get_credential", { domain: "example.com" });
  await call("unknown argument", "get_identity", { idenity: "x" });
  const created = await call("create", "create_identity", { name: "sdk-agent" });
  const identity = created?.identity.uuid;
  await call("exists", "create_identity", { name: "sdk-agent" });
  await call("use", "use_identity", { identity });
  await call("show", "get_identity", { identity });
  await call("watch", "watch_inbox", { identity });
  await call("pending", "wait_for_otp", { cursor: created?.cursor, timeout_seconds: "1" });
  await call("message", "wait_for_message", { cursor: created?.cursor, timeout_seconds: 1 });
  await call("bad cursor", "wait_for_otp", { cursor: "x", timeout_seconds: 1 });
  await call("messages", "list_messages", { identity });
  await call("no message", "read_message", { identity, message_id: "sms:1" });
  await call("save", "save_credential", { identity, domain: "https://login.example.com/x", username: "sdk" });
  await call("get", "get_credential", { identity, domain: "example.com" });
  await call("list", "list_credentials", { identity });
  await call("set", "set_secret", { identity, name: "API_KEY", value: "v" });
  await call("secret", "get_secret", { identity, name: "API_KEY" });
  await call("secrets", "list_secrets", { identity });
  await call("identities", "list_identities", {});
  await call("delete", "delete_identity", { identity });
  await client.close();
}
