// Light: which side of a gray picture is ink, and how much of the paper's light the ink takes.
// As edgecnn/imaging/light.py, which says why.

import { chosen, closed, largest, mapped, median, smallest } from "./images.js";
import { BILINEAR, BOX, resized } from "./resize.js";

const LARGEST_FRAME = 40, GROUND_SIDE = 64, WINDOW = 0.3, AROUND = 0.25, FAR = 5, BLUR = 2;
const SURFACE_ROUNDS = 4, DARK = 0.7, LITTLE = 0.01, LEVELS = 256;

// Whether a picture is so small that a digit fills its frame.
export function fillsFrame({ width, height }) {
  return Math.max(width, height) <= LARGEST_FRAME;
}

// The brightness that splits the pixels into two classes best (N. Otsu, 1979).
function otsu(gray) {
  const counts = new Float64Array(LEVELS);
  for (const value of gray.data) counts[value]++;
  const whole = gray.data.length, weight = counts.reduce((sum, count, level) => sum + count * level, 0);
  let below = 0, weighted = 0, best = -1, found = 0;
  counts.forEach((count, level) => {
    below += count;
    weighted += count * level;
    const between = (weight / whole * below - weighted) ** 2 / Math.max(below * (whole - below), 1);
    if (between > best) [best, found] = [between, level];
  });
  return found;
}

// Whether the ink of a picture is lighter than its paper.
export function hasDarkPaper(gray) {
  if (fillsFrame(gray)) return frameIsDark(gray);
  const small = smallOf(gray), window = Math.round(AROUND * Math.max(small.width, small.height));
  const [width, height] = [small.width, small.height].map(side => Math.max(1, Math.floor(side / window)));
  const coarse = scaled(scaled(small, width, height), small.width, small.height);
  return small.data.reduce((sum, value, at) => sum + (value - coarse.data[at]) ** FAR, 0) > 0;
}

function frameIsDark(gray) {
  const level = otsu(gray), { width, height } = gray;
  const light = Array.from(gray.data, value => value > level ? 1 : 0);
  const border = light.flatMap((value, at) => [
    ...(at < width ? [value] : []), ...(at >= light.length - width ? [value] : []),
    ...(at % width === 0 ? [value] : []), ...(at % width === width - 1 ? [value] : []),
  ]);
  const mean = values => values.reduce((a, b) => a + b, 0) / values.length;
  return mean(border) + mean(light) < 1 && border.length === 2 * (width + height);
}

// The share of the paper's light that is missing, 0 to 1, for dark ink on light paper.
export function inkOf(gray) {
  if (fillsFrame(gray)) {
    const level = otsu(gray), light = chosen(gray, value => value > level);
    const ground = Math.max(median(light.length ? light : gray.data), 1);
    return mapped(gray, value => Math.max(0, 1 - value / ground));
  }
  const ground = groundOf(gray);
  return mapped(gray, (value, at) => Math.max(0, 1 - value / Math.max(ground.data[at], 1)));
}

// The paper alone: a smooth surface through a small copy's light pixels, above which its dark strokes are closed.
function groundOf(gray) {
  const small = smallOf(gray), surface = surfaceOf(small);
  const window = Math.round(WINDOW * Math.max(small.width, small.height)) | 1;
  const even = closed(mapped(small, (value, at) => value / surface[at]), window);
  const paper = mapped(even, (value, at) => value * surface[at]);
  const [width, height] = [small.width, small.height].map(side => Math.max(1, Math.floor(side / BLUR)));
  return scaled(scaled(paper, width, height), gray.width, gray.height);
}

// The quadratic surface that fits the lighter pixels best.
function surfaceOf(small) {
  const place = (at, side) => side > 1 ? 2 * at / (side - 1) - 1 : -1, { width, height, data } = small;
  const terms = [...data].map((_, at) => {
    const x = place(at % width, width), y = place(Math.floor(at / width), height);
    return [1, x, y, x * y, x * x, y * y];
  });
  let weights = new Float32Array(data.length).fill(1), fitted = small;
  for (let round = 0; round < SURFACE_ROUNDS; round++) {
    const factors = fit(terms, data, weights);
    fitted = mapped(small, (_, at) => terms[at].reduce((sum, value, term) => sum + value * factors[term], 0));
    const whole = weights.reduce((a, b) => a + b, 0);
    const spread = data.reduce((sum, value, at) => sum + weights[at] * (value - fitted.data[at]) ** 2, 0);
    const deviation = 1 + Math.sqrt(spread / whole);
    weights = weights.map((_, at) => data[at] - fitted.data[at] < -DARK * deviation ? LITTLE : 1);
  }
  return fitted.data.map(value => Math.max(value, 1));
}

// Weighted least squares with a ridge of 1, by Gauss-Jordan elimination.
function fit(terms, values, weights) {
  const count = terms[0].length;
  const rows = Array.from({ length: count }, (_, row) => Array.from({ length: count + 1 }, (_, column) => +(row === column)));
  terms.forEach((term, at) => {
    for (let row = 0; row < count; row++) {
      for (let column = 0; column < count; column++) rows[row][column] += weights[at] * term[row] * term[column];
      rows[row][count] += weights[at] * term[row] * values[at];
    }
  });
  for (let pivot = 0; pivot < count; pivot++) { // the matrix is positive definite: no pivot is 0
    const divisor = rows[pivot][pivot];
    rows[pivot] = rows[pivot].map(value => value / divisor);
    for (let row = 0; row < count; row++) {
      const factor = row === pivot ? 0 : rows[row][pivot];
      rows[row] = rows[row].map((value, column) => value - factor * rows[pivot][column]);
    }
  }
  return rows.map(row => row[count]);
}

function smallOf(gray) {
  const factor = Math.max(1, Math.max(gray.width, gray.height) / GROUND_SIDE);
  const [width, height] = [gray.width, gray.height].map(side => Math.max(1, Math.round(side / factor)));
  return mapped(resized(gray, width, height, BOX), value => value);
}

// Averaged if the size is smaller, else smooth.
function scaled(image, width, height) {
  return resized(image, width, height, width < image.width ? BOX : BILINEAR);
}

// The largest difference of brightness.
export function contrastOf(gray) {
  return largest(gray.data) - smallest(gray.data);
}
