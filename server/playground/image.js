// Nested arrays of the service as planes that can be drawn: a volume of (depth, height, width,
// channels), of which an image has one plane and a sequence one line.

export const shapeOf = value => Array.isArray(value) ? [value.length, ...shapeOf(value[0])] : [];

// In place of a channel: three of them as red, green and blue.
export const COLOURS = 'colours';

// The lowest and highest of some numbers, of which some may be null.
export function rangeOf(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values)
    if (value !== null) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  return low <= high ? [low, high] : [0, 0];
}

// `flat`: the numbers in that order. Planes are made once each, so that they can be told apart.
function volumeMake([depth, height, width], channels, spatial, flat) {
  const at = (z, y, x, c) => flat[((z * height + y) * width + x) * channels + c];
  const planes = new Map();
  const plane = (z, c) => {
    const key = `${z} ${c}`, value = (y, x) => c === COLOURS ? [0, 1, 2].map(i => at(z, y, x, i)) : at(z, y, x, c);
    if (!planes.has(key))
      planes.set(key, Array.from({length: height}, (_, y) => Array.from({length: width}, (__, x) => value(y, x))));
    return planes.get(key);
  };
  return {depth, height, width, channels, spatial, flat, at, plane, range: rangeOf(flat)};
}

// `axes`: that the layers work along; 0: they do not say, and the last of up to three is channels
// where there are three. Null where the values are no volume.
export function volumeOf(values, axes) {
  const shape = shapeOf(values), flat = [values].flat(Infinity);
  const spatial = axes > 0 ? axes : Math.min(shape.length === 3 ? 2 : shape.length, 3);
  const hasChannels = shape.length > spatial, hasBatch = shape.length > spatial + 1;
  const inner = hasBatch ? shape.slice(1) : shape;
  const sides = [...Array(Math.max(3 - spatial, 0)).fill(1), ...inner.slice(0, spatial)];
  if (sides.length !== 3 || shape.length > spatial + 2 || flat.length === 0)
    return null;
  const channels = hasChannels ? inner[spatial] ?? 1 : 1;
  const first = sides.reduce((product, side) => product * side, channels); // of the batch
  return volumeMake(sides, channels, spatial, flat.length > first ? flat.slice(0, first) : flat);
}

const sizeOf = ({depth, height, width, channels}) => [depth, height, width, channels].join();

// What a volume has more than another at each place, or null where their sizes differ.
export function differenceOf(volume, other) {
  if (sizeOf(volume) !== sizeOf(other))
    return null;
  const {depth, height, width, channels, spatial} = volume;
  return volumeMake([depth, height, width], channels, spatial,
    volume.flat.map((value, i) => value === null || other.flat[i] === null ? null : value - other.flat[i]));
}
