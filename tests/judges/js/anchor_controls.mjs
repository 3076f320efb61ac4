// Control a browser, keep a profile of it, and look at the answers.
import { readFileSync } from "node:fs";
import Anchorbrowser, { APIError } from "anchorbrowser";

const { base, key, page } = JSON.parse(readFileSync(0, "utf8"));
const client = new Anchorbrowser({ apiKey: key, baseURL: base });
const { sessions, profiles } = client;

const refused = (call) =>
  call.then(
    () => "accepted",
    (error) => (error instanceof APIError ? error.status : String(error)),
  );

const { id } = (await sessions.create({ session: { initial_url: "about:blank" } })).data;
await sessions.goto(id, { url: page });
await sessions.mouse.move(id, { x: 300, y: 200 });
await sessions.mouse.click(id, { x: 10, y: 20 });
await sessions.keyboard.type(id, { text: "Typed", delay: 1 });
await sessions.keyboard.shortcut(id, { keys: ["Control", "a"], holdTime: 1 });
const { text: copied } = await client.post(`/v1/sessions/${id}/copy`); // It has no method for these two.
await sessions.clipboard.set(id, { text: "kept" });
const { data: clipboard } = await sessions.clipboard.get(id);
await client.post(`/v1/sessions/${id}/paste`, { body: { text: "pasted" } });
await sessions.mouse.doubleClick(id, { x: 10, y: 20 });
const { text: pasted } = await client.post(`/v1/sessions/${id}/copy`);
await sessions.dragAndDrop(id, { startX: 300, startY: 200, endX: 310, endY: 210 });
const { status: scrolled } = await sessions.scroll(id, { x: 300, y: 200, deltaY: 100, steps: 2 });
const picture = await (await sessions.retrieveScreenshot(id)).arrayBuffer();
const nowhere = await refused(sessions.goto(id, { url: "nowhere" }));

await profiles.create({ name: "shop", source: "session", session_id: id });
const taken = await refused(profiles.create({ name: "shop", source: "session", session_id: id }));
await sessions.delete(id);
const listed = (await profiles.list()).data.items.map((item) => item.name);
const kept = (await profiles.retrieve("shop")).data.status;
await profiles.delete("shop");
const gone = await refused(profiles.retrieve("shop"));

const png = Buffer.from(picture).subarray(1, 4).toString();
const texts = [copied, clipboard.text, pasted];
console.log(JSON.stringify({ texts, scrolled, png, nowhere, taken, listed, kept, gone }));
