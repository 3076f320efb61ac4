// The connection to the server: opened again when it breaks, until the browser has ended.

const ENDED = 4410; // The close code that says that the browser has gone.
const FIRST_PAUSE = 500; // Milliseconds before the second try; doubles.
const LONGEST_PAUSE = 8000;
const SILENCE = 12000; // Milliseconds without a word: the server tells the time every 5 s, so the line is dead.
const PATIENCE = 5000; // For the page's own address.
const GONE = { 403: "link", 404: "link", 410: null }; // What the page's own address answers then.

export class Stream {
  #on;
  #socket = null;
  #failures = 0;
  #reason = null;
  #timer = 0;
  #silence = 0;

  constructor(on) {
    this.#on = on;
    addEventListener("online", () => { this.#again(0); });
  }

  connect() {
    const address = new URL(location.href);
    address.pathname = address.pathname.replace(/\/$/, "") + "/stream";
    address.protocol = address.protocol.replace("http", "ws");
    address.hash = "";
    const socket = this.#socket = new WebSocket(address);
    socket.binaryType = "blob";
    this.#heard(socket);
    socket.onmessage = (event) => {
      this.#heard(socket);
      if (typeof event.data === "string") {
        this.#told(JSON.parse(event.data));
      } else {
        this.#on.frame(event.data);
      }
    };
    socket.onclose = (event) => { this.#closed(event.code); };
  }

  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) {
      this.#socket.send(JSON.stringify(message));
    }
  }

  // A WebSocket does not notice that nobody is at its other end any more.
  #heard(socket) {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      socket.onmessage = socket.onclose = null;
      socket.close(); // Which may take as long as it likes.
      this.#closed();
    }, SILENCE);
  }

  #told(message) {
    if (this.#failures || message.type === "scene") { // The first words prove that we are let in.
      this.#failures = 0;
      this.#on.state("live");
    }
    if (message.type === "ended") {
      this.#reason = message.reason;
    } else {
      this.#on.message(message);
    }
  }

  async #closed(code) {
    clearTimeout(this.#silence);
    this.#socket = null;
    if (code === ENDED) {
      this.#on.state("ended", this.#reason);
      return;
    }
    this.#failures += 1;
    this.#on.state("reconnecting");
    // A refused WebSocket does not say why; the page's own address does.
    const signal = AbortSignal.timeout(PATIENCE);
    const asking = fetch(location.href, { method: "HEAD", cache: "no-store", signal });
    const status = await asking.then((answer) => answer.status, () => 0);
    if (status in GONE) {
      this.#failures = 0; // Nothing is tried any more.
      this.#on.state("ended", GONE[status]);
    } else {
      this.#again(Math.min(FIRST_PAUSE * 2 ** (this.#failures - 1), LONGEST_PAUSE));
    }
  }

  #again(pause) {
    if (this.#failures) {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => {
        if (this.#socket === null) { this.connect(); }
      }, pause);
    }
  }
}
