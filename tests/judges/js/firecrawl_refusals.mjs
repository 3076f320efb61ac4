// Ask for what is refused, and print each refusal as the SDK raises it.
import { readFileSync } from "node:fs";
import { Firecrawl, SdkError } from "@mendable/firecrawl-js";

const { base, key } = JSON.parse(readFileSync(0, "utf8"));
const client = new Firecrawl({ apiKey: key, apiUrl: base });
const stranger = new Firecrawl({ apiKey: "fc-wrong", apiUrl: base });

async function refusal(call) {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof SdkError)) throw error;
    return { status: error.status, message: error.message, code: error.code ?? null };
  }
  throw new Error(`accepted: ${call}`);
}

const bound = await refusal(() => client.browser({ ttl: 1 }));
const wrongKey = await refusal(() => stranger.listBrowsers());
const unknown = await refusal(() => client.deleteBrowser("unknown"));
await client.browser();
await client.browser();
const full = await refusal(() => client.browser());

console.log(JSON.stringify({ bound, wrongKey, unknown, full }));
