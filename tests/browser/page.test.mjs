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
import {readFileSync} from 'node:fs';
import {resolve} from 'node:path';
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

const settled = (where = page) => where.locator('html[data-ready] #pipelines[aria-busy="false"]').waitFor();

const request = async (where = page) => JSON.parse(await where.locator('#json').textContent());

const caption = (index, where = page) => where.locator(`#pipeline-${index} .caption`).textContent();
const sum = index => page.locator(`#pipeline-${index} .sum`).textContent();
const diagnosis = index => page.locator(`#pipeline-${index} .diagnosis`).textContent();

// Acts as a user does, and waits until the page has shown what follows.
async function change(selector, act) {
  await act(page.locator(selector));
  await page.waitForTimeout(0); // what the event starts has begun
  await settled();
}

const fill = text => async field => {
  await field.fill(text);
  await field.press('Enter');
};

test('opens with the checkerboard beside a layer without, quietly', async () => {
  assert.equal(await page.title(), 'What should I use for upsampling?');
  assert.equal(await page.locator('#input-caption').textContent(), '8 × 8, values from 0 to 1');
  assert.equal(await caption(0), '16 × 16, values from 0 to 4');
  assert.equal(await caption(1), '16 × 16, values from 0 to 1');
  assert.match(await diagnosis(0), /^Checkerboard: kernel_size 3 is not divisible by strides 2/);
  assert.match(await diagnosis(1), /^No checkerboard/);
  const {layer, input} = await request();
  assert.deepEqual(layer.config, {filters: 1, kernel_size: 3, strides: 2, padding: 'same',
    kernel_initializer: 'Ones'});
  assert.equal(input.flat().reduce((sum, value) => sum + value), 16);
  for (const canvas of await page.locator('.card canvas').all()) // all of it on the first screen
    assert.ok((await canvas.boundingBox()).y + 300 < 800);
  assert.deepEqual(problems, []);
});

// A colour of a canvas at a cell's middle; heatmaps keep 26 pixels at the left and 6 above for their ticks.
const colourAt = (selector, y, x, size) => page.locator(selector).evaluate((canvas, [px, py]) => {
  const dense = devicePixelRatio;
  return [...canvas.getContext('2d').getImageData(px * dense, py * dense, 1, 1).data].slice(0, 3);
}, [26 + (x + 0.3) * size, 6 + (y + 0.3) * size]);

test('draws the numbers as cells', async () => {
  const size = 17; // of 16 cells in the room that there is
  assert.deepEqual(await colourAt('#pipeline-1 canvas', 0, 0, size), [0, 0, 0]);
  assert.deepEqual(await colourAt('#pipeline-1 canvas', 5, 5, size), [255, 255, 255]);
  const [once] = await colourAt('#pipeline-0 canvas', 7, 7, size), [twice] = await colourAt('#pipeline-0 canvas', 7, 8, size);
  assert.ok(once > 55 && once < 70 && twice > 120 && twice < 135, `${once} and ${twice} for 1 and 2 of 4`);
});

test('offers every layer of the catalogue and draws another', async () => {
  const {layers} = await (await fetch(`${origin}/layers`)).json();
  assert.equal(await page.locator('#layer option').count(), layers.length);
  await change('#layer', layer => layer.selectOption('UpSampling2D'));
  assert.equal(await caption(0), '16 × 16, values from 0 to 1');
  await change('#layer', layer => layer.selectOption('UpSampling3D'));
  assert.match(await caption(0), /^8 × 8 × 8,/);
  await change('#layer', layer => layer.selectOption('PixelShuffle'));
  assert.match(await caption(0), /^8 × 8/);
  assert.deepEqual(problems.filter(text => !text.includes('422')), []);
});

test('shows an error at its field, and takes it away again', async () => {
  const error = page.locator('#parameter-strides-error');
  await change('#parameter-strides', fill('0'));
  await error.waitFor();
  assert.match(await error.textContent(), /strides.* 0/);
  assert.equal(await page.locator('[aria-invalid="true"]').count(), 1);
  assert.ok(await page.locator('#pipeline-0 .problem').isVisible());
  assert.ok(await page.locator('#pipeline-0 .diagnosis').isHidden());
  assert.ok(await page.locator('#pipeline-1 .problem').isHidden());
  // The browser reports the status of a failed request by itself; nothing else may be there.
  assert.deepEqual(problems.filter(text => !text.includes('422')), []);
  await change('#parameter-strides', fill('2, 3'));
  assert.equal(await error.isHidden(), true);
  assert.match(await caption(0), /^16 × 24,/);
});

