// Drive a page at the address that the SDK builds by itself, with Playwright.
import { readFileSync } from "node:fs";
import Anchorbrowser from "anchorbrowser";

const { base, key } = JSON.parse(readFileSync(0, "utf8"));
const client = new Anchorbrowser({ apiKey: key, baseURL: base });

const made = await client.sessions.create();
const browser = await client.browser.connect(made.data.id);
const page = await browser.contexts()[0].newPage();
await page.goto("data:text/html,<title>driven</title>");
const title = await page.title();
await browser.close();
const ended = await client.sessions.delete(made.data.id);

console.log(JSON.stringify({ title, ended }));
