// Requests to the service, and its refusals as errors that know the field they are about.

export class Problem extends Error {
  constructor(detail, pointer) {
    super(detail);
    this.pointer = pointer;
  }
}

export async function problemOf(response) {
  const problem = await response.json().catch(() => ({}));
  const first = problem.errors?.[0];
  return new Problem(first?.detail ?? problem.detail ?? `The service answered ${response.status}.`,
    first?.pointer);
}

export async function ask(path, request, signal) {
  const response = await fetch(path, {method: 'POST', signal,
    headers: {'Content-Type': 'application/json'}, body: JSON.stringify(request)});
  if (!response.ok)
    throw await problemOf(response);
  return response;
}

export const askJson = async (path, request, signal) => (await ask(path, request, signal)).json();

export async function catalogueGet() {
  const response = await fetch('layers');
  if (!response.ok)
    throw await problemOf(response);
  return (await response.json()).layers;
}

// Server-Timing as {decode: ms, ...}.
const timingOf = headers => Object.fromEntries(
  [...(headers.get('Server-Timing') ?? '').matchAll(/(\w+);dur=([\d.]+)/g)]
    .map(([, name, ms]) => [name, Number(ms)]));

// --- Answers that are remembered ---

const ANSWERS_MAX = 64;
const answers = new Map(); // by request

// Refusals, and what is given up on the way, are forgotten.
function remembered(key, signal, make) {
  if (!answers.has(key)) {
    if (answers.size >= ANSWERS_MAX)
      answers.delete(answers.keys().next().value);
    const forget = () => answers.delete(key), made = make();
    signal?.addEventListener('abort', forget, {once: true});
    made.then(() => signal?.removeEventListener('abort', forget), forget);
    answers.set(key, made);
  }
  return answers.get(key);
}

export const answerOf = (request, signal) => remembered(JSON.stringify(request), signal, async () => {
  const response = await ask('upsample', request, signal);
  return {...await response.json(), timing: timingOf(response.headers)};
});

export const planOf = (request, signal) => remembered(`plan ${JSON.stringify(request)}`, signal, () =>
  askJson('plan?weights=true', request, signal));

// --- Colours ---

// Gray is its own value, and what the page opens with: no need to ask.
const maps = new Map([['gray', Array.from({length: 256}, (_, i) => [i, i, i])]]);

// The colours of a map, as the service draws them: a picture of 256 values, read back.
export function coloursOf(cmap) {
  if (!maps.has(cmap))
    maps.set(cmap, coloursRead(cmap));
  return maps.get(cmap);
}

async function coloursRead(cmap) {
  const input = [Array.from({length: 256}, (_, i) => i)];
  const response = await ask('upsample', {input, layers: [],
    output: {format: 'png', bare: true, cmap, vmin: 0, vmax: 255}});
  const image = await createImageBitmap(await response.blob());
  const canvas = document.createElement('canvas');
  canvas.width = 256;
  canvas.height = 1;
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.drawImage(image, 0, 0);
  const {data} = context.getImageData(0, 0, 256, 1);
  return Array.from({length: 256}, (_, i) => [data[4 * i], data[4 * i + 1], data[4 * i + 2]]);
}
