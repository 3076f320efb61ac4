"use strict";
const EVERY = 2000;          // Milliseconds between two looks at the list.
const PICTURE_EVERY = 6000;  // Between two pictures of one session.
const PATIENCE = 10000;      // For one look.
const SURE = 3000;           // To click "End" a second time.
const SOON = 60;             // Seconds left at which the bar changes its colour.

const list = document.getElementById("sessions");
const template = document.getElementById("card");
const state = document.getElementById("state");
const cards = new Map();     // By session id.

function show(text, kind) {
  if (state.textContent !== text) { state.textContent = text; }
  state.className = `dot ${kind}`;
}

function put(id, text) { document.getElementById(id).textContent = text; }

function span(seconds) {
  if (seconds === null) { return "no limit"; }
  if (seconds < 60) { return `${seconds} s`; }
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${seconds % 60} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function make(session) {
  const card = template.content.firstElementChild.cloneNode(true);
  const path = `/dashboard/sessions/${encodeURIComponent(session.id)}`;
  const shot = card.querySelector(".shot");
  const image = shot.querySelector("img");
  card.querySelector(".id").textContent = session.id;
  card.querySelector(".id").title = session.id;
  card.querySelector(".id").id = session.id;
  // There are as many buttons of one name as cards: whoever hears them is told which is which.
  for (const each of card.querySelectorAll(".actions > *")) { each.setAttribute("aria-describedby", session.id); }
  card.querySelector(".watch").href = shot.href = `${path}/watch`;
  card.querySelector(".control").href = `${path}/control`;
  shot.setAttribute("aria-label", `Watch session ${session.id}`);
  card.querySelector(".watch").hidden = !session.watchable;
  card.querySelector(".control").hidden = !(session.watchable && session.controllable);
  if (!session.watchable) { shot.removeAttribute("href"); }
  image.onload = () => shot.classList.add("seen");
  image.onerror = () => shot.classList.remove("seen");
  const button = card.querySelector(".end");
  button.onclick = () => end(button, path);
  card.picture = () => {
    const due = Date.now() - (card.taken || 0) > PICTURE_EVERY;
    const { top, bottom } = card.getBoundingClientRect(); // A picture costs the browser something: none unseen.
    if (session.watchable && due && top < innerHeight && bottom > 0) {
      card.taken = Date.now();
      image.src = `${path}/frame?at=${card.taken}`;
    }
  };
  return card;
}

function fill(card, session) {
  const text = (name, value) => { card.querySelector(name).textContent = value; };
  const stopping = session.status !== "running";
  card.classList.toggle("ending", stopping);
  card.classList.toggle("soon", session.left !== null && session.left < SOON);
  text(".badge", session.status);
  text(".age", span(session.age));
  text(".idle", span(session.idle));
  text(".connections", session.connections);
  text(".left", span(session.left));
  const bar = card.querySelector(".life");
  bar.hidden = session.left === null;
  if (session.left !== null) { bar.value = session.left / Math.max(1, session.left + session.age); }
  const labels = [session.team, session.profile && `profile ${session.profile}`, ...session.tags].filter(Boolean);
  card.querySelector(".labels").replaceChildren(...labels.map((label) => {
    const item = document.createElement("span");
    item.textContent = label;
    return item;
  }));
  if (stopping) { card.querySelector(".end").disabled = true; }
}

async function end(button, path) {
  if (!button.classList.contains("sure")) {
    button.classList.add("sure");
    button.textContent = "End it now?";
    setTimeout(() => {
      button.classList.remove("sure");
      if (!button.disabled) { button.textContent = "End"; }
    }, SURE);
    return;
  }
  button.disabled = true;
  button.textContent = "Ending";
  const answer = await fetch(`${path}/end`, { method: "POST" }).catch(() => null);
  if (!answer || !(answer.ok || answer.status === 404)) {
    button.disabled = false;
    button.textContent = "End";
    show("the session could not be ended", "off");
    return;
  }
  await look();
}

async function look() {
  const answer = await fetch("/dashboard/sessions", { signal: AbortSignal.timeout(PATIENCE) }).catch(() => null);
  if (answer === null) { show("the server does not answer", "off"); return; }
  if (answer.status === 401) { location.reload(); return; }
  if (!answer.ok) { show(`the server answers ${answer.status}`, "off"); return; }
  const told = await answer.json();
  const ids = new Set(told.sessions.map((session) => session.id));
  for (const [id, card] of cards) {
    if (!ids.has(id)) { card.remove(); cards.delete(id); }
  }
  for (const session of told.sessions.slice().reverse()) {  // Newest first: each new one goes in front.
    let card = cards.get(session.id);
    if (card === undefined) {
      card = make(session);
      cards.set(session.id, card);
      list.prepend(card);
    }
    fill(card, session);
  }
  for (const card of cards.values()) { // Now that each is where it stays.
    if (!card.classList.contains("ending")) { card.picture(); }
  }
  put("running", told.sessions.length);
  document.title = `Browsers (${told.sessions.length})`;
  put("spares", told.spares);
  put("started", told.started);
  document.getElementById("empty").hidden = told.sessions.length > 0;
  document.getElementById("logout").hidden = !told.locked;
  show("up to date", "on");
}

async function run() {
  for (;;) {
    if (document.visibilityState === "visible") { await look(); }
    await new Promise((done) => setTimeout(done, EVERY));
  }
}
run();
