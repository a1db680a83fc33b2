// A card for each pipeline: its output as a heatmap, what there is to know of it, and the sum behind
// the cell that is pointed at.
import {element} from './dom.js';
import {gatherInPlace, gatherOf, inputsOf, outputsOf, overlapOf, sidesOf, termsOf} from './explain.js';
import {Heatmap, labelOf, textOf} from './heatmap.js';
import {COLOURS, volumeOf} from './image.js';
import {nameOf} from './state.js';

const TERMS_SHOWN = 9;
const POINT = 'Point at a cell, or choose one with the arrow keys.';

// What the diagnosis of the last layer that upsamples says, in a sentence.
function diagnosisOf(plan) {
  const {diagnosis} = plan.layers.findLast(layer => layer.diagnosis) ?? {};
  const taps = diagnosis?.taps;
  if (!taps)
    return null;
  const advice = diagnosis.advice ?? `Outputs are reached by ${taps.min} to ${taps.max} kernel positions`;
  return taps.uniform
    ? {good: true, text: `No checkerboard: every output is reached by the same number of kernel positions (${taps.max}).`}
    : {good: false, text: `Checkerboard: ${advice}.`};
}

function sumText(terms, bias, value) {
  const product = ({kernel, weight, value: x}) =>
    `${kernel ? `k[${kernel.join(',')}] ` : ''}${textOf(weight)} × ${textOf(x)}`;
  const live = terms.filter(term => term.value !== 0 && term.weight !== 0);
  const shown = (live.length > 0 ? live : terms).slice(0, TERMS_SHOWN).map(product);
  const more = (live.length || terms.length) - shown.length;
  const parts = [...shown, ...(more > 0 ? [`${more} more`] : []), ...(bias ? [`bias ${textOf(bias)}`] : [])];
  return `${parts.length > 0 ? parts.join(' + ') : 'nothing'} = ${textOf(value)}`;
}

const inPlace = /^(Activation|Identity|Rescaling|Dropout|.*ReLU|ELU|BatchNormalization)$/;

// The slices, first the middle one, and the channels of a volume to choose from; hidden where there is
// one.
export function planesShow(slice, channel, {depth, channels}) {
  slice.closest('label').hidden = depth === 1;
  if (slice.max !== String(depth - 1)) {
    slice.max = depth - 1;
    slice.value = Math.floor(depth / 2);
  }
  channel.closest('label').hidden = channels === 1;
  const choices = [...(channels === 3 ? [new Option('all, as colours', COLOURS)] : []),
    ...Array.from({length: channels}, (_, c) => new Option(String(c), c))];
  if (choices.length !== channel.options.length)
    channel.replaceChildren(...choices);
}

// The cells of some places along each axis.
const product = ([down, along, across]) =>
  down.flatMap(z => along.flatMap(y => across.map(x => ({z, y, x}))));
const placesOf = cells => ['z', 'y', 'x'].map(axis => [...new Set(cells.map(cell => cell[axis]))]);

// Input cells with the kernel position, or the weight, that takes them into the sum.
const marksOf = terms => [...new Map(terms.map(({at: {z, y, x}, kernel, weight}) => [`${z},${y},${x}`,
  {z, y, x, label: kernel ? `k[${kernel.join(',')}]` : `×${labelOf(weight)}`}])).values()];

export class Card {
  #result = null;
  #gathers = [];
  #picture = null;
  #heatmap;
  #parts;

