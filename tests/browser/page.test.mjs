// The page's controls and pictures.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {browser, caption, cellOf, change, colourAt, diagnosis, fill, origin, page,
  pngOf, problems, request, settled, sum, sumsUp} from './harness.mjs';

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
