// Drive a page with Puppeteer: go there, click, take a picture.
import { readFileSync } from "node:fs";
import puppeteer from "puppeteer-core";

const { cdp_url, url } = JSON.parse(readFileSync(0, "utf8"));

const browser = await puppeteer.connect({ browserWSEndpoint: cdp_url });
const page = await browser.newPage();
await page.goto(url);
await page.click("button");
const title = await page.title();
const picture = await page.screenshot();
await browser.disconnect();

console.log(JSON.stringify({ title, picture: Buffer.from(picture.slice(1, 4)).toString() }));
