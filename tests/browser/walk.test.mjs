// The page as its visitors meet it: from the first picture to a line that they take away.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {test} from 'node:test';
import {fileURLToPath} from 'node:url';
import {browser, caption, cellOf, change, diagnosis, fill, origin, page, pngOf, problems, request,
  settled, sumsUp, TIMEOUT_MS} from './harness.mjs';

// What a cell of the first output adds up to, of so many columns.
async function pointedAt(columns, y, x) {
  const {width} = await page.locator('#pipeline-0 canvas').boundingBox();
  return sumsUp(0, (width - 84) / columns, y, x); // 84: beside the cells
}

const drop = bytes => page.evaluate(numbers => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(numbers)], 'six.png', {type: 'image/png'}));
  document.dispatchEvent(new DragEvent('drop', {dataTransfer: data, cancelable: true}));
}, [...bytes]);

// As another visitor sees what the address says.
async function opensAgain(address) {
  const other = await (await browser.newContext()).newPage();
  await other.goto(address);
  await settled(other);
  assert.deepEqual(await request(other), await request());
  for (let i = 0; i < await page.locator('#pipelines .card').count() - 1; i++)
    assert.equal(await caption(i, other), await caption(i));
  await other.context().close();
}

async function walk() {
  assert.match(await diagnosis(0), /^Checkerboard: kernel_size 3 is not divisible by strides 2/);
  for (const [y, x, ones] of [[8, 8, 4], [7, 8, 2], [7, 7, 1], [0, 0, 0]])
    assert.equal(await pointedAt(16, y, x), ones);
  await change('#pipeline-0 .quick [name="kernel_size"]', fill('4'));
  assert.match(await diagnosis(0), /^No checkerboard/);
  await page.locator('#brush').fill('7');
  const {width} = await page.locator('#input-cells').boundingBox();
  await page.mouse.click(...await cellOf('#input-cells', (width - 84) / 8, 0, 1));
  await page.waitForFunction(() => decodeURIComponent(location.hash).includes('[0,7,0'));
  await drop(await pngOf([[0, 1, 0], [1, 0, 1]], []));
  await page.locator('#input-caption:text-is("2 × 3, values from 0 to 1")').waitFor();
  await settled();
  await change('#add', button => button.click());
  await change('#pipeline-2 .quick [name="kernel_size"]', fill('5'));
  await change('#pipeline-0 .tools button:text("Edit")', button => button.click());
  await opensAgain(page.url());
  const answer = JSON.parse(execFileSync('sh', ['-c', await page.locator('#curl').textContent()],
    {stdio: 'pipe', timeout: TIMEOUT_MS}));
  assert.deepEqual(answer.shape, [4, 6]);
  for (const [y, x] of [[1, 2], [3, 5], [2, 1], [0, 0]])
    assert.equal(await pointedAt(6, y, x), answer.output[y][x]);
  assert.deepEqual(problems, []);
}

for (const colorScheme of ['light', 'dark'])
  for (const [width, height] of [[1280, 900], [390, 844]])
    test(`answers the notebook's question in ${colorScheme} colours, ${width} pixels wide`, async () => {
      await page.emulateMedia({colorScheme});
      await page.setViewportSize({width, height});
      await page.reload();
      await settled();
      await walk();
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
