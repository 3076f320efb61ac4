// Drive a page with Playwright: go there, click, take a picture.
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";

const { cdp_url, url } = JSON.parse(readFileSync(0, "utf8"));

const browser = await chromium.connectOverCDP(cdp_url);
const page = await browser.contexts()[0].newPage();
await page.goto(url);
await page.click("button");
const title = await page.title();
const picture = await page.screenshot();
await browser.close();

console.log(JSON.stringify({ title, picture: picture.subarray(1, 4).toString() }));
