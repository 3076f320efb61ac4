// The live view: puts the stream, the screen, the bar and, for those who control, the input together.

import { Bar } from "./live_bar.js";
import { Screen } from "./live_screen.js";
import { Stream } from "./live_stream.js";

const control = document.body.dataset.mode === "control"; // The server's word, as it let us in.
const screen = new Screen(document.getElementById("screen"), document.getElementById("stage"));
const stream = new Stream({
  frame: (blob) => { screen.show(blob); },
  message: (message) => { receive(message); },
  state: (state, detail) => { bar.state(state, detail); },
});
// A watching page has nothing to send with; the server would not listen either.
const send = control ? (message) => { stream.send(message); } : null;
const bar = new Bar(send);

function receive(message) {
  if (message.type === "scene") {
    bar.scene(message);
  } else if (message.type === "time") {
    bar.time(message);
  } else if (message.type === "clipboard") {
    navigator.clipboard?.writeText(message.text).catch(() => {}); // The viewer's browser may forbid it.
  }
}

if (control) {
  const { Keys } = await import("./live_keys.js");
  const { Mouse } = await import("./live_input.js");
  const keys = new Keys(document.getElementById("keys"), send);
  new Mouse(screen, send, keys);
}

setInterval(() => { bar.rate(screen.rate()); }, 1000);
stream.connect();
