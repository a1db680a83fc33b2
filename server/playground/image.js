// Nested arrays of the service as planes that can be drawn: a volume of (depth, height, width,
// channels), of which an image has one plane and a sequence one line.

const shapeOf = value => Array.isArray(value) ? [value.length, ...shapeOf(value[0])] : [];

// `axes`: that the layers work along; 0: they do not say, and the last of up to three is channels
// where there are three.
export function volumeOf(values, axes) {
  const shape = shapeOf(values), flat = [values].flat(Infinity);
  const spatial = axes > 0 ? axes : Math.min(shape.length === 3 ? 2 : shape.length, 3);
  const hasChannels = shape.length > spatial, hasBatch = shape.length > spatial + 1;
  const inner = hasBatch ? shape.slice(1) : shape;
  const sides = [...Array(Math.max(3 - spatial, 0)).fill(1), ...inner.slice(0, spatial)];
  if (sides.length !== 3 || shape.length > spatial + 2 || flat.length === 0)
    return null;
  const channels = hasChannels ? inner[spatial] ?? 1 : 1;
  const [depth, height, width] = sides;
  const at = (z, y, x, c) => flat[((z * height + y) * width + x) * channels + c];
  const plane = (z, c) => Array.from({length: height}, (_, y) => Array.from({length: width}, (__, x) => at(z, y, x, c)));
  return {depth, height, width, channels, at, plane, spatial};
}

// The lowest and highest number of some planes.
export function rangeOf(planes) {
  let low = Infinity, high = -Infinity;
  for (const value of planes.flat(2))
    if (value !== null) {
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  return low <= high ? [low, high] : [0, 0];
}
