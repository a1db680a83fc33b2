// What the page says of how an output is made.
import assert from 'node:assert/strict';
import {test} from 'node:test';
import {caption, cellOf, change, colourAt, fill, links, page, problems, request, sum, sumsUp} from './harness.mjs';

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
