// The page in a real browser, against the real binary.
//
// It runs in a copy, so that no package of npm comes among the sources:
//
//     mkdir -p build/browser && cp -R tests/browser/. build/browser
//     cd build/browser && npm install && npm test
//
// Environment: TEST_BINARY, the service (build/release/upsampled); CHROMIUM, the browser
// (/usr/bin/chromium).
import assert from 'node:assert/strict';
import {execFileSync, spawn} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {after, afterEach, before, beforeEach, test} from 'node:test';
import {fileURLToPath} from 'node:url';
import {chromium} from 'playwright-core';

const root = fileURLToPath(new URL('../..', import.meta.url));
const binary = resolve(root, process.env.TEST_BINARY ?? 'build/release/upsampled');
const TIMEOUT_MS = 20000;

let service, origin, browser, page, problems;

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

const settled = () => page.locator('#figures[aria-busy="false"]').waitFor();

const loaded = selector =>
  page.locator(selector).evaluate(image => image.complete && image.naturalWidth > 50);

const request = async () => JSON.parse(await page.locator('#json').textContent());

// Sets a field as a user does, and waits for the answer to what it starts.
async function change(selector, act) {
  const answered = page.waitForResponse(response =>
    response.url().endsWith('/upsample') && !response.request().postData().includes('"layers":[]'));
  await act(page.locator(selector));
  await answered;
  await settled();
}

test('opens with the figure of the notebook, quietly', async () => {
  assert.equal(await page.title(), 'What should I use for upsampling?');
  assert.ok(await loaded('#before') && await loaded('#after'), 'a figure is missing');
  assert.equal(await page.locator('#before-caption').textContent(),
    'Input: 8 × 8, values from 0 to 1');
  assert.equal(await page.locator('#after-caption').textContent(),
    'Conv2DTranspose: 16 × 16, values from 0 to 4');
  const {layer, input} = await request();
  assert.deepEqual(layer.config, {filters: 1, kernel_size: 3, strides: 2, padding: 'same',
    kernel_initializer: 'Ones'});
  assert.equal(input.flat().reduce((sum, value) => sum + value), 16);
  assert.deepEqual(problems, []);
});

test('offers every layer of the catalogue and draws another', async () => {
  const {layers} = await (await fetch(`${origin}/layers`)).json();
  assert.equal(await page.locator('#layer option').count(), layers.length);
  await change('#layer', layer => layer.selectOption('UpSampling2D'));
  assert.ok(await loaded('#after'), 'there is no figure');
  assert.equal(await page.locator('#after-caption').textContent(),
    'UpSampling2D: 16 × 16, values from 0 to 1');
  await change('#layer', layer => layer.selectOption('UpSampling3D'));
  assert.match(await page.locator('#after-caption').textContent(), /^UpSampling3D: 8 × 8 × 8,/);
  assert.deepEqual(problems, []);
});

test('shows an error at its field, and takes it away again', async () => {
  const error = page.locator('#parameter-strides-error');
  await change('#parameter-strides', async field => {
    await field.fill('0');
    await field.press('Enter');
  });
  await error.waitFor();
  assert.match(await error.textContent(), /strides.* 0/);
  assert.equal(await page.locator('[aria-invalid="true"]').count(), 1);
  assert.equal(await page.locator('#problem').isHidden(), true);
  // The browser reports the status of a failed request by itself; nothing else may be there.
  assert.deepEqual(problems.filter(text => !text.includes('422')), []);
  await change('#parameter-strides', async field => {
    await field.fill('2, 3');
    await field.press('Enter');
  });
  assert.equal(await error.isHidden(), true);
  assert.match(await page.locator('#after-caption').textContent(), /: 16 × 24,/);
});

test('shows text that is no JSON at the input', async () => {
  await page.locator('#input').fill('[[1, 2], [3');
  await page.locator('button[type="submit"]').click();
  await page.locator('#input-error').waitFor();
  assert.match(await page.locator('#input-error').textContent(), /no JSON/);
  assert.deepEqual(problems, []);
});