test('shows text that is no JSON at the input, and keeps it when somebody draws', async () => {
  await page.locator('#input').fill('[[1, 2], [3');
  await page.locator('#input').blur();
  await page.locator('#input-error').waitFor();
  assert.match(await page.locator('#input-error').textContent(), /no JSON/);
  await page.mouse.click(...await cellOf('#input-cells', 34, 0, 1));
  assert.equal(await page.locator('#input').inputValue(), '[[1, 2], [3');
  assert.deepEqual(problems, []);
});

test('its curl line gives the numbers of the page', async () => {
  const answer = JSON.parse(execFileSync('sh', ['-c', await page.locator('#curl').textContent()],
    {stdio: 'pipe', timeout: TIMEOUT_MS}));
  assert.deepEqual(answer.shape, [16, 16]);
  for (const [y, x] of [[8, 8], [7, 8], [7, 7], [0, 0]]) {
    await page.mouse.move(...await cellOf('#pipeline-0 canvas', 17, y, x));
    assert.ok((await sum(0)).endsWith(`= ${answer.output[y][x]}`), await sum(0));
  }
  assert.match(await page.locator('#python').textContent(), /"set_random_seed": 1}/);
  assert.match(await page.locator('#script').textContent(), /set_random_seed: 1}/);
});

for (const width of [360, 390])
  test(`fits a telephone of ${width} pixels without scrolling sideways`, async () => {
    await page.setViewportSize({width, height: 740});
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= width, `the page is ${wide} pixels wide`);
    assert.equal(await page.locator('#input-cells').evaluate(canvas => getComputedStyle(canvas).touchAction), 'auto');
  });

test('works from the keyboard', async () => {
  await page.locator('#parameter-strides').focus();
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.type('3');
  await change('#parameter-strides', () => page.keyboard.press('Enter'));
  assert.match(await caption(0), /^24 × 24,/);
});

// The middle of a cell of a heatmap whose cells have this size.
async function cellOf(selector, size, y, x) {
  const canvas = page.locator(selector);
  await canvas.scrollIntoViewIfNeeded();
  const box = await canvas.boundingBox();
  return [box.x + 26 + (x + 0.5) * size, box.y + 6 + (y + 0.5) * size];
}

test('writes out the sum of the cell that is pointed at', async () => {
  // Kernel of ones, stride 2, cropped by nothing: output 8 = 2 * 4 + 0 = 2 * 3 + 2, along both axes.
  await page.mouse.move(...await cellOf('#pipeline-0 canvas', 17, 8, 8));
  assert.equal(await sum(0),
    'output[8, 8] from 4 cells: k[0,0] 1 × 1 + k[0,2] 1 × 1 + k[2,0] 1 × 1 + k[2,2] 1 × 1 = 4');
  assert.equal(await page.locator('#weight-grid .used').count(), 4);
  await page.mouse.move(...await cellOf('#pipeline-0 canvas', 17, 7, 8));
  assert.match(await sum(0), /from 2 cells: k\[1,[02]\] 1 × 1 \+ k\[1,[02]\] 1 × 1 = 2$/);
  await page.locator('#pipeline-0 canvas').focus();
  await page.keyboard.press('ArrowLeft');
  assert.equal(await sum(0), 'output[7, 7] from 1 cell: k[1,1] 1 × 1 = 1');
});

// The ends of the lines over the cards, in pixels of the window, to the nearest.
const links = () => page.locator('#links line').evaluateAll(lines => lines.map(line => {
  const {left, top} = line.parentElement.getBoundingClientRect();
  return ['x1', 'y1', 'x2', 'y2'].map((name, i) => Math.round(Number(line.getAttribute(name)) + (i % 2 ? top : left)));
}));

const rounded = places => places.map(place => place.map(Math.round));

