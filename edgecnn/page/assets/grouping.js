// Strokes to digits, and digits to rows. As edgecnn/imaging/grouping.py, which says why.

import { fillsFrame } from "./light.js";
import { areaOf, boxOf, isAtEdge, penOf, sizeOf } from "./parts.js";

const MOST_PARTS = 300, LEAST_AREA = 0.02, LEAST_SIZE = 0.1, LEAST_PEN = 0.35, AT_EDGE = 0.03;
const TOUCHING = 0.12, NEAR = 0.25, ABOVE = 0.3, SHORT = 0.4, SHORTER = 0.6, OVERLAP = 0.4, WIDEST = 1.4, SAME_ROW = 0.5;

// Those parts that are strokes, not specks, dashes or what hangs in at an edge, where a digit in a frame is itself.
export function strokesOf(parts, shape) {
  const atEdge = part => !fillsFrame(shape) && isAtEdge(part, shape);
  const rank = part => part.area * (atEdge(part) ? AT_EDGE : 1);
  const main = parts.reduce((best, part) => rank(part) > rank(best) ? part : best);
  const kept = parts.filter(part => part.area >= LEAST_AREA * main.area && sizeOf(part) >= LEAST_SIZE * sizeOf(main)
    && penOf(part) >= LEAST_PEN * penOf(main) && (atEdge(main) || !atEdge(part)));
  const areas = kept.map(part => part.area).sort((a, b) => b - a);
  return kept.filter(part => part.area >= (areas[MOST_PARTS - 1] ?? 0));
}

// The strokes of each digit, in no order.
export function digitsOf(strokes) {
  const waiting = new Set(strokes), found = [];
  for (const first of strokes) {
    if (!waiting.delete(first)) continue;
    const digit = [first];
    for (const stroke of digit) {
      for (const other of waiting) {
        if (areTogether(stroke, other)) {
          waiting.delete(other);
          digit.push(other);
        }
      }
    }
    found.push(digit);
  }
  return found;
}

// Whether two strokes are of one digit: near each other, or one a short stroke above the other.
function areTogether(a, b) {
  const across = Math.max(a.left, b.left) - Math.min(a.right, b.right);
  const gap = Math.max(across, Math.max(a.top, b.top) - Math.min(a.bottom, b.bottom), 0);
  const longer = Math.max(sizeOf(a), sizeOf(b)), shorter = Math.min(sizeOf(a), sizeOf(b));
  const above = -across >= OVERLAP * Math.min(a.right - a.left, b.right - b.left);
  const near = gap <= TOUCHING * longer || (gap <= NEAR * longer && shorter < SHORT * longer)
    || (above && gap <= ABOVE * longer && shorter < SHORTER * longer);
  const [left, top, right, bottom] = boxOf([a, b]);
  return near && right - left <= WIDEST * (bottom - top);
}

export function biggestOf(digits) {
  return digits.reduce((best, digit) => areaOf(digit) > areaOf(best) ? digit : best);
}

// The digits in the order of reading: rows from top to bottom, and in each row from left to right.
export function inOrder(digits) {
  const rows = [];
  const boxed = digits.map(digit => ({ digit, box: boxOf(digit) }));
  boxed.sort((a, b) => a.box.map((side, at) => side - b.box[at]).find(apart => apart) ?? 0);
  for (const item of boxed) {
    const row = rows.find(row => areSideBySide(row.at(-1).box, item.box));
    row ? row.push(item) : rows.push([item]);
  }
  const middle = row => row.reduce((sum, { box }) => sum + box[1] + box[3], 0) / row.length;
  return rows.sort((a, b) => middle(a) - middle(b)).flat().map(item => item.digit);
}

function areSideBySide(a, b) {
  const overlap = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return overlap >= SAME_ROW * Math.min(a[3] - a[1], b[3] - b[1]);
}
