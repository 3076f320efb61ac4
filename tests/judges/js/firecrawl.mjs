// Create a session, list it, delete it twice.
import { readFileSync } from "node:fs";
import { Firecrawl } from "@mendable/firecrawl-js";

const { base, key } = JSON.parse(readFileSync(0, "utf8"));
const client = new Firecrawl({ apiKey: key, apiUrl: base });

const made = await client.browser({
  ttl: 60,
  activityTtl: 30,
  streamWebView: true,
  profile: { name: "p", saveChanges: false },
});
const listed = await client.listBrowsers({ status: "active" });
const ended = await client.deleteBrowser(made.id);
const again = await client.deleteBrowser(made.id);
const left = await client.listBrowsers({ status: "active" });

console.log(JSON.stringify({ made, listed, ended, again, left }));
