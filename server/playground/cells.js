// Cells on a canvas: a small image as squares that can be pointed at, painted, and marked.
//
// One cell is chosen at a time, by pointer or by arrow keys; what that means is the caller's affair.

const LARGEST = 30, SMALLEST = 4;
const GRID_FROM = 9, TEXT_FROM = 22; // pixels of a cell

// The colours of a map, as the service draws them: a picture of 256 values, read back.
export async function coloursOf(cmap) {
  const input = [Array.from({length: 256}, (_, i) => i)];
  const response = await fetch('upsample', {method: 'POST',
    headers: {'Content-Type': 'application/json'},
    body: JSON.stringify({input, layers: [], output: {format: 'png', bare: true, cmap, vmin: 0,
      vmax: 255}})});
  const image = await createImageBitmap(await response.blob());
  const canvas = document.createElement('canvas');
  canvas.width = 256;
  canvas.height = 1;
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.drawImage(image, 0, 0);
  const {data} = context.getImageData(0, 0, 256, 1);
  return Array.from({length: 256}, (_, i) => [data[4 * i], data[4 * i + 1], data[4 * i + 2]]);
}

export const textOf = value => value === null ? 'NaN' : String(Number(value.toPrecision(6)));

export class Cells {
  #canvas;
  #rows = [[0]];
  #colours = [];
  #low = 0;
  #high = 1;
  #marks = [];
  #size = SMALLEST;
  #choose;
  #paint;
  chosen = null;

  constructor(canvas, {choose, paint}) {
    this.#canvas = canvas;
    this.#choose = choose;
    this.#paint = paint;
    canvas.addEventListener('pointermove', event => this.#point(event, event.buttons === 1));
    canvas.addEventListener('pointerdown', event => {
      if (paint)
        canvas.setPointerCapture(event.pointerId);
      this.#point(event, true);
    });
    canvas.addEventListener('keydown', event => this.#key(event));
    new ResizeObserver(() => this.#draw()).observe(canvas.parentElement);
  }

  show(rows, colours, low, high) {
    this.#rows = rows;
    this.#colours = colours;
    this.#low = low;
    this.#high = high;
    this.#marks = [];
    if (this.chosen && (this.chosen.y >= rows.length || this.chosen.x >= rows[0].length))
      this.chosen = null;
    this.#draw();
  }

  // Cells {y, x} that get a frame.
  mark(cells) {
    this.#marks = cells;
    this.#draw();
  }

  choose(y, x) {
    this.chosen = {y, x};
    this.#draw();
    this.#choose?.(y, x);
  }

  #point(event, pressed) {
    const box = this.#canvas.getBoundingClientRect();
    const x = Math.floor((event.clientX - box.left) / this.#size);
    const y = Math.floor((event.clientY - box.top) / this.#size);
    if (y < 0 || x < 0 || y >= this.#rows.length || x >= this.#rows[0].length)
      return;
    if (this.#paint && pressed)
      this.#paint(y, x);
    if (this.chosen?.y !== y || this.chosen?.x !== x)
      this.choose(y, x);
  }

  #key(event) {
    const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key];
    const {y, x} = this.chosen ?? {y: 0, x: 0};
    if (step) {
      event.preventDefault();
      this.choose(Math.min(Math.max(y + step[0], 0), this.#rows.length - 1),
        Math.min(Math.max(x + step[1], 0), this.#rows[0].length - 1));
    } else if (this.#paint && (event.key === ' ' || event.key === 'Enter')) {
      event.preventDefault();
      this.#paint(y, x);
    }
  }

  #colour(value) {
    if (value === null)
      return [235, 150, 235];
    const part = this.#high > this.#low ? (value - this.#low) / (this.#high - this.#low) : 0;
    return this.#colours[Math.min(Math.max(Math.floor(part * 256), 0), 255)];
  }

  #draw() {
    const height = this.#rows.length, width = this.#rows[0].length;
    const room = this.#canvas.parentElement.clientWidth;
    if (room === 0 || this.#colours.length === 0)
      return;
    this.#size = Math.min(Math.max(Math.floor(room / width), SMALLEST), LARGEST);
    const size = this.#size, dense = window.devicePixelRatio || 1;
    this.#canvas.width = width * size * dense;
    this.#canvas.height = height * size * dense;
    this.#canvas.style.width = `${width * size}px`;
    this.#canvas.style.height = `${height * size}px`;
    const context = this.#canvas.getContext('2d');
    context.scale(dense, dense);
    const gap = size >= GRID_FROM ? 1 : 0;
    context.font = `${Math.floor(size * 0.38)}px system-ui, sans-serif`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const value = this.#rows[y][x], [r, g, b] = this.#colour(value);
        context.fillStyle = `rgb(${r} ${g} ${b})`;
        context.fillRect(x * size, y * size, size - gap, size - gap);
        const text = textOf(value);
        if (size >= TEXT_FROM && text.length <= 4) {
          context.fillStyle = 0.3 * r + 0.59 * g + 0.11 * b > 140 ? '#000' : '#fff';
          context.fillText(text, (x + 0.5) * size, (y + 0.5) * size);
        }
      }
    for (const {y, x} of this.#marks)
      this.#frame(context, y, x, '#ff7a00', 2);
    if (this.chosen)
      this.#frame(context, this.chosen.y, this.chosen.x, '#e0218a', 3);
  }

  #frame(context, y, x, colour, width) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.strokeRect(x * this.#size + width / 2 - 0.5, y * this.#size + width / 2 - 0.5,
      this.#size - width, this.#size - width);
  }
}
