// Start two sessions, read them, end one twice, end all.
import { readFileSync } from "node:fs";
import Anchorbrowser, { AuthenticationError } from "anchorbrowser";

const { base, key } = JSON.parse(readFileSync(0, "utf8"));
const client = new Anchorbrowser({ apiKey: key, baseURL: base });

async function running() {
  const { data } = await client.sessions.all.status();
  const items = data.items.filter((item) => item.status === "running");
  return items.map((item) => item.session_id).sort(); // No order is documented.
}

const made = await client.sessions.create({ session: { timeout: { max_duration: 5 } } });
const bare = await client.sessions.create();
const got = await client.sessions.retrieve(made.data.id);
const both = await running();
const ended = await client.sessions.delete(made.data.id);
const second = await client.sessions.delete(made.data.id).then(
  () => "accepted",
  (error) => (error instanceof AuthenticationError ? "AuthenticationError" : String(error)),
);
const one = await running();
const all = await client.sessions.all.delete();
const none = await running();

console.log(JSON.stringify({ made, bare, got, both, ended, second, one, all, none }));
