// The page in a real browser, against the real binary: what every test needs. Each file that imports it
// has a service and a browser of its own, each test a page that has settled, in `page`.
//
// The tests run in a copy, so that no package of npm comes among the sources:
//
//     mkdir -p build/browser && cp -R tests/browser/. build/browser
//     cd build/browser && npm install && npm test
//
// Environment: TEST_BINARY, the service (build/release/upsampled); CHROMIUM, the browser
// (/usr/bin/chromium).
import assert from 'node:assert/strict';
import {spawn} from 'node:child_process';
import {resolve} from 'node:path';
import {after, afterEach, before, beforeEach} from 'node:test';
import {fileURLToPath} from 'node:url';
import {chromium} from 'playwright-core';

const root = fileURLToPath(new URL('../..', import.meta.url));
const binary = resolve(root, process.env.TEST_BINARY ?? 'build/release/upsampled');
export const TIMEOUT_MS = 20000;

export let origin, browser, page;
export let problems; // what the page's console and its requests must not have
let service;

// The service picks a port and logs it.
async function serve() {
  service = spawn(binary, ['--port', '0'], {stdio: ['ignore', 'ignore', 'pipe']});
  let log = '';
  return new Promise((resolve, reject) => {
    service.stderr.on('data', piece => { // to the end: a full pipe would stop the service
      log = (log + piece).slice(-65536);
      const port = /"port":\s*(\d+)/.exec(log)?.[1];
      if (port !== undefined)
        resolve(`http://127.0.0.1:${port}`);
    });
    service.on('exit', () => reject(new Error(`the service does not listen: ${log}`)));
  });
}

before(async () => {
  origin = await serve();
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
});

after(async () => {
  await browser?.close();
  service?.kill('SIGINT');
});

beforeEach(async () => {
  problems = [];
  page = await browser.newPage({viewport: {width: 1280, height: 900}});
  page.setDefaultTimeout(TIMEOUT_MS);
  page.on('pageerror', error => problems.push(`uncaught: ${error.message}`));
  page.on('console', message => {
    if (message.type() === 'error')
      problems.push(`console: ${message.text()}`);
  });
  page.on('request', request => {
    if (!/^(blob|data):/.test(request.url()) && new URL(request.url()).origin !== origin)
      problems.push(`foreign request: ${request.url()}`);
  });
  await page.goto(`${origin}/`);
  await settled();
});

afterEach(() => page.close());

export const settled = (where = page) => where.locator('html[data-ready] #pipelines[aria-busy="false"]').waitFor();

export const request = async (where = page) => JSON.parse(await where.locator('#json').textContent());

export const caption = (index, where = page) => where.locator(`#pipeline-${index} .caption`).textContent();
export const sum = index => page.locator(`#pipeline-${index} .sum`).textContent();
export const diagnosis = index => page.locator(`#pipeline-${index} .diagnosis`).textContent();

// Acts as a user does, and waits until the page has shown what follows.
export async function change(selector, act) {
  await act(page.locator(selector));
  await page.waitForTimeout(0); // what the event starts has begun
  await settled();
}

export const fill = text => async field => {
  await field.fill(text);
  await field.press('Enter');
};

// A colour of a canvas at a cell's middle; heatmaps keep 26 pixels at the left and 6 above for their ticks.
export const colourAt = (selector, y, x, size) => page.locator(selector).evaluate((canvas, [px, py]) => {
  const dense = devicePixelRatio;
  return [...canvas.getContext('2d').getImageData(px * dense, py * dense, 1, 1).data].slice(0, 3);
}, [26 + (x + 0.3) * size, 6 + (y + 0.3) * size]);

// A PNG of the service's own, as bytes.
export async function pngOf(input, layers) {
  const answer = await fetch(`${origin}/upsample?format=png&render=image`,
    {method: 'POST', body: JSON.stringify({input, layers})});
  return Buffer.from(await answer.arrayBuffer());
}

// The middle of a cell of a heatmap whose cells have this size.
export async function cellOf(selector, size, y, x) {
  const canvas = page.locator(selector);
  await canvas.scrollIntoViewIfNeeded();
  const box = await canvas.boundingBox();
  return [box.x + 26 + (x + 0.5) * size, box.y + 6 + (y + 0.5) * size];
}

// The ends of the lines over the cards, in pixels of the window, to the nearest.
export const links = () => page.locator('#links line').evaluateAll(lines => lines.map(line => {
  const {left, top} = line.parentElement.getBoundingClientRect();
  return ['x1', 'y1', 'x2', 'y2'].map((name, i) => Math.round(Number(line.getAttribute(name)) + (i % 2 ? top : left)));
}));

// What the page says of a cell must be what its own terms add up to, and is returned.
export async function sumsUp(index, size, y, x) {
  await page.mouse.move(...await cellOf(`#pipeline-${index} canvas`, size, y, x));
  await page.waitForFunction(([i, place]) =>
    document.querySelector(`#pipeline-${i} .sum`).textContent.startsWith(place), [index, `output[${y}, ${x}]`]);
  const text = await sum(index);
  const [, terms, total] = /cells?: (.*) = (\S+)$/.exec(text) ?? assert.fail(text);
  const added = terms.split(' + ').map(term => term.replace(/^k\S* /, '').split(' × ').map(Number))
    .reduce((result, [weight, value]) => result + weight * value, 0);
  assert.ok(Math.abs(added - Number(total)) < 1e-3 * (1 + Math.abs(added)), text);
  return Number(total);
}
