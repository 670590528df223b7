// Resizes images as Pillow does: each pixel is a weighted mean of those under a filter, which widens as images shrink.
// An image is { width, height, data }, with one number for each pixel.

const cubic = (x, a = -0.5) => x < 1 ? ((a + 2) * x - (a + 3)) * x * x + 1 : x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;

export const BOX = { support: 0.5, weight: x => x > -0.5 && x <= 0.5 ? 1 : 0 };
export const BILINEAR = { support: 1, weight: x => Math.max(0, 1 - Math.abs(x)) };
export const BICUBIC = { support: 2, weight: x => cubic(Math.abs(x)) };

// The part of an image within a box (left, top, right, bottom), with another size.
export function resized(image, width, height, filter, [left, top, right, bottom] = [0, 0, image.width, image.height]) {
  const wide = width === image.width && left === 0 && right === width
    ? image : across(image, weightsOf(left, right, image.width, width, filter));
  return height === image.height && top === 0 && bottom === height
    ? wide : down(wide, weightsOf(top, bottom, image.height, height, filter));
}

// For each new pixel, the first of the old ones that it is made of, and the weight of each.
function weightsOf(start, end, old, wanted, { support, weight }) {
  const scale = (end - start) / wanted, wider = Math.max(scale, 1);
  return Array.from({ length: wanted }, (_, at) => {
    const center = start + (at + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support * wider + 0.5));
    const last = Math.min(old, Math.trunc(center + support * wider + 0.5));
    const weights = Array.from({ length: last - first }, (_, place) => weight((place + first - center + 0.5) / wider));
    const sum = weights.reduce((a, b) => a + b, 0);
    return { first, weights: weights.map(value => value / sum) };
  });
}

function across({ width, height, data }, columns) {
  const found = blank(data, columns.length, height);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < columns.length; column++) {
      const { first, weights } = columns[column];
      let sum = 0;
      for (let at = 0; at < weights.length; at++) sum += weights[at] * data[row * width + first + at];
      found.data[row * columns.length + column] = rounded(data, sum);
    }
  }
  return found;
}

function down({ width, data }, rows) {
  const found = blank(data, width, rows.length);
  for (let row = 0; row < rows.length; row++) {
    const { first, weights } = rows[row];
    for (let column = 0; column < width; column++) {
      let sum = 0;
      for (let at = 0; at < weights.length; at++) sum += weights[at] * data[(first + at) * width + column];
      found.data[row * width + column] = rounded(data, sum);
    }
  }
  return found;
}

function blank(like, width, height) {
  return { width, height, data: new like.constructor(width * height) };
}

function rounded(like, value) {
  return like instanceof Uint8Array ? Math.min(255, Math.max(0, Math.floor(value + 0.5))) : value;
}