test('draws the links between an output and the inputs that it is made of', async () => {
  assert.deepEqual(await links(), []);
  const to = await cellOf('#pipeline-0 canvas', 17, 8, 8);
  const from = [];
  for (const [y, x] of [[3, 3], [3, 4], [4, 3], [4, 4]]) // 8 = 2 * 3 + 2 = 2 * 4 + 0
    from.push(await cellOf('#input-cells', 34, y, x));
  await page.mouse.move(...to);
  assert.deepEqual((await links()).sort(), rounded(from.map(place => [...place, ...to])).sort());
  await page.mouse.move(...await cellOf('#pipeline-0 canvas', 17, 7, 7));
  assert.equal((await links()).length, 1);
  await page.mouse.move(2, 2);
  assert.deepEqual(await links(), []);
  await page.locator('#pipeline-0 canvas').focus();
  await page.keyboard.press('ArrowRight'); // 8 of an axis sees two inputs, 7 one
  assert.equal((await links()).length, 2);
  assert.equal((await colourAt('#input-cells', 3.66, 3, 34)).join(), '255,122,0'); // k[1,2] stands there
  await page.keyboard.press('Tab');
  assert.deepEqual(await links(), []);
});

test('shows the outputs that an input is part of', async () => {
  await page.locator('#input-cells').focus();
  for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowRight', 'ArrowRight', 'ArrowRight'])
    await page.keyboard.press(key);
  assert.equal(await page.locator('#input-value').textContent(),
    'input[3, 3] = 1, part of outputs: 9 of Conv2DTranspose 3×3 stride 2, 4 of UpSampling2D');
  assert.equal((await links()).length, 13);
  await change('#parameter-kernel_size', fill('4'));
  assert.match(await page.locator('#input-value').textContent(), /: 16 of Conv2DTranspose 4×4/);
  await change('#layer-add', button => button.click()); // 4 x 4 outputs seen by 6 x 6
  assert.match(await page.locator('#input-value').textContent(), /: 36 of Conv2DTranspose 4×4 stride 2 → Conv2D 3×3/);
  assert.deepEqual(problems, []);
});

// What the page says of a cell must be what its own terms add up to, and what the service said.
async function sumsUp(index, size, y, x) {
  await page.mouse.move(...await cellOf(`#pipeline-${index} canvas`, size, y, x));
  await page.waitForFunction(([i, place]) =>
    document.querySelector(`#pipeline-${i} .sum`).textContent.startsWith(place), [index, `output[${y}, ${x}]`]);
  const text = await sum(index);
  const [, terms, total] = /cells?: (.*) = (\S+)$/.exec(text) ?? assert.fail(text);
  const added = terms.split(' + ').map(term => term.replace(/^k\S* /, '').split(' × ').map(Number))
    .reduce((result, [weight, value]) => result + weight * value, 0);
  assert.ok(Math.abs(added - Number(total)) < 1e-3 * (1 + Math.abs(added)), text);
}

test('explains weights that are drawn, interpolation and channels that become pixels', async () => {
  await change('#parameter-kernel_initializer', field => field.selectOption('RandomNormal'));
  await sumsUp(0, 17, 8, 8);
  await change('#layer', layer => layer.selectOption('UpSampling2D'));
  for (const way of ['bilinear', 'bicubic']) {
    await change('#parameter-interpolation', field => field.selectOption(way));
    await sumsUp(0, 17, 4, 5);
    await sumsUp(0, 17, 11, 12);
  }
  await change('#layer', layer => layer.selectOption('PixelShuffle'));
  await sumsUp(0, 34, 3, 3);
});

test('explains sequences and volumes as it does images', async () => {
  await change('#preset', field => field.selectOption({label: 'a pulse, 12'}));
  await page.locator('#pipeline-0 canvas').focus();
  for (let i = 0; i < 10; i++)
    await page.keyboard.press('ArrowRight');
  assert.equal(await sum(0), 'output[10] from 2 cells: k[0] 1 × 1 + k[2] 1 × 1 = 2');
  assert.equal(await page.locator('#weight-grid .used').count(), 2);
  await change('#preset', field => field.selectOption({label: 'a cube, 4×4×4'}));
  await page.mouse.move(...await cellOf('#pipeline-0 canvas', 34, 4, 3)); // 4 = 2 * 2 + 0 = 2 * 1 + 2, 3 = 2 * 1 + 1
  assert.equal(await sum(0),
    'output[4, 4, 3] from 4 cells: k[0,0,1] 1 × 1 + k[0,2,1] 1 × 1 + k[2,0,1] 1 × 1 + k[2,2,1] 1 × 1 = 4');
  assert.equal((await links()).length, 2); // of the slice that is shown
  await change('#view', field => field.selectOption('taps'));
  assert.equal(await caption(0), '8 × 8 × 8, kernel positions: 1 to 8; slice 4');
  await change('#layer-add', button => button.click());
  await change('#view', field => field.selectOption('outputs'));
  await page.mouse.move(...await cellOf('#pipeline-1 canvas', 34, 4, 3));
  assert.equal(await sum(1), 'output[4, 4, 3] from 1 cell: 1 × 1 = 1');
  assert.deepEqual(problems, []);
});