test('its curl line makes a picture of the same size', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'page-'));
  try {
    execFileSync('sh', ['-c', await page.locator('#curl').textContent()],
      {cwd: folder, stdio: 'pipe', timeout: TIMEOUT_MS});
    const [width, height] = await page.locator('#after').evaluate(image =>
      [image.naturalWidth, image.naturalHeight]);
    const file = readFileSync(join(folder, 'figure.png'));
    assert.equal(file.subarray(1, 4).toString(), 'PNG');
    assert.deepEqual([file.readUInt32BE(16), file.readUInt32BE(20)], [width, height]);
  } finally {
    rmSync(folder, {recursive: true});
  }
});

test('fits a telephone without scrolling sideways', async () => {
  await page.setViewportSize({width: 360, height: 740});
  const wide = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.ok(wide <= 360, `the page is ${wide} pixels wide`);
});

test('works from the keyboard', async () => {
  await page.locator('#parameter-strides').focus();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.type('3');
  await change('#parameter-strides', () => page.keyboard.press('Enter'));
  assert.match(await page.locator('#after-caption').textContent(), /: 24 × 24,/);
});

// The middle of a cell of a canvas of so many cells across.
async function cellOf(selector, across, y, x) {
  const canvas = page.locator(selector);
  await canvas.scrollIntoViewIfNeeded();
  const box = await canvas.boundingBox();
  const size = box.width / across;
  return [box.x + (x + 0.5) * size, box.y + (y + 0.5) * size];
}

test('writes out the sum of the cell that is pointed at', async () => {
  // Kernel of ones, stride 2, cropped by nothing: output 8 = 2 * 4 + 0 = 2 * 3 + 2, along both axes.
  await page.mouse.move(...await cellOf('#output-cells', 16, 8, 8));
  assert.equal(await page.locator('#sum').textContent(),
    'output[8, 8]: 4 input cells; 1 × 1 + 1 × 1 + 1 × 1 + 1 × 1 = 4');
  await page.mouse.move(...await cellOf('#output-cells', 16, 7, 8));
  assert.match(await page.locator('#sum').textContent(), /: 2 input cells; 1 × 1 \+ 1 × 1 = 2$/);
  await page.locator('#output-cells').focus();
  await page.keyboard.press('ArrowLeft');
  assert.match(await page.locator('#sum').textContent(), /^output\[7, 7\]: 1 input cell; 1 × 1 = 1$/);
});

test('names the checkerboard, and clears it for a kernel of four', async () => {
  const diagnosis = page.locator('#diagnosis');
  assert.match(await diagnosis.textContent(), /not divisible by strides 2/);
  await change('#parameter-kernel_size', async field => {
    await field.fill('4');
    await field.press('Enter');
  });
  assert.match(await diagnosis.textContent(), /same number of kernel positions \(4\)/);
});

test('draws on the input, and opens again from its address', async () => {
  await page.locator('#brush').fill('7');
  const answered = page.waitForResponse(response => response.url().includes('/plan'));
  await page.mouse.click(...await cellOf('#input-cells', 8, 0, 1));
  await answered;
  await settled();
  assert.equal((await request()).input[0][1], 7);
  await page.waitForFunction(() => decodeURIComponent(location.hash).includes('[0,7,0'));
  const other = await (await browser.newContext()).newPage();
  await other.goto(page.url());
  await other.locator('#figures[aria-busy="false"]').waitFor();
  assert.equal(JSON.parse(await other.locator('#json').textContent()).input[0][1], 7);
  assert.equal(await other.locator('#after-caption').textContent(),
    await page.locator('#after-caption').textContent());
  await other.context().close();
});

