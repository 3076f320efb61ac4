// Make one call through one SDK, and tell what became of it.
import { readFileSync } from "node:fs";
import { inspect } from "node:util";

const { base, key, sdk, call, options } = JSON.parse(readFileSync(0, "utf8"));

async function firecrawl() {
  const { Firecrawl } = await import(sdk);
  const client = new Firecrawl({ apiKey: key, apiUrl: base, ...options });
  const made = await client.browser({ ttl: call === "misfit" ? 1 : 60 });
  if (call === "execute") await client.browserExecute(made.id, { code: "1", language: "node" });
  if (call === "delete") await client.deleteBrowser(made.id);
  return inspect(made);
}

async function anchor() {
  const { default: Anchorbrowser } = await import(sdk);
  const client = new Anchorbrowser({ apiKey: key, baseURL: base });
  const timeout = { max_duration: call === "misfit" ? 0 : 5 };
  const stop = new AbortController();
  const creating = client.sessions.create({ session: { timeout } }, { signal: stop.signal });
  if (call === "abort") {
    await fetch(`${base}/_lab/wait?event=create.done`);
    stop.abort();
  }
  const made = await creating;
  if (call === "delete") await client.sessions.delete(made.data.id);
  return inspect(made);
}

const told = await (sdk === "anchorbrowser" ? anchor() : firecrawl()).then(
  (text) => ({ became: "returned", text }),
  () => ({ became: "raised", text: "" }),
);
console.log(JSON.stringify(told));
