// Keyboard, input methods and clipboard: all arrive in a text field that nobody sees.

const MAC = /^(Mac|iP)/.test(navigator.platform);
const CONTROL = { key: "Control", keyCode: 17 };
const EMPTY = "\u00a0"; // Phones report Backspace only where there is something to remove.
const COMPOSING = new Set(["Dead", "Process", "Unidentified"]); // Keys whose text comes by the input method.
const BACKSPACE = { key: "Backspace", code: "Backspace", keyCode: 8 };
const ENTER = { key: "Enter", code: "Enter", keyCode: 13 };
const LEAVE = "F6"; // All other keys are for the browser, Tab too: one must lead out, and in again.
const DELETE = { key: "Delete", code: "Delete", keyCode: 46 };
const EDITS = {
  deleteContentBackward: BACKSPACE, deleteContentForward: DELETE, deleteWordBackward: BACKSPACE,
  insertLineBreak: ENTER, insertParagraph: ENTER,
};

export function modifiers(event) {
  const graph = event.getModifierState?.("AltGraph"); // Windows reports it as Ctrl and Alt, too.
  const command = MAC && event.metaKey; // The browser runs on Linux, where shortcuts are with Ctrl.
  return (event.altKey && !graph ? 1 : 0) | (event.ctrlKey && !graph || command ? 2 : 0)
    | (event.metaKey && !MAC ? 4 : 0) | (event.shiftKey ? 8 : 0);
}

export class Keys {
  #field;
  #send;
  #held = new Map(); // By code: what must be let go of.

  constructor(field, send) {
    [this.#field, this.#send] = [field, send];
    const on = (name, handle) => { field.addEventListener(name, handle); };
    on("keydown", (event) => { this.#down(event); });
    on("keyup", (event) => { this.#up(event); });
    on("blur", () => { this.release(); });
    on("beforeinput", (event) => { this.#edit(event); });
    on("compositionupdate", (event) => { send({ type: "compose", text: event.data }); });
    on("compositionend", (event) => { this.#composed(event.data); });
    on("paste", (event) => { this.#paste(event); });
    on("input", (event) => { if (!event.isComposing) { this.#clear(); } });
    addEventListener("blur", () => { this.release(); });
    addEventListener("keydown", (event) => { if (event.key === LEAVE && event.target !== field) { this.#enter(event); } });
    document.getElementById("keyboard").onclick = () => { this.focus(); };
    this.#clear();
    if (window.parent === window) { this.focus(); } // Within another page the focus is not ours to take.
  }

  focus() {
    this.#field.focus({ preventScroll: true });
  }

  // Lets go of every key that is down: a release elsewhere is not seen here.
  release() {
    for (const message of this.#held.values()) { this.#send({ ...message, event: "up", modifiers: 0 }); }
    this.#held.clear();
  }

  #enter(event) {
    event.preventDefault();
    this.focus();
  }

  #down(event) {
    if (event.isComposing || event.keyCode === 229 || COMPOSING.has(event.key)) { return; }
    if (event.key === LEAVE) {
      event.preventDefault();
      document.getElementById("address").focus();
      return;
    }
    const held = modifiers(event);
    const shortcut = (held & 6) && !(held & 1) ? event.key.toLowerCase() : "";
    if (shortcut === "v" || (event.key === "Insert" && event.shiftKey)) { return; } // It comes as a paste.
    event.preventDefault();
    if (shortcut === "c" || shortcut === "x") { this.#send({ type: "copy" }); }
    const message = this.#key(event);
    this.#held.set(event.code, message);
    this.#send({ ...message, event: "down", repeat: event.repeat });
  }

  #up(event) {
    const message = this.#held.get(event.code);
    if (message === undefined) { return; }
    event.preventDefault();
    this.#held.delete(event.code);
    this.#send({ ...message, event: "up", modifiers: modifiers(event) });
    if (event.key === "Meta") { this.release(); } // macOS does not tell of keys that go up meanwhile.
  }

  #key(event) {
    const message = {
      type: "key", key: event.key, code: event.code, keyCode: event.keyCode & 255,
      location: event.location, modifiers: modifiers(event),
    };
    if (MAC && event.key === "Meta") { Object.assign(message, CONTROL, { code: event.code.replace("Meta", "Control") }); }
    return message;
  }

  // What phones' keyboards and input methods do comes without keys.
  #edit(event) {
    if (event.isComposing || event.inputType.includes("Composition")) { return; }
    event.preventDefault();
    const key = EDITS[event.inputType];
    if (key) {
      const message = { type: "key", ...key, modifiers: 0 };
      this.#send({ ...message, event: "down" });
      this.#send({ ...message, event: "up" });
    } else if (event.data && event.inputType !== "insertFromPaste") {
      this.#send({ type: "text", text: event.data });
    }
  }

  #composed(text) {
    this.#send(text ? { type: "text", text } : { type: "compose", text: "" });
    setTimeout(() => { this.#clear(); }); // The field has its own event to come.
  }

  #paste(event) {
    event.preventDefault();
    const text = event.clipboardData.getData("text/plain");
    if (text) { this.#send({ type: "text", text }); }
  }

  #clear() {
    this.#field.value = EMPTY;
  }
}
