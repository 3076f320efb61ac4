// Tell why a package cannot be imported here, if it cannot: missing, or too new for this Node.js.
import { readFileSync } from "node:fs";

const { module } = JSON.parse(readFileSync(0, "utf8"));
const trouble = await import(module).then(
  () => null,
  (error) => error.code ?? error.name,
);

console.log(JSON.stringify(trouble));
