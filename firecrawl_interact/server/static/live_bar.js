// What stands around the picture: tabs, address, time left, state, and the dialog of a page.

import { Tabs } from "./live_tabs.js";

const ENDINGS = {
  asked: "It was closed.",
  exited: "It stopped unexpectedly.",
  idle: "Nobody used it for a while.",
  link: "This link opens nothing any more.",
  shutdown: "The server stopped.",
  ttl: "Its time was up.",
};
const RETRYING = "The connection broke. It is tried again.";
const TITLES = { connecting: "Connecting", ended: "The browser has ended", reconnecting: "Reconnecting" };
const ASKS = { alert: "The page says", beforeunload: "Leave this page?", confirm: "The page asks", prompt: "The page asks" };
const SOON = 60; // Seconds: then the time left is shown in red.
const element = (id) => document.getElementById(id);

export class Bar {
  #send;
  #tabs;
  #scene = null;
  #opening = false; // Whether the next page that is shown shall be given an address.
  #ends = { left: null, idle: null }; // On this page's own clock: the viewer's may be wrong.

  // Without a way to send, nothing can be changed.
  constructor(send) {
    this.#send = send;
    this.#tabs = new Tabs(element("tabs"), send && {
      turn: (tab) => { send({ type: "turn", tab }); },
      close: (tab) => { send({ type: "close", tab }); },
    });
    element("badge").textContent = send ? "In control" : "Watching";
    element("address").readOnly = !send;
    element("full").hidden = !document.fullscreenEnabled;
    element("full").onclick = () => {
      if (document.fullscreenElement) { document.exitFullscreen(); } else { document.documentElement.requestFullscreen(); }
    };
    element("go").onsubmit = (event) => { event.preventDefault(); };
    element("dialog").onsubmit = (event) => { event.preventDefault(); };
    setInterval(() => { this.#countDown(); }, 500);
    if (send) { this.#obey(); }
  }

  state(state, detail = null) {
    document.body.dataset.state = state;
    element("state").textContent = state;
    element("notice-title").textContent = TITLES[state] ?? "";
    element("notice-text").textContent = { ended: ENDINGS[detail], reconnecting: RETRYING }[state] ?? "";
    if (state === "ended") {
      element("address").readOnly = true;
      element("time").hidden = true;
      element("dialog").hidden = true;
      element("progress").hidden = true;
    }
  }

  scene(scene) {
    const before = this.#scene;
    this.#scene = scene;
    this.#tabs.show(scene.tabs, scene.active);
    document.body.dataset.pages = scene.tabs.length;
    const active = scene.tabs.find((tab) => tab.number === scene.active);
    document.title = active?.title || "Live view";
    if (document.activeElement !== element("address") || before?.active !== scene.active) {
      element("address").value = scene.url === "about:blank" ? "" : scene.url;
    }
    if (this.#opening && before?.active !== scene.active) {
      this.#opening = false;
      element("address").focus();
    }
    element("progress").hidden = !scene.loading;
    this.#dialog(scene.dialog, before?.dialog);
  }

  time({ left, idle }) {
    const now = performance.now() / 1000;
    this.#ends = { left: left === null ? null : now + left, idle: idle === null ? null : now + idle };
    this.#countDown();
  }

  rate(frames) {
    element("state").title = frames ? `${frames} frame${frames === 1 ? "" : "s"} in the last second` : "";
  }

  #obey() {
    const tell = (id, message) => { element(id).onclick = () => { this.#send(message); }; };
    tell("back", { type: "history", step: -1 });
    tell("forward", { type: "history", step: 1 });
    tell("reload", { type: "reload" });
    element("open").onclick = () => {
      this.#opening = true;
      this.#send({ type: "open" });
    };
    tell("dialog-no", { type: "dialog", accept: false });
    element("dialog").onsubmit = (event) => {
      event.preventDefault();
      this.#send({ type: "dialog", accept: true, text: element("dialog-answer").value });
    };
    element("address").onfocus = () => { element("address").select(); };
    element("go").onsubmit = (event) => {
      event.preventDefault();
      this.#send({ type: "go", url: element("address").value });
      element("keys").focus();
    };
  }

  #dialog(dialog, before) {
    element("dialog").hidden = !dialog;
    if (!dialog && before && this.#send) { element("keys").focus(); }
    if (!dialog || JSON.stringify(dialog) === JSON.stringify(before)) { return; }
    element("dialog-title").textContent = ASKS[dialog.kind] ?? "The page asks";
    element("dialog-text").textContent = dialog.message;
    element("dialog-answer").hidden = dialog.kind !== "prompt";
    element("dialog-answer").readOnly = !this.#send;
    element("dialog-answer").value = dialog.default;
    element("dialog-no").hidden = dialog.kind === "alert";
    if (this.#send) { element(dialog.kind === "prompt" ? "dialog-answer" : "dialog-yes").focus(); }
  }

  #countDown() {
    const now = performance.now() / 1000;
    const time = element("time");
    const { left, idle } = this.#ends;
    // That it will end for idleness is worth a word only when it is near: every use puts it off.
    const idles = idle !== null && idle - now < SOON;
    const end = idles ? idle : left;
    time.hidden = end === null || document.body.dataset.state === "ended";
    if (end === null) { return; }
    const seconds = Math.max(0, Math.round(end - now));
    time.textContent = `${clock(seconds)} ${idles ? "until idle" : "left"}`;
    time.classList.toggle("soon", seconds < SOON);
  }
}

function clock(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}