test('clears the checkerboard for a kernel of four', async () => {
  await change('#parameter-kernel_size', fill('4'));
  assert.match(await diagnosis(0), /^No checkerboard: .* same number of kernel positions \(4\)/);
});

test('changes what decides at the picture', async () => {
  await change('#pipeline-0 .quick [name="kernel_size"]', fill('4'));
  assert.match(await diagnosis(0), /^No checkerboard/);
  await change('#pipeline-1 .quick [name="interpolation"]', field => field.selectOption('bicubic'));
  assert.equal((await request()).layer.config.interpolation, 'bicubic');
  assert.equal(await page.locator('#parameter-interpolation').inputValue(), 'bicubic');
  await change('#pipeline-1 .tools button:text("Edit")', button => button.click());
  await change('#parameter-size', fill('2, 3'));
  assert.match(await caption(1), /^16 × 24/);
  assert.ok(await page.locator('#pipeline-1 .quick [name="size"]').isHidden()); // one number cannot say it
  await change('#preset', field => field.selectOption({label: 'a pulse, 12'}));
  assert.equal(await page.locator('#pipeline-0 .quick [name="kernel_size"]').inputValue(), '4');
  assert.equal(await page.locator('#pipeline-1 .quick [name="interpolation"]').count(), 0);
  assert.deepEqual(problems, []);
});

// Layers and inputs for them, the same each time: a number of 0 to below 1 decides, then the next.
function* layersMade(count) {
  let seed = 1;
  const below = limit => {
    seed = seed * 48271 % 2147483647;
    return Math.floor(seed / 2147483647 * limit);
  };
  const numbers = (many, limit) => Array.from({length: many}, () => 1 + below(limit));
  const filled = ([many, ...rest]) => Array.from({length: many}, () => rest.length > 0 ? filled(rest) : below(9) - 4);
  for (let i = 0; i < count; i++) {
    const axes = 1 + below(3), kind = ['Conv%DTranspose', 'Conv%DTranspose', 'Conv%D', 'UpSampling%D'][below(4)];
    const dilated = below(3) === 0, each = limit => axes === 1 ? 1 + below(limit) : numbers(axes, limit);
    const strides = dilated ? 1 : each(3), paddings = kind === 'Conv%D' && axes === 1 ? 3 : 2;
    const config = kind === 'UpSampling%D' ? {size: each(3),
      ...(axes === 2 ? {interpolation: ['nearest', 'bilinear', 'bicubic'][below(3)]} : {})}
      : {filters: 1 + below(2), kernel_size: each(4), strides, padding: ['valid', 'same', 'causal'][below(paddings)],
        dilation_rate: dilated ? 1 + below(2) : 1, kernel_initializer: 'RandomNormal', bias_initializer: 'RandomNormal',
        ...(kind === 'Conv%DTranspose' && below(3) === 0 ? {output_padding: Array.isArray(strides) ? strides.map(below) : below(strides)} : {})};
    yield {layer: {class_name: kind.replace('%', axes), config}, axes,
      input: filled([...numbers(axes, 4).map(length => length + 7), 2])};
  }
}

