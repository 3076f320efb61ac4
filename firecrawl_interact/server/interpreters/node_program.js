// Run JavaScript programs against one browser, one after the other; started by file path.
"use strict";

const fs = require("node:fs");
const inspector = require("node:inspector");
const { createRequire } = require("node:module");
const net = require("node:net");
const path = require("node:path");
const readline = require("node:readline");
const util = require("node:util");

const [COMMANDS, ANSWERS] = [3, 4]; // Descriptors: a line of JSON for each run, a line for what it came to.
const [playwrightPath, longestResult] = [process.argv[2], Number(process.argv[3])];
const TAKE = Symbol.for("interact.take");
const FRAME = /^\s+at /;
const ILLEGAL_RETURN = "SyntaxError: Illegal return statement";
const OUR_FRAMES = [__filename, playwrightPath, "node:internal"];

const { chromium } = require(playwrightPath);
const engine = new inspector.Session();
let connection = null;

async function main() {
  engine.connect();
  globalThis.require = createRequire(path.join(process.cwd(), "/"));
  for (const event of ["unhandledRejection", "uncaughtException"])
    process.on(event, (error) => console.error(describe(error)));
  await attach();
  say({ ready: true });
  // Not `fs.createReadStream`: a thread that reads would hold up `process.exit`.
  const commands = readline.createInterface({ input: new net.Socket({ fd: COMMANDS, writable: false }) });
  for await (const line of commands) {
    const { path: file, name } = JSON.parse(line);
    say(await run(fs.readFileSync(file, "utf8"), name));
  }
  process.exit(0);
}

// Connect where that is needed, and see to it that `page` is open.
async function attach() {
  if (connection === null || !connection.isConnected()) {
    connection = await chromium.connectOverCDP(process.env.CDP_URL);
    globalThis.browser = connection;
    globalThis.context = connection.contexts()[0] ?? (await connection.newContext());
    globalThis.page = undefined;
  } else {
    const page = await valueOf((await evaluate("page")).result);
    if (typeof page?.isClosed !== "function" || !page.isClosed()) return;
  }
  const [context] = [...connection.contexts(), globalThis.context];
  globalThis.page = context.pages()[0] ?? (await context.newPage());
  await evaluate("page = globalThis.page"); // A program may have declared one of its own.
}

async function run(code, name) {
  let [status, text] = [0, ""];
  try {
    await attach();
    text = textOf(await valueIn(code, name));
  } catch (error) {
    status = 1;
    console.error(describe(error));
  }
  for (const stream of [process.stdout, process.stderr])
    await new Promise((done) => stream.write("", done));
  return { exit_code: status, result: text.slice(0, longestResult), truncated: text.length > longestResult };
}

// The value of the last expression, or what is returned; of a promise, what it comes to.
async function valueIn(code, name) {
  let reply = await evaluate(`${code}\n//# sourceURL=${name}`);
  if (reply.exceptionDetails?.exception?.description?.startsWith(ILLEGAL_RETURN))
    reply = await evaluate(`(async () => { ${code}\n})()\n//# sourceURL=${name}`);
  if (!reply.exceptionDetails) return await valueOf(reply.result);
  const { exception, lineNumber } = reply.exceptionDetails;
  const error = exception === undefined ? new Error(reply.exceptionDetails.text) : await valueOf(exception);
  if (error instanceof SyntaxError && !String(error.stack).includes(name))
    error.stack = `${error}\n    at ${name}:${Math.min(lineNumber + 1, code.split("\n").length)}`;
  throw error;
}

// The engine's own way to run what is typed into a console: top-level await, names that can be
// declared again, and the value of the last expression.
function evaluate(expression) {
  return post("Runtime.evaluate", { expression, replMode: true, awaitPromise: true });
}

// What stands behind the engine's description of a value.
async function valueOf(remote) {
  if (remote.objectId === undefined) return remote.unserializableValue ?? remote.value;
  let value;
  process[TAKE] = (taken) => {
    value = taken;
  };
  await post("Runtime.callFunctionOn", {
    functionDeclaration: 'function () { process[Symbol.for("interact.take")](this); }',
    objectId: remote.objectId,
  });
  await post("Runtime.releaseObject", { objectId: remote.objectId });
  return value;
}

function post(method, params) {
  return new Promise((resolve, reject) =>
    engine.post(method, params, (error, reply) => (error ? reject(error) : resolve(reply))),
  );
}

function textOf(value) {
  if (value === undefined) return "";
  return typeof value === "string" ? value : util.inspect(value, { depth: 4, breakLength: Infinity });
}

// The error, with those lines of its stack that lead through programs.
function describe(error) {
  if (!(error instanceof Error)) return `Uncaught ${util.inspect(error)}`;
  const lines = String(error.stack ?? error).split("\n");
  const start = lines.findIndex((line) => FRAME.test(line) && line.includes("node:inspector"));
  const ours = (line) => FRAME.test(line) && OUR_FRAMES.some((frame) => line.includes(frame));
  return lines
    .slice(0, start === -1 ? undefined : start)
    .filter((line) => !ours(line))
    .join("\n");
}

function say(message) {
  const line = Buffer.from(`${JSON.stringify(message)}\n`);
  for (let sent = 0; sent < line.length; ) sent += fs.writeSync(ANSWERS, line, sent);
}

main().catch((error) => {
  say({ failed: describe(error) });
  process.exit(1);
});
