// The page's question, put to the service: a preset's candidates on the present input, their table and verdict.

const byId = id => document.getElementById(id);

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
    ask({preset: 'notebook', input, output: {format: 'json'}}, signal),
    ask({preset: 'notebook', input, output: {format: 'png', cmap}}, signal)]);
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
