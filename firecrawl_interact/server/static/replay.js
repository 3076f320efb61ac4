// Plays a recording: pictures and scenes with their times, fetched from beside this page.

import { Screen } from "./live_screen.js";
import { Tabs } from "./live_tabs.js";

const SPEEDS = [0.5, 1, 2, 4, 8];
const PAUSE = 2000; // Milliseconds without a change that "skip pauses" shows of a longer one.
const AHEAD = 12; // Pictures fetched before they are needed.
const KEPT = 60; // Pictures kept, those ahead included.
const STEP = 5000; // Milliseconds an arrow key moves by.
const REFRESH = 2000; // Milliseconds between looks at a recording that still grows.

const byId = (id) => document.getElementById(id);
const here = location.pathname.replace(/\/$/, "");
const address = (name) => `${here}/${name}${location.search}`;

class Player {
  #index = { pictures: [], scenes: [], length: 0, ended: false };
  #screen = new Screen(byId("screen"), byId("stage"));
  #tabs = new Tabs(byId("tabs"));
  #pictures = new Map(); // Number to promise of a blob, in the order of use.
  #at = 0; // Milliseconds from the session's start.
  #shown = -1;
  #scene = null;
  #playing = false;
  #speed = 1;
  #last = 0;

  async start() {
    await this.#load();
    if (this.#index.pictures.length === 0) {
      this.#say(this.#index.ended ? "Nothing was recorded" : "Nothing is recorded yet", "");
    } else {
      document.body.dataset.state = "ready";
      this.seek(this.#index.pictures[0]);
      this.#last = performance.now();
      this.toggle(true);
    }
    if (!this.#index.ended) { setTimeout(() => { this.#grow(); }, REFRESH); }
  }

  toggle(playing = !this.#playing) {
    if (playing && this.#at >= this.#index.length) { this.#at = this.#begin(); }
    this.#playing = playing;
    byId("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    byId("play-icon").setAttribute("d", playing ? "M4.5 3h2v10h-2zM9.5 3h2v10h-2z" : "M5 3v10l8-5z");
    if (playing) {
      this.#last = performance.now();
      requestAnimationFrame((now) => { this.#tick(now); });
    }
  }

  seek(at) {
    this.#at = Math.max(this.#begin(), Math.min(at, this.#index.length));
    this.#draw();
  }

  move(by) { this.seek(this.#at + by); }

  faster(by) {
    const next = SPEEDS.indexOf(this.#speed) + by;
    this.#speed = SPEEDS[(next + SPEEDS.length) % SPEEDS.length];
    byId("speed").textContent = `${this.#speed}×`;
  }

  #begin() { return this.#index.pictures[0] ?? 0; }

  #tick(now) {
    if (!this.#playing) { return; }
    let at = this.#at + (now - this.#last) * this.#speed;
    this.#last = now;
    const next = this.#index.pictures[this.#number(this.#at) + 1] ?? this.#index.length;
    const since = at - (this.#index.pictures[this.#shown] ?? 0);
    if (byId("skip").checked && since > PAUSE && next - at > PAUSE / 2) { at = next - PAUSE / 2; }
    if (at >= this.#index.length) {
      this.seek(this.#index.length);
      if (this.#index.ended) { this.toggle(false); }
    } else {
      this.seek(at);
    }
    if (this.#playing) { requestAnimationFrame((later) => { this.#tick(later); }); }
  }

  // The picture that was there at a time: the last one not after it.
  #number(at) {
    const { pictures } = this.#index;
    let [low, high] = [0, pictures.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (pictures[middle] <= at) { low = middle + 1; } else { high = middle; }
    }
    return Math.max(0, low - 1);
  }

  #draw() {
    const number = this.#number(this.#at);
    byId("seek").value = this.#at;
    byId("seek").setAttribute("aria-valuetext", clock(this.#at));
    byId("clock").textContent = `${clock(this.#at)} / ${clock(this.#index.length)}`;
    this.#frame(this.#index.scenes.findLast((scene) => scene.at <= this.#at) ?? this.#index.scenes[0]);
    if (number === this.#shown) { return; }
    this.#shown = number;
    this.#fetch(number).then((blob) => {
      if (number === this.#shown && blob !== null) { this.#screen.show(blob); }
    });
    for (let ahead = 1; ahead <= AHEAD; ahead += 1) {
      if (number + ahead < this.#index.pictures.length) { this.#fetch(number + ahead); }
    }
  }

  #fetch(number) {
    let picture = this.#pictures.get(number);
    this.#pictures.delete(number);
    picture ??= fetch(address(`${number}.jpg`)).then((answer) => answer.ok ? answer.blob() : null).catch(() => null);
    this.#pictures.set(number, picture);
    if (this.#pictures.size > KEPT) { this.#pictures.delete(this.#pictures.keys().next().value); }
    return picture;
  }

  #frame(scene) {
    if (scene === undefined || scene === this.#scene) { return; }
    this.#scene = scene;
    byId("address").value = scene.url;
    this.#tabs.show(scene.tabs, scene.active);
  }

  async #load() {
    const answer = await fetch(address("index.json"), { cache: "no-store" }).catch(() => null);
    if (answer === null || !answer.ok) {
      this.#say("The recording cannot be loaded", answer === null ? "The server does not answer." : await answer.text());
      throw new Error("no recording");
    }
    this.#index = await answer.json();
    byId("seek").min = this.#begin();
    byId("seek").max = this.#index.length;
    byId("state").textContent = this.#index.ended ? (this.#index.cut ? "cut: too long" : "recorded") : "recording";
    this.#mark();
  }

  async #grow() {
    const empty = this.#index.pictures.length === 0;
    await this.#load();
    if (empty && this.#index.pictures.length > 0) { return this.start(); }
    this.#draw();
    if (!this.#index.ended) { setTimeout(() => { this.#grow(); }, REFRESH); }
  }

  // Draws a tick where something changed, a taller one where another page was turned to.
  #mark() {
    const canvas = byId("marks");
    const { pictures, scenes, length } = this.#index;
    const [width, height] = [canvas.clientWidth * devicePixelRatio, canvas.clientHeight * devicePixelRatio];
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d");
    const style = getComputedStyle(document.documentElement);
    const span = Math.max(1, length - this.#begin());
    const tick = (at, tall) => {
      const x = Math.round(((at - this.#begin()) / span) * (width - 1));
      context.fillRect(x, 0, devicePixelRatio, tall ? height : height / 2);
    };
    context.fillStyle = style.getPropertyValue("--soft");
    pictures.forEach((at) => { tick(at, false); });
    context.fillStyle = style.getPropertyValue("--warn");
    scenes.forEach((scene, n) => { if (n > 0 && scene.active !== scenes[n - 1].active) { tick(scene.at, true); } });
  }

  #say(title, text) {
    byId("notice-title").textContent = title;
    byId("notice-text").textContent = text;
    byId("state").textContent = "empty";
  }
}

function clock(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = String(seconds % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

const player = new Player();
const keys = {
  " ": () => { player.toggle(); },
  k: () => { player.toggle(); },
  ArrowLeft: () => { player.move(-STEP); },
  ArrowRight: () => { player.move(STEP); },
  "<": () => { player.faster(-1); },
  ">": () => { player.faster(1); },
  f: () => { byId("full").click(); },
};
byId("play").addEventListener("click", () => { player.toggle(); });
byId("speed").addEventListener("click", () => { player.faster(1); });
byId("seek").addEventListener("input", (event) => { player.seek(Number(event.target.value)); });
byId("full").addEventListener("click", () => {
  if (document.fullscreenElement) { document.exitFullscreen(); } else { document.documentElement.requestFullscreen(); }
});
document.addEventListener("keydown", (event) => {
  const act = event.ctrlKey || event.altKey || event.metaKey ? undefined : keys[event.key];
  if (act === undefined || (event.key === " " && event.target instanceof HTMLButtonElement)) { return; }
  event.preventDefault();
  act();
});
player.start().catch(() => { document.body.dataset.state = "ended"; });
