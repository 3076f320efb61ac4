// One session's life through anchorbrowser, the package of npm.
import { readFileSync } from "node:fs";
import Anchorbrowser from "anchorbrowser";

const { base, key, page } = JSON.parse(readFileSync(0, "utf8"));
const client = new Anchorbrowser({ apiKey: key, baseURL: base });
const { sessions } = client;

async function alive(id) {
  const { items } = (await sessions.all.status()).data;
  return items.some((row) => row.session_id === id && row.status === "running");
}

const made = (await sessions.create({ session: { timeout: { max_duration: 5 } } })).data;
const read = (await sessions.retrieve(made.id)).data.status;
const listed = await alive(made.id);
await sessions.goto(made.id, { url: page });
await sessions.mouse.click(made.id, { selector: "button" });
const { data: tabs } = await client.get(`/v1/sessions/${made.id}/pages`); // It has no method for it.
const browser = await client.browser.connect(made.id);
const connected = await browser.contexts()[0].pages()[0].title();
await browser.close();
await sessions.delete(made.id);

console.log(
  JSON.stringify({
    opens: made.cdp_url.split(":")[0],
    lists: listed,
    reads: read,
    acts: tabs.items.map((tab) => tab.title),
    connects: connected,
    ends: !(await alive(made.id)),
  }),
);
