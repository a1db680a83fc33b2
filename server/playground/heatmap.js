// A heatmap on a canvas: cells with a grid, ticks, a colour bar, and one cell that is chosen by
// pointer or by arrow keys. A cell is a number, or red, green and blue from 0 to 1. It is as crisp as the screen, and takes the page's colours.

const LARGEST = 34, HEIGHT_MAX = 480;
const LINE = 64; // the height of a sequence's cells
const MARK = '#ff7a00', CHOSEN = '#e0218a';
const GRID_FROM = 7, TEXT_FROM = 22; // pixels of a cell
const TAG = 11; // the height of a mark's label, in cells that are wide enough
const LEFT = 26, ABOVE = 6, BELOW = 20, BAR = 12, LABELS = 46, LABEL_ROOM = LABELS - 12, TICK_ROOM = 24;

export const textOf = value => value === null ? 'NaN' : String(Number(value.toPrecision(6)));
// Short enough to stand beside the colour bar, or in a mark.
const LABEL_LETTERS = 5;
export const labelOf = value => [3, 2].map(digits => String(Number(value.toPrecision(digits))))
  .find(text => text.length <= LABEL_LETTERS) ?? value.toExponential(1);

// 1, 2, 5, 10, ...: the smallest that leaves room between two labels.
function tickStep(size) {
  for (let power = 1; ; power *= 10)
    for (const step of [power, 2 * power, 5 * power])
      if (step * size >= TICK_ROOM)
        return step;
}

// Colours [r, g, b], so many a line, as pixels.
function pixelsOf(colours, across) {
  const pixels = new ImageData(across, colours.length / across);
  colours.forEach((colour, i) => pixels.data.set([...colour, 255], 4 * i));
  const made = new OffscreenCanvas(pixels.width, pixels.height);
  made.getContext('2d').putImageData(pixels, 0, 0);
  return made;
}

function halved(pixels) {
  const made = new OffscreenCanvas(Math.ceil(pixels.width / 2), Math.ceil(pixels.height / 2));
  made.getContext('2d').drawImage(pixels, 0, 0, made.width, made.height);
  return made;
}

// Pixels that are too many are averaged, first in pairs: to leave some out, or to weigh neighbours
// unevenly, would draw a pattern that is not there.
function pixelsDraw(context, pixels, left, width, height) {
  const many = pixels.height > height || pixels.width > width;
  if (many)
    do
      pixels = halved(pixels);
    while (pixels.height >= 2 * height && pixels.width >= 2 * width);
  context.imageSmoothingEnabled = many;
  context.drawImage(pixels, left, 0, width, height);
}

export class Heatmap {
  #canvas;
  #rows = null;
  #colours = [];
  #range = [0, 1];
  #pixels = null; // of the cells, when they have been drawn
  #marks = [];
  #size = 1; // the width of a cell, and its height but for sequences
  #tall = 1;
  #drawnFor = 0; // the room then
  #choose;
  #paint;
  chosen = null;

