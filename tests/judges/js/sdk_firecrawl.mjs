// One session's life through @mendable/firecrawl-js.
import { readFileSync } from "node:fs";
import { Firecrawl } from "@mendable/firecrawl-js";

const { base, key, page } = JSON.parse(readFileSync(0, "utf8"));
const client = new Firecrawl({ apiKey: key, apiUrl: base });

async function alive(id) {
  const { sessions } = await client.listBrowsers({ status: "active" });
  return sessions.some((row) => row.id === id);
}

const made = await client.browser({ ttl: 120 });
const listed = await alive(made.id);
const click = `await page.goto(${JSON.stringify(page)}); await page.click("button"); await page.title()`;
const ran = await client.browserExecute(made.id, { code: click, language: "node" });
const ended = await client.deleteBrowser(made.id);

const job = (await client.scrape(page)).metadata.scrapeId;
const interacted = await client.interact(job, { code: "await page.click('button'); await page.title()" });
const stopped = await client.stopInteraction(job);

console.log(
  JSON.stringify({
    opens: made.cdpUrl.split(":")[0],
    lists: listed,
    executes: ran.result,
    interacts: interacted.result,
    stops: stopped.success,
    ends: ended.success && !(await alive(made.id)),
  }),
);
