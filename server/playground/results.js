// A card for each pipeline: its output as a heatmap, what there is to know of it, and the sum behind
// the cell that is pointed at.
import {cellsOf, gatherOf, overlapOf, termsOf} from './explain.js';
import {element} from './forms.js';
import {Heatmap, textOf} from './heatmap.js';
import {volumeOf} from './image.js';
import {nameOf} from './state.js';

const TERMS_SHOWN = 9;

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

// [height, width] of a shape with a batch and channels around the axes.
const plane = (shape, axes) => axes === 1 ? [1, shape.at(-2)] : shape.slice(-3, -1);

export class Card {
  #result = null;
  #gathers = [];
  #view = null;
  #heatmap;
  #parts;

  // handlers: edit(), copy(), remove(), seen(cells, taps), before(): a promise of the last layer's input
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
      sum: element('p', {class: 'sum', 'aria-live': 'polite'}), timing: part('p', 'hint timing'),
      slice: element('input', {type: 'range', min: '0', autocomplete: 'off'}),
      channel: element('select', {autocomplete: 'off'}),
      tools: part('div', 'tools', button('Edit', handlers.edit), button('Duplicate', handlers.copy),
        button('Remove', handlers.remove))};
    p.sliceLabel = element('label', {}, 'slice ', p.slice);
    p.channelLabel = element('label', {}, 'channel ', p.channel);
    this.element = element('article', {class: 'card', id: `pipeline-${index}`, 'aria-busy': 'true'},
      p.name, p.tools, p.problem, part('div', 'cells', canvas), p.caption,
      part('div', 'choices', p.sliceLabel, p.channelLabel), p.diagnosis, p.sum, p.timing);
    this.#heatmap = new Heatmap(canvas, {choose: (y, x) => this.#explain(y, x)});
    p.slice.addEventListener('input', () => this.draw());
    p.channel.addEventListener('change', () => this.draw());
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
    p.sliceLabel.hidden = !output || output.depth === 1;
    p.channelLabel.hidden = !output || output.channels === 1;
    if (!output)
      return;
    p.slice.max = output.depth - 1;
    const channel = Math.min(Number(p.channel.value) || 0, output.channels - 1);
    p.channel.replaceChildren(...Array.from({length: output.channels}, (_, i) => new Option(String(i), i)));
    p.channel.value = String(channel);
    const diagnosis = plan && diagnosisOf(plan);
    p.diagnosis.hidden = !diagnosis;
    p.diagnosis.textContent = diagnosis?.text ?? '';
    p.diagnosis.classList.toggle('bad', diagnosis?.good === false);
    const {compute, decode, encode, plan: planned} = result.timing;
    p.timing.textContent = compute === undefined ? '' : `service: read ${decode} ms, plan ${planned} ms, compute ${compute} ms, write ${encode} ms`;
    this.#gathers = plan && result.axes > 0 && result.axes < 3
      ? result.layers.map((layer, i) => this.#gather(layer, plan.layers[i])) : [];
  }

  #gather(layer, row) {
    const {axes} = this.#result, from = plane(row.input_shape, axes), to = plane(row.output_shape, axes);
    const pointwise = from.join() === to.join() && /^(Activation|Identity|Rescaling|Dropout|.*ReLU|ELU|BatchNormalization)$/.test(layer.class_name);
    return pointwise ? {way: (place, length) => [[Math.min(Math.max(Math.round(place), 0), length - 1), 1]],
      size: [1, 1], pointwise} : gatherOf(layer, from, to);
  }

  get output() {
    return this.#result?.output ?? null;
  }

  // The numbers that are drawn now, and their range where each card has its own.
  rows(taps) {
    const {output, input} = this.#result;
    const gather = this.#gathers.at(-1);
    if (taps && gather?.kernel && this.#gathers.length === 1)
      return overlapOf(gather, input, output);
    return output.plane(Math.min(Number(this.#parts.slice.value), output.depth - 1), Number(this.#parts.channel.value));
  }

  draw(view = this.#view) {
    this.#view = view;
    if (!this.output || !view)
      return;
    const rows = this.rows(view.taps), [low, high] = view.rangeOf(this, rows);
    this.#heatmap.show(rows, view.colours, [low, high]);
    const {shape} = this.#result, [own, top] = view.ownRange(this);
    this.#parts.caption.textContent = `${shape.join(' × ')}, values from ${textOf(own)} to ${textOf(top)}`;
    if (this.#heatmap.chosen)
      this.#explain(this.#heatmap.chosen.y, this.#heatmap.chosen.x);
  }

  // Cells of the input behind some cells of the last layer's input, or none where a layer is not known.
  #behind(cells) {
    const {plan, axes} = this.#result;
    for (let i = this.#gathers.length - 2; i >= 0; i--) {
      const [height, width] = plane(plan.layers[i].input_shape, axes);
      if (!this.#gathers[i])
        return [];
      const next = cells.flatMap(([y, x]) => cellsOf(this.#gathers[i], {height, width}, {y, x}));
      cells = [...new Map(next.map(cell => [cell.join(), cell])).values()];
    }
    return cells;
  }

  async #explain(y, x) {
    const result = this.#result, channel = Number(this.#parts.channel.value);
    const z = Number(this.#parts.slice.value), {output, plan} = result;
    const value = output.at(z, y, x, channel);
    const place = [...(output.depth > 1 ? [z] : []), ...(output.height > 1 ? [y] : []), x].join(', ');
    const gather = this.#gathers.at(-1);
    const say = text => { this.#parts.sum.textContent = `output[${place}] ${text}`; };
    if (!gather) {
      this.handlers.seen([], []);
      return say(`= ${textOf(value)}`);
    }
    const before = result.layers.length > 1 ? await this.handlers.before() : result.input;
    if (result !== this.#result || !before)
      return undefined;
    const weights = plan.layers.at(-1).weights?.map(({values}) => values) ?? [];
    const kernel = result.axes === 1 && weights[0] ? [weights[0]] : weights[0];
    const terms = termsOf(gather, before, kernel, {y, x}, channel);
    const bias = gather.kernel ? weights[1]?.[channel] : undefined;
    const total = terms.reduce((sum, term) => sum + term.weight * term.value, bias ?? 0);
    const agrees = Math.abs(total - value) <= 1e-4 * (1 + Math.abs(value));
    const cells = [...new Map(terms.map(({at}) => [`${at[0]},${at[1]}`, [at[0], at[1]]])).values()];
    this.handlers.seen(agrees || gather.pointwise ? this.#behind(cells) : [], agrees ? terms : []);
    return say(agrees ? `from ${cells.length} ${cells.length === 1 ? 'cell' : 'cells'}: ${sumText(terms, bias, value)}` : `= ${textOf(value)}`);
  }
}

export const outputOf = (answer, axes) => volumeOf(answer.output, axes);
