// The page's question, put to the service: candidates on the present input, their table and verdict.

const byId = id => document.getElementById(id);

// Kernels of equal weights that keep the input's mean, so that one scale suits all.
const conv = (filters, weight) => ({filters, padding: 'same',
  kernel_initializer: {class_name: 'Constant', config: {value: weight}}});
const candidates = [
  {name: 'nearest', layers: [{class_name: 'UpSampling2D', size: 2}]},
  {name: 'bilinear', layers: [{class_name: 'UpSampling2D', size: 2, interpolation: 'bilinear'}]},
  {name: 'bicubic', layers: [{class_name: 'UpSampling2D', size: 2, interpolation: 'bicubic'}]},
  {name: 'Conv2DTranspose 3×3', layers: [{class_name: 'Conv2DTranspose', kernel_size: 3, strides: 2,
    ...conv(1, 4 / 9)}]},
  {name: 'Conv2DTranspose 4×4', layers: [{class_name: 'Conv2DTranspose', kernel_size: 4, strides: 2,
    ...conv(1, 1 / 4)}]},
  {name: 'UpSampling2D, Conv2D 3×3', layers: [{class_name: 'UpSampling2D', size: 2},
    {class_name: 'Conv2D', kernel_size: 3, ...conv(1, 1 / 9)}]},
  {name: 'Conv2D, PixelShuffle', layers: [{class_name: 'Conv2D', kernel_size: 3,
    ...conv(4, 1 / 9)},
    {class_name: 'PixelShuffle', block_size: 2}]},
];

const ask = (body, signal) => fetch('compare', {method: 'POST', signal,
  headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body)});

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
  const [table, picture] = await Promise.all([
    ask({input, candidates, output: {format: 'json'}}, signal),
    ask({input, candidates, output: {format: 'png', cmap}}, signal)]);
  if (!table.ok)
    throw new Error((await table.json()).detail);
  const {candidates: results, verdict} = await table.json();
  byId('verdict').textContent = verdict;
  byId('candidates').replaceChildren(...results.map(rowOf));
  if (picture.ok) {
    const image = byId('comparison');
    URL.revokeObjectURL(image.src);
    image.src = URL.createObjectURL(await picture.blob());
    image.alt = `The results of ${results.length} candidates on one colour scale`;
    await image.decode();
  }
  byId('compared').hidden = false;
}