test('its sums are those of the service for 150 random layers', async () => {
  const wrong = await page.evaluate(async cases => {
    const {gatherOf, sidesOf, termsOf} = await import('/explain.js'), {volumeOf} = await import('/image.js');
    const post = async (path, body) => {
      const answer = await fetch(path, {method: 'POST', body: JSON.stringify(body)});
      if (!answer.ok)
        throw new Error(`${body.layer.class_name} ${JSON.stringify(body.layer.config)}: ${await answer.text()}`);
      return answer.json();
    };
    const wrong = [];
    for (const {layer, axes, input} of cases) {
      const request = {input, layer, set_random_seed: 1};
      const {output} = await post('upsample', request), {layers: [row]} = await post('plan?weights=true', request);
      const from = volumeOf(input, axes), to = volumeOf(output, axes), [kernel, bias] = row.weights.map(({values}) => values);
      const gather = gatherOf(layer, sidesOf(row.input_shape, axes), sidesOf(row.output_shape, axes));
      const placed = Array.from({length: 3 - axes}).reduce(inner => [inner], kernel);
      for (let i = 0; i < to.flat.length; i++) {
        const channel = i % to.channels, cell = Math.floor(i / to.channels);
        const at = {x: cell % to.width, y: Math.floor(cell / to.width) % to.height, z: Math.floor(cell / to.width / to.height)};
        const sum = termsOf(gather, from, placed, at, channel).reduce((sum, {weight, value}) => sum + weight * value, bias?.[channel] ?? 0);
        if (!(Math.abs(sum - to.flat[i]) < 1e-4)) {
          wrong.push([layer, at, sum, to.flat[i]]);
          break;
        }
      }
    }
    return wrong;
  }, [...layersMade(150)]);
  assert.deepEqual(wrong, []);
});

test('draws on the input, and opens again from its address', async () => {
  await page.locator('#brush').fill('7');
  await page.mouse.click(...await cellOf('#input-cells', 34, 0, 1));
  await page.waitForFunction(() => decodeURIComponent(location.hash).includes('[0,7,0'));
  assert.equal((await request()).input[0][1], 7);
  assert.equal(await page.locator('#preset').inputValue(), '');
  await change('#add', button => button.click());
  await change('#parameter-kernel_size', fill('5'));
  const other = await (await browser.newContext()).newPage();
  await other.goto(page.url());
  await settled(other);
  assert.equal((await request(other)).input[0][1], 7);
  for (const index of [0, 1, 2])
    assert.equal(await caption(index, other), await caption(index));
  await other.context().close();
});

test('keeps several pipelines, and lists of layers in each', async () => {
  await change('#add', button => button.click());
  assert.equal(await page.locator('#pipeline-2').count(), 1);
  await change('#layer-add', button => button.click()); // a convolution of ones behind
  assert.deepEqual((await request()).layers.map(({class_name: name}) => name), ['Conv2DTranspose', 'Conv2D']);
  await sumsUp(2, 17, 8, 8);
  const marked = await page.locator('#weight-grid .used').count();
  assert.equal(marked, 9);
  await change('#layer-earlier', button => button.click());
  assert.deepEqual((await request()).layers.map(({class_name: name}) => name), ['Conv2D', 'Conv2DTranspose']);
  await change('#layer-remove', button => button.click());
  assert.equal((await request()).layer.class_name, 'Conv2DTranspose');
  await change('#pipeline-2 .tools button:text("Remove")', button => button.click());
  await change('#pipeline-1 .tools button:text("Edit")', button => button.click());
  assert.equal((await request()).layer.class_name, 'UpSampling2D');
  assert.equal(await page.locator('#pipeline-2').count(), 0);
  assert.deepEqual(problems, []);
});

test('takes weights from its grid', async () => {
  await change('#weight-grid [data-at="1,1"]', fill('5'));
  await page.mouse.move(...await cellOf('#pipeline-0 canvas', 17, 7, 7));
  assert.equal(await sum(0), 'output[7, 7] from 1 cell: k[1,1] 5 × 1 = 5');
  assert.equal((await request()).layer.weights[0][1][1][0][0], 5);
  await change('#weights-drop', button => button.click());
  assert.equal((await request()).layer.weights, undefined);
});

test('shows a volume slice by slice, and one scale for all', async () => {
  await change('#preset', field => field.selectOption({label: 'a ball, 8×8×8'}));
  assert.match(await caption(1), /^16 × 16 × 16,/);
  const slice = page.locator('#pipeline-1 input[type="range"]');
  assert.equal(await slice.getAttribute('max'), '15');
  assert.match(await caption(1), /; slice 8$/); // the middle, where there is something to see
  await slice.fill('0');
  const outer = await colourAt('#pipeline-1 canvas', 8, 8, 17);
  await slice.fill('8');
  assert.notDeepEqual(await colourAt('#pipeline-1 canvas', 8, 8, 17), outer);
  const alone = await colourAt('#pipeline-1 canvas', 8, 8, 17);
  await change('#shared', box => box.check());
  assert.notDeepEqual(await colourAt('#pipeline-1 canvas', 8, 8, 17), alone); // 1 of 8 now
  assert.deepEqual(problems, []);
});