  // choose(y, x): somebody points at a cell; leave(): no longer; paint(y, x): draws on it
  constructor(canvas, {choose, leave, paint}) {
    this.#canvas = canvas;
    this.#choose = choose;
    this.#paint = paint;
    canvas.addEventListener('pointermove', event => this.#point(event, event.buttons === 1));
    canvas.addEventListener('pointerdown', event => this.#point(event, true));
    canvas.addEventListener('keydown', event => this.#key(event));
    canvas.addEventListener('pointerleave', event => event.pointerType === 'mouse' && leave?.());
    canvas.addEventListener('blur', () => leave?.());
    new ResizeObserver(() => this.#room() !== this.#drawnFor && this.#draw()).observe(canvas.parentElement);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#draw());
  }

  show(rows, colours, range) {
    if (rows === this.#rows && colours === this.#colours && range.join() === this.#range.join())
      return;
    this.#rows = rows;
    this.#colours = colours;
    this.#range = range;
    this.#pixels = null;
    this.#marks = [];
    if (this.chosen && (this.chosen.y >= rows.length || this.chosen.x >= rows[0].length))
      this.chosen = null;
    this.#draw();
  }

  // Cells {y, x, label} that get a frame, and a label where there is room.
  mark(cells) {
    if (cells.length + this.#marks.length === 0)
      return;
    this.#marks = cells;
    this.#draw();
  }

  // The middle of a cell, in pixels of the window.
  middle({y, x}) {
    const {left, top} = this.#canvas.getBoundingClientRect();
    return [left + LEFT + (x + 0.5) * this.#size, top + ABOVE + (y + 0.5) * this.#tall];
  }

  choose(y, x) {
    this.chosen = {y, x};
    this.#draw();
    this.#choose?.(y, x);
  }

  #point(event, pressed) {
    const box = this.#canvas.getBoundingClientRect();
    const x = Math.floor((event.clientX - box.left - LEFT) / this.#size);
    const y = Math.floor((event.clientY - box.top - ABOVE) / this.#tall);
    if (!this.#rows || y < 0 || x < 0 || y >= this.#rows.length || x >= this.#rows[0].length)
      return;
    if (this.#paint && pressed)
      this.#paint(y, x);
    if (this.chosen?.y !== y || this.chosen?.x !== x)
      this.choose(y, x);
  }

  #key(event) {
    const step = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key];
    const {y, x} = this.chosen ?? {y: 0, x: 0};
    if (step && this.#rows) {
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
    if (Array.isArray(value))
      return value.map(part => 255 * part / Math.max(this.#range[1], 1));
    const [low, high] = this.#range;
    const part = high > low ? (value - low) / (high - low) : 0.5;
    return this.#colours[Math.min(Math.max(Math.floor(part * 256), 0), 255)];
  }

  #room() {
    return this.#canvas.parentElement.clientWidth - 8 - LEFT - BAR - LABELS; // 8: its padding
  }

  #draw() {
    const room = this.#drawnFor = this.#room();
    if (!this.#rows || room <= 0 || this.#colours.length === 0)
      return;
    const height = this.#rows.length, width = this.#rows[0].length;
    const fit = Math.min(room / width, HEIGHT_MAX / height, LARGEST);
    const dense = window.devicePixelRatio || 1;
    const size = this.#size = fit * dense >= 1 ? Math.floor(fit * dense) / dense : fit;
    const tall = this.#tall = height === 1 ? LINE : size;
    const across = LEFT + width * size + BAR + LABELS, down = ABOVE + Math.max(height * tall, 40) + BELOW;
    this.#canvas.width = across * dense;
    this.#canvas.height = down * dense;
    this.#canvas.style.width = `${across}px`;
    this.#canvas.style.height = `${down}px`;
    const context = this.#canvas.getContext('2d');
    context.scale(dense, dense);
    context.translate(LEFT, ABOVE);
    this.#cells(context, width, height);
    if (size >= GRID_FROM)
      this.#grid(context, width, height);
    if (size >= TEXT_FROM)
      this.#values(context);
    this.#ticks(context, width, height);
    this.#bar(context, width * size + 8, Math.max(height * tall, 40));
    for (const mark of this.#marks)
      this.#mark(context, mark);
    if (this.chosen)
      this.#frame(context, this.chosen.y, this.chosen.x, CHOSEN, 3);
  }

  #cells(context, width, height) {
    this.#pixels ??= pixelsOf(this.#rows.flat().map(value => this.#colour(value)), width);
    pixelsDraw(context, this.#pixels, 0, width * this.#size, height * this.#tall);
  }

  #grid(context, width, height) {
    const size = this.#size, tall = this.#tall;
    context.strokeStyle = 'rgb(104 136 168 / 0.45)'; // seen on black, white and the grays between
    context.lineWidth = 1;
    context.beginPath();
    for (let x = 0; x <= width; x++) {
      context.moveTo(x * size + 0.5, 0);
      context.lineTo(x * size + 0.5, height * tall);
    }
    for (let y = 0; y <= height; y++) {
      context.moveTo(0, y * tall + 0.5);
      context.lineTo(width * size, y * tall + 0.5);
    }
    context.stroke();
  }

  #values(context) {
    const size = this.#size;
    context.font = `${Math.floor(size * 0.38)}px system-ui, sans-serif`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    this.#rows.forEach((row, y) => row.forEach((value, x) => {
      const text = Array.isArray(value) ? '' : textOf(value), [r, g, b] = this.#colour(value);
      if (text.length > 4)
        return;
      context.fillStyle = 0.3 * r + 0.59 * g + 0.11 * b > 140 ? '#000' : '#fff';
      context.fillText(text, (x + 0.5) * size, (y + 0.5) * this.#tall);
    }));
  }

  #ticks(context, width, height) {
    const size = this.#size, step = tickStep(size);
    context.fillStyle = getComputedStyle(this.#canvas).color;
    context.font = '11px system-ui, sans-serif';
    context.textBaseline = 'top';
    context.textAlign = 'center';
    for (let x = 0; x < width; x += step)
      context.fillText(x, (x + 0.5) * size, height * this.#tall + 5);
    context.textBaseline = 'middle';
    context.textAlign = 'right';
    for (let y = 0; y < height && height > 1; y += step)
      context.fillText(y, -5, (y + 0.5) * this.#tall);
  }

  #bar(context, left, height) {
    if (Array.isArray(this.#rows[0][0]))
      return undefined;
    const [low, high] = this.#range;
    pixelsDraw(context, pixelsOf(this.#colours.toReversed(), 1), left, BAR, height);
    context.strokeStyle = 'rgb(128 128 128 / 0.6)';
    context.strokeRect(left + 0.5, 0.5, BAR - 1, height - 1);
    context.fillStyle = getComputedStyle(this.#canvas).color;
    context.textAlign = 'left';
    const label = (value, baseline, at) => {
      context.textBaseline = baseline;
      context.fillText(labelOf(value), left + BAR + 4, at, LABEL_ROOM);
    };
    if (high === low)
      return label(high, 'middle', height / 2);
    label(high, 'top', 0);
    return label(low, 'bottom', height);
  }

  #mark(context, {y, x, label}) {
    const size = this.#size, bottom = (y + 1) * this.#tall;
    this.#frame(context, y, x, MARK, 2);
    context.font = '9px system-ui, sans-serif';
    if (!label || context.measureText(label).width > size)
      return;
    context.fillStyle = MARK;
    context.fillRect(x * size, bottom - TAG, size + 1, TAG);
    context.fillStyle = '#000';
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    context.fillText(label, (x + 0.5) * size, bottom - TAG / 2);
  }

  #frame(context, y, x, colour, width) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.strokeRect(x * this.#size + width / 2, y * this.#tall + width / 2,
      Math.max(this.#size - width + 1, 1), Math.max(this.#tall - width + 1, 1));
  }
}
