// The page's question, put to the service: a preset's candidates on the present input, their table and verdict.

import {byId} from './forms.js';
import {ask, askJson} from './service.js';

const cell = (name, text) => Object.assign(document.createElement(name), {textContent: text});

const number = value => typeof value === 'number' ? String(Number(value.toPrecision(3))) : '–';

function rowOf(candidate) {
  const row = document.createElement('tr');
  const name = cell('th', candidate.name);
  name.scope = 'row';
  row.append(name, cell('td', candidate.output_shape.join(' × ')), cell('td', number(candidate.parameters)),
    cell('td', number(candidate.macs)), cell('td', number(candidate.compute_ms)),
    cell('td', number(candidate.checkerboard)), cell('td', number(candidate.overshoot)));
  return row;
}

// Throws with the service's own sentence where the input is no image.
export async function compareShow(input, cmap, signal) {
  const [{candidates: results, verdict}, picture] = await Promise.all([
    askJson('compare', {preset: 'notebook', input, output: {format: 'json'}}, signal),
    ask('compare', {preset: 'notebook', input, output: {format: 'png', cmap}}, signal)]);
  byId('verdict').textContent = verdict;
  byId('candidates').replaceChildren(...results.map(rowOf));
  const image = byId('comparison');
  URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(await picture.blob());
  image.alt = `The results of ${results.length} candidates on one colour scale`;
  await image.decode();
  byId('compared').hidden = false;
}
