// What is done to images alone: medians, parts of them, and running maxima and minima.
// An image is { width, height, data }, with one number for each pixel.

export function mapped({ width, height, data }, change, Kind = Float32Array) {
  const found = { width, height, data: new Kind(data.length) }; // a loop is ten times as fast as Kind.from
  for (let at = 0; at < data.length; at++) found.data[at] = change(data[at], at);
  return found;
}

// Those values of an image that a test holds for.
export function chosen({ data }, test) {
  const found = new data.constructor(data.length);
  let count = 0;
  for (let at = 0; at < data.length; at++) if (test(data[at], at)) found[count++] = data[at];
  return found.subarray(0, count);
}

export function cropped({ width, data }, [left, top, right, bottom]) {
  const found = { width: right - left, height: bottom - top, data: new data.constructor((right - left) * (bottom - top)) };
  for (let row = top; row < bottom; row++) {
    found.data.set(data.subarray(row * width + left, row * width + right), (row - top) * found.width);
  }
  return found;
}

export function median(values) {
  const sorted = new Float32Array(values).sort(), middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
}

export function largest(values) {
  let found = -Infinity;
  for (const value of values) if (value > found) found = value;
  return found;
}

export function smallest(values) {
  let found = Infinity;
  for (const value of values) if (value < found) found = value;
  return found;
}

// The maximum of a window around each pixel. Its side is odd, and it is cut at edges.
export function dilated(image, side) {
  return bothWays(image, side >> 1, Math.max);
}

export function eroded(image, side) {
  return bothWays(image, side >> 1, Math.min);
}

// A dilation and then an erosion: dark parts that are narrower than the window get the brightness around them.
export function closed(image, side) {
  return eroded(dilated(image, side), side);
}

function bothWays(image, reach, pick) {
  return transposed(alongRows(transposed(alongRows(image, reach, pick)), reach, pick));
}

// What the window covers doubles with each step, up to its whole width.
function alongRows({ width, height, data }, reach, pick) {
  const wide = width + 2 * reach, found = { width, height, data: new data.constructor(data.length) };
  const row = new data.constructor(wide);
  for (let start = 0; start < data.length; start += width) {
    row.fill(data[start], 0, reach).set(data.subarray(start, start + width), reach);
    row.fill(data[start + width - 1], reach + width);
    for (let covered = 1, step; covered < 2 * reach + 1; covered += step) {
      step = Math.min(covered, 2 * reach + 1 - covered);
      for (let at = 0; at < wide - step; at++) row[at] = pick(row[at], row[at + step]);
    }
    found.data.set(row.subarray(0, width), start);
  }
  return found;
}

function transposed({ width, height, data }) {
  const found = { width: height, height: width, data: new data.constructor(data.length) };
  for (let row = 0, at = 0; row < height; row++) {
    for (let column = 0; column < width; column++, at++) found.data[column * height + row] = data[at];
  }
  return found;
}

// How often a pixel of a mask differs from the one above it or beside it.
export function edgesOf({ width, data }) {
  let count = 0;
  for (let at = 0; at < data.length; at++) {
    if (at >= width && data[at] !== data[at - width]) count++;
    if (at % width && data[at] !== data[at - 1]) count++;
  }
  return count;
}
