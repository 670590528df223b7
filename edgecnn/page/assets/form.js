// MNIST's form of a digit: in a box of 20×20 with its aspect kept, a pen's strokes, its mass in the middle of 28×28.
// As edgecnn/imaging/form.py, which says why.

import { chosen, dilated, eroded, largest, mapped, median } from "./images.js";
import { BICUBIC, resized } from "./resize.js";

export const SIDE = 28;
const FRAME = 20, CENTER = 14.5, FINE = 3, THINNEST = 2.2, USUAL = 2.5, THICKEST = 3.8;
const BRIGHTEST = 200, MOST_INK = 0.6, OFF_CENTER = 0.6;

// Whether a gray picture has MNIST's form already: such a picture is not changed.
export function hasForm(gray) {
  if (gray.width !== SIDE || gray.height !== SIDE || largest(gray.data) < BRIGHTEST) return false;
  if (gray.data.filter(value => value).length > MOST_INK * gray.data.length) return false;
  const sums = [columnsOf(gray), rowsOf(gray)];
  const longest = Math.max(...sums.map(values => values.findLastIndex(value => value) - values.findIndex(value => value) + 1));
  return (longest === FRAME || longest === FRAME - 1) && sums.every(values => Math.abs(middleOf(values) - CENTER) <= OFF_CENTER);
}

// A digit as MNIST has it, from its ink, which is 0 beside its strokes.
export function inForm(ink) {
  const most = largest(ink.data), usual = median(chosen(ink, value => value > 0.5 * most));
  const even = mapped(ink, value => Math.min(value / usual, 1));
  const longest = Math.max(ink.width, ink.height), width = strokeWidth(even) * FRAME / longest;
  if (width >= THINNEST && width <= THICKEST) return rendered(even, SIDE, FRAME / longest);
  const more = Math.round(((width < THINNEST ? USUAL : THICKEST) - width) * FINE / 2);
  return withStrokes(rendered(even, SIDE * FINE, (FRAME * FINE - 2 * Math.max(more, 0)) / longest), more);
}

// The mean width of strokes, for ink of 0 to 1: twice the area over the length of the outlines.
function strokeWidth({ width, height, data }) {
  const at = (row, column) => row < 0 || column < 0 || row >= height || column >= width ? 0 : data[row * width + column];
  let area = 0, outline = 0;
  for (let row = 0; row <= height; row++) {
    for (let column = 0; column <= width; column++) {
      area += at(row, column);
      outline += Math.hypot(at(row - 1, column) - at(row - 1, column - 1), at(row, column - 1) - at(row - 1, column - 1));
    }
  }
  return 2 * area / outline;
}

// A larger picture with so many pixels added on each side of its strokes, or taken away, reduced to 28×28.
function withStrokes(fine, more) {
  const side = 2 * Math.abs(more) + 1, changed = more > 0 ? dilated(fine, side) : eroded(fine, side);
  const factor = 255 / Math.max(largest(changed.data), 1), sums = new Float32Array(SIDE * SIDE);
  changed.data.forEach((value, at) => {
    sums[Math.floor(at / fine.width / FINE) * SIDE + Math.floor(at % fine.width / FINE)] += value * factor;
  });
  return { width: SIDE, height: SIDE, data: Uint8Array.from(sums, sum => Math.round(sum / FINE ** 2)) };
}

// The ink at that scale in a square of so many pixels, with its center of mass where MNIST has it.
function rendered(ink, side, scale) {
  const seen = side / scale;
  const left = middleOf(columnsOf(ink)) - seen * CENTER / SIDE, top = middleOf(rowsOf(ink)) - seen * CENTER / SIDE;
  const margin = Math.ceil(Math.max(0, -left, -top, left + seen - ink.width, top + seen - ink.height)) + 1;
  const width = ink.width + 2 * margin, height = ink.height + 2 * margin;
  const canvas = { width, height, data: new Uint8Array(width * height) };
  for (let row = 0; row < ink.height; row++) {
    for (let column = 0; column < ink.width; column++) {
      canvas.data[(row + margin) * width + column + margin] = ink.data[row * ink.width + column] * 255 + 0.5;
    }
  }
  const box = [left + margin, top + margin, left + margin + seen, top + margin + seen];
  return resized(canvas, side, side, BICUBIC, box);
}

function columnsOf({ width, height, data }) {
  return Array.from({ length: width }, (_, column) => {
    let sum = 0;
    for (let row = 0; row < height; row++) sum += data[row * width + column];
    return sum;
  });
}

function rowsOf({ width, height, data }) {
  return Array.from({ length: height }, (_, row) => data.subarray(row * width, (row + 1) * width).reduce((a, b) => a + b, 0));
}

// The center of mass of a row of pixels; the first pixel's is 0.5.
function middleOf(sums) {
  const whole = sums.reduce((a, b) => a + b, 0);
  return sums.reduce((sum, value, at) => sum + value * (at + 0.5), 0) / whole;
}
