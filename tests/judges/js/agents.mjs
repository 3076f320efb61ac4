// Give instructions in plain language through both vendors' SDKs.
import { readFileSync } from "node:fs";
import { Firecrawl } from "@mendable/firecrawl-js";
import Anchorbrowser from "anchorbrowser";

const { base, key, page } = JSON.parse(readFileSync(0, "utf8"));
const firecrawl = new Firecrawl({ apiKey: key, apiUrl: base });
const anchor = new Anchorbrowser({ apiKey: key, baseURL: base });

const job = (await firecrawl.scrape(page)).metadata.scrapeId;
const { output } = await firecrawl.interact(job, { prompt: "Buy it." });
await firecrawl.stopInteraction(job);
const { data } = await anchor.agent.task("Buy it.", { taskOptions: { url: page } });

console.log(JSON.stringify([output, data.result]));
