// Drawing: strokes and pictures on the paper, with undo. It draws with black ink on white paper.

const PEN = 1 / 18, READ = 320; // of the paper's height; pixels of the longer side of what is read

export class Drawing {
  // `changed` is called after each change: with true while a stroke goes on.
  constructor(paper, changed) {
    this.paper = paper;
    this.brush = paper.getContext("2d");
    this.changed = changed;
    this.steps = []; // strokes, which are lists of points, pictures, which have a file and a bitmap, and null for clear
    this.read = Object.assign(document.createElement("canvas"), { width: READ, height: READ * paper.height / paper.width });
    this.pointer = null;
    this.version = 0; // of what is on the paper
    paper.addEventListener("pointerdown", event => this.#begin(event));
    paper.addEventListener("pointermove", event => this.#go(event));
    for (const end of ["pointerup", "pointercancel"]) paper.addEventListener(end, event => this.#end(event));
    this.#draw();
  }

  // What has been drawn since the paper was last clear or a picture was shown.
  get #shown() {
    const last = this.steps.findLastIndex(step => !Array.isArray(step)), step = this.steps[last];
    const strokes = this.steps.slice(last + 1);
    return { strokes, picture: strokes.length ? null : step };
  }

  get isEmpty() {
    return !this.#shown.strokes.length && !this.#shown.picture;
  }

  // What is to be read: a picture's file and bitmap, or the paper.
  get subject() {
    if (this.#shown.picture) return this.#shown.picture;
    const brush = this.read.getContext("2d", { willReadFrequently: true });
    brush.drawImage(this.paper, 0, 0, this.read.width, this.read.height);
    return { canvas: this.read };
  }

  show(file, bitmap) {
    this.#add({ file, bitmap });
  }

  clear() {
    if (!this.isEmpty) this.#add(null);
  }

  undo() {
    this.steps.pop();
    this.#redraw();
  }

  #add(step) {
    this.steps.push(step);
    this.#redraw();
  }

  #redraw() {
    this.#draw();
    this.changed(false);
  }

  #draw() {
    this.version++;
    const { width, height } = this.paper, { strokes, picture } = this.#shown;
    this.paper.classList.toggle("drawn", !picture);
    this.brush.fillStyle = "#fff";
    this.brush.fillRect(0, 0, width, height);
    if (picture) this.brush.drawImage(picture.bitmap, ...placeOf(picture.bitmap, this.paper));
    for (const stroke of strokes) this.#line(stroke, 0);
  }

  // The stroke from one of its points on.
  #line(stroke, from) {
    const { brush } = this;
    Object.assign(brush, { lineWidth: PEN * this.paper.height, lineCap: "round", lineJoin: "round", strokeStyle: "#000" });
    brush.beginPath();
    brush.moveTo(...stroke[from]);
    for (const point of stroke.slice(from)) brush.lineTo(...point);
    brush.stroke();
  }

  #pointOf(event) {
    const { left, top, width, height } = this.paper.getBoundingClientRect();
    return [(event.clientX - left) * this.paper.width / width, (event.clientY - top) * this.paper.height / height];
  }

  #begin(event) {
    if (this.pointer !== null || event.button !== 0) return;
    this.paper.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.steps.push([this.#pointOf(event)]);
    this.#draw(); // without a picture that was shown
    this.changed(true);
  }

  #go(event) {
    if (event.pointerId !== this.pointer) return;
    const stroke = this.steps.at(-1), from = stroke.length - 1;
    for (const moved of event.getCoalescedEvents?.() ?? [event]) stroke.push(this.#pointOf(moved));
    if (stroke.length === from + 1) stroke.push(this.#pointOf(event));
    this.#line(stroke, from);
    this.version++;
    this.changed(true);
  }

  #end(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.changed(false);
  }
}

// Where on the paper a picture lies, as large as it fits: left, top, width, height.
export function placeOf(picture, paper) {
  const scale = Math.min(paper.width / picture.width, paper.height / picture.height);
  const [width, height] = [picture.width * scale, picture.height * scale];
  return [(paper.width - width) / 2, (paper.height - height) / 2, width, height];
}