// A PNG of the service's own, as bytes.
async function pngOf(input, layers) {
  const answer = await fetch(`${origin}/upsample?format=png&render=image`,
    {method: 'POST', body: JSON.stringify({input, layers})});
  return Buffer.from(await answer.arrayBuffer());
}

test('shows pictures in their colours, as cells or as text', async () => {
  const file = {name: 'colours.png', mimeType: 'image/png'};
  await change('#file', async field => field.setInputFiles({...file,
    buffer: await pngOf([[[1, 0, 0], [0, 1, 0]], [[0, 0, 1], [1, 1, 1]]], [])}));
  await page.locator('#input-caption:text-is("2 × 2 × 3, values from 0 to 1")').waitFor();
  await settled();
  assert.deepEqual(await colourAt('#input-cells', 0, 1, 34), [0, 255, 0]);
  assert.deepEqual(await colourAt('#pipeline-1 canvas', 3, 1, 34), [0, 0, 255]);
  await page.mouse.move(...await cellOf('#pipeline-1 canvas', 34, 0, 1));
  assert.equal(await sum(1), 'output[0, 1] = 1, 0, 0; channel 0 from 1 cell: 1 × 1 = 1');
  await page.locator('#input-channel').selectOption('1');
  assert.deepEqual(await colourAt('#input-cells', 0, 0, 34), [0, 0, 0]);
  // Too many values for the text, yet a picture.
  const large = [{class_name: 'UpSampling2D', config: {size: 150}}];
  await change('#file', async field => field.setInputFiles({...file, name: 'large.png',
    buffer: await pngOf([[[1, 0, 0], [0, 1, 0]], [[0, 0, 1], [1, 1, 1]]], large)}));
  await page.locator('#input-caption:text-is("300 × 300 × 3, values from 0 to 1")').waitFor();
  await settled();
  assert.match(await page.locator('#input').inputValue(), /^\{\n {2}"png"/);
  assert.match(await caption(1), /^600 × 600 × 3/);
  const cell = 287 / 600; // pixels: what the picture has room for
  assert.deepEqual(await colourAt('#pipeline-1 canvas', 400, 50, cell), [0, 0, 255]);
  // Where all three channels are 1, outputs are 3, 6, 6 and 12 in turn: from afar their mean, of 1 to 12.
  for (let i = 0; i < 8; i++) {
    const [gray] = await colourAt('#pipeline-0 canvas', 400 + 3 * i, 400 + 5 * i, cell);
    assert.ok(Math.abs(gray - 255 * (6.75 - 1) / (12 - 1)) < 2, `${gray} is a pattern that is not there`);
  }
  assert.deepEqual(problems, []);
});

test('takes a picture that is dropped on it', async () => {
  const picture = await (await fetch(`${origin}/upsample?layers=[]&format=png&render=image`,
    {method: 'POST', body: '{"input": [[0, 1, 0], [1, 0, 1]]}'})).arrayBuffer();
  await page.evaluate(bytes => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], 'six.png', {type: 'image/png'}));
    document.dispatchEvent(new DragEvent('drop', {dataTransfer: data, cancelable: true}));
  }, [...new Uint8Array(picture)]);
  await page.locator('#input-caption:text-is("2 × 3, values from 0 to 1")').waitFor();
  await settled();
  assert.deepEqual((await request()).input, [[0, 1, 0], [1, 0, 1]]);
  assert.equal(await page.locator('#preset').inputValue(), '');
  assert.deepEqual(problems, []);
});

// A candidate's figures by the names of their columns.
async function figures(name) {
  const heads = await page.locator('#compared thead th').allTextContents();
  const cells = await page.locator('#candidates tr', {hasText: name}).first().locator('th, td').allTextContents();
  return Object.fromEntries(heads.map((head, i) => [head, cells[i]]));
}

const verdict = () => page.locator('#verdict').textContent();

