// Run code in a session of its own and in a scraped page.
import { readFileSync } from "node:fs";
import { Firecrawl } from "@mendable/firecrawl-js";

const { base, key, page } = JSON.parse(readFileSync(0, "utf8"));
const client = new Firecrawl({ apiKey: key, apiUrl: base });
const open = `await page.goto(${JSON.stringify(page)}); await page.title()`;

const { id } = await client.browser({ ttl: 60 });
const executed = await client.browserExecute(id, { code: open, language: "node" });
const failed = await client.browserExecute(id, { code: "throw new Error('boom')", language: "node" });
const { killed } = await client.browserExecute(id, { code: "while (true) {}", language: "node", timeout: 1 });
await client.deleteBrowser(id);

const scrape = await client.scrape(page);
const job = scrape.metadata.scrapeId;
const interacted = await client.interact(job, { code: "await page.title()" });
const boom = await client.interact(job, { code: "throw new Error('boom')" });
const stopped = await client.stopInteraction(job);
const gone = await client.interact(job, { code: "1" }).catch((error) => error.status);

console.log(
  JSON.stringify({
    executed: { result: executed.result, exitCode: executed.exitCode },
    failed: { success: failed.success, exitCode: failed.exitCode },
    killed,
    interacted: { success: interacted.success, result: interacted.result },
    boom: { success: boom.success, exitCode: boom.exitCode },
    stopped: stopped.success,
    gone,
  }),
);