  // handlers: edit(), copy(), remove(); point(): somebody points at a cell; leave(): no longer;
  // seen(cell, marks, terms): the input cells that it is made of, and the terms of the last layer's sum;
  // before(): a promise of the last layer's input
  constructor(index, handlers) {
    const part = (name, className, ...children) => element(name, {class: className}, ...children);
    const button = (text, act) => {
      const made = element('button', {type: 'button'}, text);
      made.addEventListener('click', act);
      return made;
    };
    this.handlers = handlers;
    const canvas = element('canvas', {tabindex: '0', role: 'application'});
    const p = this.#parts = {
      name: part('h2', 'name'), problem: element('p', {class: 'problem', role: 'alert', hidden: ''}), canvas,
      caption: part('p', 'caption'), diagnosis: part('p', 'diagnosis'),
      sum: element('p', {class: 'sum', 'aria-live': 'polite'}, POINT), timing: part('p', 'hint timing'),
      slice: element('input', {type: 'range', min: '0', autocomplete: 'off'}),
      channel: element('select', {autocomplete: 'off'}),
      tools: part('div', 'tools', button('Edit', handlers.edit), button('Duplicate', handlers.copy),
        button('Remove', handlers.remove))};
    this.element = element('article', {class: 'card', id: `pipeline-${index}`, 'aria-busy': 'true'},
      p.name, p.tools, p.problem, part('div', 'cells', canvas), p.caption,
      part('div', 'choices quick'), part('div', 'choices', element('label', {hidden: ''}, 'slice ', p.slice), element('label', {hidden: ''}, 'channel ', p.channel)), p.diagnosis, p.sum, p.timing);
    this.#heatmap = new Heatmap(canvas, {choose: (y, x) => {
      handlers.point();
      this.#explain(y, x);
    }, leave: handlers.leave});
    p.slice.addEventListener('input', () => this.draw(this.#picture));
    p.channel.addEventListener('change', () => this.draw(this.#picture));
  }

  busy(busy) {
    this.element.setAttribute('aria-busy', String(busy));
  }

  name(layers, chosen) {
    this.#parts.name.textContent = nameOf(layers);
    this.#parts.canvas.setAttribute('aria-label',
      `Output of ${nameOf(layers)}: arrow keys choose a cell and explain its sum`);
    this.element.classList.toggle('chosen', chosen);
  }

  refuse(problem) {
    this.#result = null;
    this.element.classList.add('stale');
    this.#parts.problem.textContent = problem.message;
    this.#parts.problem.hidden = false;
    this.#parts.sum.textContent = this.#parts.timing.textContent = '';
    this.#parts.diagnosis.hidden = true;
  }

  // result: {layers, axes, input (volume), output (volume), shape, plan, timing}; plan may come later
  show(result) {
    const p = this.#parts;
    this.#result = result;
    this.element.classList.remove('stale');
    p.problem.hidden = true;
    const {output, plan} = result;
    if (!output)
      return;
    planesShow(p.slice, p.channel, output);
    const diagnosis = plan && diagnosisOf(plan);
    p.diagnosis.hidden = !diagnosis;
    p.diagnosis.textContent = diagnosis?.text ?? '';
    p.diagnosis.classList.toggle('bad', diagnosis?.good === false);
    const {compute, decode, encode, plan: planned} = result.timing;
    p.timing.textContent = compute === undefined ? '' : `service: read ${decode} ms, plan ${planned} ms, compute ${compute} ms, write ${encode} ms`;
    this.#gathers = plan && result.axes > 0
      ? result.layers.map((layer, i) => this.#gather(layer, plan.layers[i])) : [];
  }

  #gather(layer, row) {
    const {axes} = this.#result, from = sidesOf(row.input_shape, axes), to = sidesOf(row.output_shape, axes);
    return inPlace.test(layer.class_name) ? gatherInPlace(axes) : gatherOf(layer, from, to);
  }

  // What there is to draw, for view.js: {shape, output, taps()}, or null.
  get result() {
    return this.#result?.output ? {...this.#result, taps: () => this.#taps()} : null;
  }

  // How many kernel positions reach each output, where one layer with a kernel makes it.
  #taps() {
    const {output, input} = this.#result, gather = this.#gathers[0];
    return this.#gathers.length === 1 && gather?.kernel ? volumeOf(overlapOf(gather, input, output), 3) : null;
  }

  // Of all channels as colours the first is explained.
  get #place() {
    const channel = this.#parts.channel.value, colours = channel === COLOURS;
    return {z: Number(this.#parts.slice.value), channel: colours ? 0 : Number(channel), colours};
  }

  // picture: of view.js
  draw(picture) {
    const {volume, colours, range, caption, reference} = this.#picture = picture, place = this.#place;
    const channel = place.colours && volume.channels === 3 && !reference ? COLOURS : Math.min(place.channel, volume.channels - 1);
    this.#heatmap.show(volume.plane(Math.min(place.z, volume.depth - 1), channel), colours, range);
    this.#parts.caption.textContent = volume.depth > 1 ? `${caption}; slice ${place.z}` : caption;
    if (this.#heatmap.chosen)
      this.#explain(this.#heatmap.chosen.y, this.#heatmap.chosen.x);
  }

  // Cells of the input behind some of the last layer's input, or none where a layer is not known.
  #behind(cells) {
    const {plan, axes} = this.#result;
    let places = placesOf(cells);
    for (let i = this.#gathers.length - 2; i >= 0; i--) {
      const gather = this.#gathers[i], lengths = sidesOf(plan.layers[i].input_shape, axes);
      if (!gather)
        return [];
      places = places.map((outputs, axis) => inputsOf(gather, axis, outputs, lengths[axis]));
    }
    return product(places);
  }

  // Cells of the output that a cell of the input is part of, or none where a layer is not known.
  reached(cell) {
    const {plan, axes} = this.#result ?? {};
    if (!this.#gathers.length || !this.#gathers.every(Boolean))
      return [];
    return product(this.#gathers.reduce((places, gather, i) => {
      const from = sidesOf(plan.layers[i].input_shape, axes), to = sidesOf(plan.layers[i].output_shape, axes);
      return places.map((inputs, axis) => outputsOf(gather, axis, inputs, from[axis], to[axis]));
    }, placesOf([cell])));
  }

  // Cells of the slice that is shown get a frame.
  mark(cells) {
    this.#heatmap.mark(cells.filter(cell => this.shows(cell)));
  }

  shows({z}) {
    return z === this.#place.z;
  }

  middle(cell) {
    return this.#heatmap.middle(cell);
  }

  #differenceText(y, x) {
    const {volume, reference} = this.#picture, {z, channel} = this.#place;
    const difference = reference && volume.at(z, y, x, channel);
    return !reference ? '' : difference === 0 ? `, as ${reference}`
      : `, ${textOf(Math.abs(difference))} ${difference > 0 ? 'more' : 'less'} than ${reference}`;
  }

  async #explain(y, x) {
    const result = this.#result, {z, channel, colours} = this.#place, {output, plan} = result;
    const value = output.at(z, y, x, channel);
    const place = [...(output.depth > 1 ? [z] : []), ...(output.height > 1 ? [y] : []), x].join(', ');
    const gather = this.#gathers.at(-1);
    const all = colours ? `= ${[0, 1, 2].map(c => textOf(output.at(z, y, x, c))).join(', ')}; channel 0 ` : '';
    const say = text => {
      this.#parts.sum.textContent = `output[${place}] ${all}${text}${this.#differenceText(y, x)}`;
    };
    if (!gather) {
      this.handlers.seen({z, y, x}, [], []);
      return say(`= ${textOf(value)}`);
    }
    const before = result.layers.length > 1 ? await this.handlers.before() : result.input;
    if (result !== this.#result || !before)
      return undefined;
    const weights = plan.layers.at(-1).weights?.map(({values}) => values) ?? [];
    const kernel = Array.from({length: 3 - result.axes}).reduce(inner => [inner], weights[0]);
    const terms = termsOf(gather, before, kernel, {z, y, x}, channel);
    const bias = gather.kernel ? weights[1]?.[channel] : undefined;
    const total = terms.reduce((sum, term) => sum + term.weight * term.value, bias ?? 0);
    const agrees = Math.abs(total - value) <= 1e-4 * (1 + Math.abs(value));
    const cells = marksOf(terms), known = agrees || gather.inPlace;
    this.handlers.seen({z, y, x}, !known ? [] : result.layers.length > 1 ? this.#behind(cells) : cells, agrees ? terms : []);
    return say(agrees ? `from ${cells.length} ${cells.length === 1 ? 'cell' : 'cells'}: ${sumText(terms, bias, value)}` : `= ${textOf(value)}`);
  }
}

export const outputOf = (answer, axes) => volumeOf(answer.output, axes);
