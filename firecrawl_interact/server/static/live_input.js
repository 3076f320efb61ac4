// Mouse, wheel and touch on the picture.

import { modifiers } from "./live_keys.js";

const CLICK_GAP = 500; // Milliseconds between two clicks that make a double click.
const CLICK_REACH = 5; // Pixels between them.
const TAP_REACH = 10; // Pixels a finger may slip in a tap; more is scrolling.
const LINE = 40; // Pixels that a wheel's line is.
const MOST_CLICKS = 3;

export class Mouse {
  #screen;
  #send;
  #keys;
  #last = { time: -Infinity, x: 0, y: 0, button: 0, count: 0 };
  #waiting = null; // A move or a turn of the wheel that goes out with the next display frame.
  #touch = null;
  #held = null;

  constructor(screen, send, keys) {
    [this.#screen, this.#send, this.#keys] = [screen, send, keys];
    const on = (name, handle, options) => { screen.canvas.addEventListener(name, handle, options); };
    on("pointerdown", (event) => { this.#down(event); });
    on("pointermove", (event) => { this.#move(event); });
    on("pointerup", (event) => { this.#up(event); });
    on("pointercancel", () => { this.#touch = null; this.release(); });
    on("wheel", (event) => { this.#wheel(event); }, { passive: false });
    on("contextmenu", (event) => { event.preventDefault(); });
    on("mousedown", (event) => { event.preventDefault(); }); // Else the picture takes the focus from the keys.
    addEventListener("blur", () => { this.release(); });
  }

  // Lets go of a button that is down: its release may never be seen here.
  release() {
    if (this.#held) {
      this.#now({ ...this.#held, event: "up", buttons: 0 });
      this.#held = null;
    }
  }

  #down(event) {
    event.preventDefault();
    this.#screen.canvas.setPointerCapture(event.pointerId);
    if (event.pointerType === "touch") {
      this.#touch ??= { id: event.pointerId, x: event.clientX, y: event.clientY, scrolls: false };
      return;
    }
    this.#keys.focus();
    this.#count(event);
    this.#held = this.#mouse(event, "down", this.#last.count);
    this.#now(this.#held);
  }

  #move(event) {
    if (event.pointerType !== "touch") {
      this.#later(this.#mouse(event, "move", this.#held ? this.#last.count : 0));
      if (this.#held) { Object.assign(this.#held, this.#screen.place(event)); }
    } else if (this.#touch?.id === event.pointerId) {
      const [dx, dy] = [this.#touch.x - event.clientX, this.#touch.y - event.clientY];
      this.#touch.scrolls ||= Math.hypot(dx, dy) > TAP_REACH;
      if (this.#touch.scrolls) {
        Object.assign(this.#touch, { x: event.clientX, y: event.clientY });
        this.#scroll(event, dx * this.#screen.scale(), dy * this.#screen.scale());
      }
    }
  }

  #up(event) {
    event.preventDefault();
    if (event.pointerType !== "touch") {
      this.#held = null;
      this.#now(this.#mouse(event, "up", this.#last.count));
    } else if (this.#touch?.id === event.pointerId) {
      if (!this.#touch.scrolls) { this.#tap(event); }
      this.#touch = null;
    }
  }

  #tap(event) {
    this.#count(event);
    this.#now({ ...this.#mouse(event, "move", 0), button: -1, buttons: 0 });
    this.#now({ ...this.#mouse(event, "down", this.#last.count), button: 0, buttons: 1 });
    this.#now({ ...this.#mouse(event, "up", this.#last.count), button: 0, buttons: 0 });
  }

  #wheel(event) {
    event.preventDefault();
    const unit = [1, LINE, this.#screen.canvas.height][event.deltaMode];
    this.#scroll(event, event.deltaX * unit, event.deltaY * unit);
  }

  #scroll(event, dx, dy) {
    const before = this.#waiting?.type === "wheel" ? this.#waiting : { dx: 0, dy: 0 };
    const place = { ...this.#screen.place(event), modifiers: modifiers(event) };
    this.#later({ type: "wheel", ...place, dx: before.dx + dx, dy: before.dy + dy });
  }

  #mouse(event, kind, clicks) {
    const place = { ...this.#screen.place(event), modifiers: modifiers(event) };
    return { type: "mouse", event: kind, ...place, button: event.button, buttons: event.buttons & 31, clicks };
  }

  #count(event) {
    const near = Math.hypot(event.clientX - this.#last.x, event.clientY - this.#last.y) < CLICK_REACH;
    const soon = event.timeStamp - this.#last.time < CLICK_GAP;
    const same = event.button === this.#last.button;
    const count = near && soon && same ? this.#last.count % MOST_CLICKS + 1 : 1;
    this.#last = { time: event.timeStamp, x: event.clientX, y: event.clientY, button: event.button, count };
  }

  // The page shows no more than one a frame, so no more are sent.
  #later(message) {
    if (this.#waiting === null) {
      requestAnimationFrame(() => { this.#flush(); });
    } else if (this.#waiting.type !== message.type) {
      this.#send(this.#waiting);
    }
    this.#waiting = message;
  }

  #flush() {
    if (this.#waiting !== null) { this.#send(this.#waiting); }
    this.#waiting = null;
  }

  #now(message) {
    this.#flush();
    this.#send(message);
  }
}