test('explains weights that are drawn, and gives the same ones to other programs', async () => {
  await change('#parameter-kernel_initializer', field => field.selectOption('RandomNormal'));
  await page.mouse.move(...await cellOf('#output-cells', 16, 8, 8));
  const sum = await page.locator('#sum').textContent();
  const [, terms, total] = /^output\[8, 8\]: 4 input cells; (.*) = (\S+)$/.exec(sum) ?? assert.fail(sum);
  const added = terms.split(' + ').map(term => term.split(' × ').map(Number))
    .reduce((result, [weight, value]) => result + weight * value, 0);
  assert.ok(Math.abs(added - Number(total)) < 1e-4, sum);
  const [, low, high] = /from (\S+) to (\S+)$/.exec(await page.locator('#after-caption').textContent());
  const {input, layer, set_random_seed} = await request();
  const answer = await fetch(`${origin}/upsample`, {method: 'POST',
    body: JSON.stringify({input, layer, set_random_seed})});
  const values = (await answer.json()).output.flat();
  assert.deepEqual([Math.min(...values), Math.max(...values)].map(Math.fround),
    [low, high].map(Math.fround));
  assert.match(await page.locator('#python').textContent(), /"set_random_seed": 1}/);
  assert.match(await page.locator('#script').textContent(), /set_random_seed: 1}/);
});

test('explains nothing of a layer that is refused', async () => {
  await change('#parameter-strides', async field => {
    await field.fill('0');
    await field.press('Enter');
  });
  assert.ok(await page.locator('#diagnosis').isHidden() && await page.locator('#why').isHidden());
  await change('#layer', layer => layer.selectOption('PixelShuffle'));
  assert.match(await page.locator('#after-caption').textContent(), /^PixelShuffle: 8 × 8/);
});

test('keeps text that is no JSON when somebody draws', async () => {
  await page.locator('#input').evaluate(field => { field.value = '[[1, 2], [3'; });
  await page.mouse.click(...await cellOf('#input-cells', 8, 0, 1));
  assert.match(await page.locator('#input-error').textContent(), /no JSON/);
  assert.equal(await page.locator('#input').inputValue(), '[[1, 2], [3');
  assert.deepEqual(problems, []);
});

test('takes a picture that is dropped on it', async () => {
  const picture = await (await fetch(`${origin}/upsample?layers=[]&format=png&render=image`,
    {method: 'POST', body: '{"input": [[0, 1, 0], [1, 0, 1]]}'})).arrayBuffer();
  const answered = page.waitForResponse(response => response.url().includes('/plan?'));
  await page.evaluate(bytes => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], 'six.png', {type: 'image/png'}));
    document.dispatchEvent(new DragEvent('drop', {dataTransfer: data, cancelable: true}));
  }, [...new Uint8Array(picture)]);
  await answered;
  await settled();
  assert.match(await page.locator('#before-caption').textContent(), /^Input: 2 × 3, values from 0 to 1$/);
  assert.deepEqual((await request()).input, [[0, 1, 0], [1, 0, 1]]);
  await page.locator('#input-cells').waitFor();
  assert.deepEqual(problems, []);
});

test('compares seven ways in a table, a picture and words', async () => {
  await page.locator('#compare').click();
  await page.locator('#compared').waitFor();
  assert.equal(await page.locator('#candidates tr').count(), 7);
  const row = name => page.locator('#candidates tr', {hasText: name}).first().locator('td').allTextContents();
  assert.equal((await row('Conv2DTranspose 3×3'))[4], '0.75');
  assert.equal((await row('Conv2DTranspose 4×4'))[4], '0');
  assert.match(await page.locator('#verdict').textContent(), /checkerboard: Conv2DTranspose 3×3/);
  assert.ok(await loaded('#comparison'), 'there is no picture');
  assert.deepEqual(problems, []);
});

for (const colorScheme of ['light', 'dark'])
  test(`axe finds nothing wrong in ${colorScheme} colours`, async () => {
    await page.emulateMedia({colorScheme});
    await page.locator('#compare').click();
    await page.locator('#compared').waitFor();
    await page.evaluate(readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8'));
    const {violations} = await page.evaluate(() => globalThis.axe.run());
    assert.deepEqual(violations.map(({id, nodes}) => [id, nodes.map(node => node.html)]), []);
  });
