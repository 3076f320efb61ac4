// The picture: decodes the newest frame, draws it with the display's own rhythm, fits it into the window.

export class Screen {
  #context;
  #stage;
  #next = null;
  #drawing = false;
  #frames = 0;

  constructor(canvas, stage) {
    this.canvas = canvas;
    this.#context = canvas.getContext("2d", { alpha: false });
    this.#stage = stage;
    new ResizeObserver(() => { this.#fit(); }).observe(stage);
  }

  // A frame that comes while another is drawn replaces the one that waits: old pictures are of no use.
  show(blob) {
    this.#next = blob;
    if (!this.#drawing) { this.#draw(); }
  }

  // Tells how many frames were drawn since the last time.
  rate() {
    const frames = this.#frames;
    this.#frames = 0;
    return frames;
  }

  // Where a pointer is, as parts of the picture.
  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  }

  // How many of its pixels one of the window's is.
  scale() {
    return this.canvas.width / this.canvas.getBoundingClientRect().width;
  }

  async #draw() {
    this.#drawing = true;
    while (this.#next !== null) {
      const blob = this.#next;
      this.#next = null;
      const image = await createImageBitmap(blob).catch(() => null);
      if (image === null) { continue; }
      await new Promise(requestAnimationFrame);
      if (this.canvas.width !== image.width || this.canvas.height !== image.height) {
        this.canvas.width = image.width;
        this.canvas.height = image.height;
        this.#fit();
      }
      this.#context.drawImage(image, 0, 0);
      this.canvas.classList.add("drawn");
      image.close();
      this.#frames += 1;
    }
    this.#drawing = false;
  }

  // Whole device pixels, so that a picture of the window's own size stays sharp.
  #fit() {
    const { clientWidth: width, clientHeight: height } = this.#stage;
    const scale = Math.min(width / this.canvas.width, height / this.canvas.height);
    const snap = (length) => Math.round(length * devicePixelRatio) / devicePixelRatio;
    const [wide, high] = [snap(this.canvas.width * scale), snap(this.canvas.height * scale)];
    Object.assign(this.canvas.style, {
      width: `${wide}px`, height: `${high}px`, left: `${snap((width - wide) / 2)}px`,
      top: `${innerWidth > innerHeight ? snap((height - high) / 2) : 0}px`, // On a phone the thumb is below.
    });
  }
}