test('says what its pipelines are good for before anything is pressed', async () => {
  const transposed = await figures('Conv2DTranspose 3×3 stride 2'), repeated = await figures('UpSampling2D');
  assert.equal(transposed.checkerboard, '0.75'); // 1 of 4 taps at least: (4 - 1) / 4
  assert.equal(transposed.overshoot, '3'); // 4 where the input has 0 to 1
  assert.equal(transposed.parameters, '10');
  assert.equal(repeated.checkerboard, '0');
  assert.equal(repeated.output, '16 × 16');
  assert.match(await verdict(), /With a checkerboard: Conv2DTranspose 3×3 stride 2 \(checkerboard 0\.75\); without: UpSampling2D/);
  await change('#parameter-kernel_size', fill('4'));
  assert.match(await verdict(), /^Without a checkerboard: Conv2DTranspose 4×4 stride 2/);
  assert.equal((await figures('Conv2DTranspose')).checkerboard, '0');
  assert.deepEqual(problems, []);
});

test('compares seven ways in a table, a picture and words', async () => {
  await page.locator('#candidates-of').selectOption('notebook');
  await page.locator('#candidates tr').nth(6).waitFor();
  assert.equal(await page.locator('#candidates tr').count(), 7);
  assert.equal((await figures('Conv2DTranspose 3×3')).checkerboard, '0.75');
  assert.equal((await figures('Conv2DTranspose 4×4')).checkerboard, '0');
  assert.match(await verdict(), /checkerboard: Conv2DTranspose 3×3/);
  const sharpest = /Sharpest of those without: (\S+) \(rms_gradient (\S+)\);/.exec(await verdict());
  assert.equal((await figures(sharpest[1])).rms_gradient, sharpest[2]);
  await page.waitForFunction(() => document.querySelector('#comparison').naturalWidth > 50);
  assert.deepEqual(problems, []);
});

test('shows what outputs differ by, signed and on one scale around nothing', async () => {
  await change('#view', field => field.selectOption('1'));
  // Kernel of ones: 1, 2 or 4 taps of the square's ones and outside of it nothing, less the square itself.
  assert.match(await caption(0), /^differs by 0 to 3, .* from UpSampling2D$/);
  assert.match(await caption(1), /the others differ from this$/);
  assert.deepEqual(await colourAt('#pipeline-0 canvas', 0, 0, 17), [247, 246, 246]); // no difference: the map's middle
  const [red, , blue] = await colourAt('#pipeline-0 canvas', 8, 8, 17);
  assert.ok(red > 90 && blue < 40, 'more is not red');
  await page.mouse.move(...await cellOf('#pipeline-0 canvas', 17, 8, 8));
  assert.match(await sum(0), / = 4, 3 more than UpSampling2D$/);
  await change('#view', field => field.selectOption('0'));
  const [less, , more] = await colourAt('#pipeline-1 canvas', 8, 8, 17);
  assert.ok(more > 60 && less < 20, 'less is not blue');
  await change('#parameter-strides', fill('3'));
  assert.match(await caption(1), /of another size than Conv2DTranspose 3×3 stride 3$/);
  const other = await (await browser.newContext()).newPage();
  await other.goto(page.url());
  await settled(other);
  assert.equal(await other.locator('#view').inputValue(), '0');
  await other.context().close();
});

test('shows how many kernel positions reach each output', async () => {
  await change('#view', field => field.selectOption('taps'));
  assert.equal(await caption(0), '16 × 16, kernel positions: 1 to 4');
});

test('has its first result soon', async t => {
  const times = [];
  for (let i = 0; i < 20; i++) {
    const other = await browser.newPage();
    await other.goto(`${origin}/`);
    times.push(Number(await (await other.waitForFunction(() =>
      document.documentElement.dataset.firstResult)).jsonValue()));
    await other.close();
  }
  times.sort((a, b) => a - b);
  t.diagnostic(`first result: median of ${times.length} loads ${times[10]} ms, ${times[0]} to ${times.at(-1)}`);
  assert.ok(times.every(ms => ms > 0), String(times));
});

for (const colorScheme of ['light', 'dark'])
  for (const width of [1280, 390])
    test(`axe finds nothing wrong in ${colorScheme} colours, ${width} pixels wide`, async () => {
      await page.emulateMedia({colorScheme});
      await page.setViewportSize({width, height: 844});
      await page.locator('#candidates-of').selectOption('notebook');
      await page.locator('#candidates tr').nth(6).waitFor();
      await change('#parameter-strides', fill('0'));
      await page.evaluate(readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8'));
      const {violations} = await page.evaluate(() => globalThis.axe.run());
      assert.deepEqual(violations.map(({id, nodes}) => [id, nodes.map(node => node.html)]), []);
    });
