// Which pixels are more than the paper's grain, and which of them a pen has made.
// As edgecnn/imaging/ink.py, which says why.

import { chosen, dilated, edgesOf, largest, mapped, median, smallest } from "./images.js";
import { fillsFrame } from "./light.js";
import { mayHaveLines, withoutLines } from "./lines.js";
import { isAtEdge, maskOf, partsOf, sizeOf } from "./parts.js";

const LEAST = 0.05, NOISE = 5, SPREADS = 3, MEDIAN_TO_DEVIATION = 1.4826, SAMPLES = 16000;
const STRONGEST = 0.0015, FAINT = 0.25, PEN = 0.55, SPECK = 0.05;

// The mask of a pen's strokes, and its parts.
export function strokesIn(ink) {
  const grain = grainOf(ink);
  const mask = darker(ink, Math.max(grain, FAINT * levelOf(ink, darker(ink, grain))));
  const parts = partsOf(mask);
  if (fillsFrame(ink) || !mayHaveLines(parts, ink)) return { mask, parts };
  const strokes = penStrokes(ink, mask, grain);
  return { mask: strokes, parts: partsOf(strokes) };
}

function darker(ink, least) {
  return mapped(ink, value => value > least, Uint8Array);
}

function both(one, other) {
  return mapped(one, (value, at) => value & other.data[at], Uint8Array);
}

// How dark the ink in a mask is where it is darkest.
function levelOf(ink, mask) {
  const values = chosen(ink, (_, at) => mask.data[at]).sort();
  const count = Math.max(1, Math.min(Math.floor(values.length / 4), Math.trunc(STRONGEST * ink.data.length)));
  return values.length ? values[values.length - count] : 0;
}

// The darkness up to which pixels are paper.
export function grainOf(ink) {
  if (fillsFrame(ink)) {
    const middle = (smallest(ink.data) + largest(ink.data)) / 2;
    const paper = chosen(ink, value => value < middle), usual = median(paper);
    return paper.length ? Math.max(LEAST, SPREADS * deviationOf(paper.map(value => value - usual))) : LEAST;
  }
  const step = Math.max(1, Math.trunc(Math.sqrt(ink.data.length / SAMPLES))), values = [], apart = [];
  for (let row = 0; row < ink.height; row += step) {
    for (let column = 0; column < ink.width; column += step) {
      const at = row * ink.width + column;
      values.push(ink.data[at]);
      if (column < ink.width - 1) apart.push(ink.data[at + 1] - ink.data[at]);
    }
  }
  const sorted = new Float32Array(values).sort();
  const grain = deviationOf(apart) / Math.SQRT2;
  return Math.max(LEAST, NOISE * grain, SPREADS * (quantile(sorted, 0.5) - quantile(sorted, 0.16)));
}

function quantile(sorted, share) {
  const place = share * (sorted.length - 1), first = Math.floor(place);
  return sorted[first] + (place - first) * ((sorted[first + 1] ?? sorted[first]) - sorted[first]);
}

function deviationOf(apart) {
  return apart.length ? MEDIAN_TO_DEVIATION * median(apart.map(Math.abs)) : 0;
}

// The mask without printed lines, which may be fainter than the pen or darker, and without shadows.
function penStrokes(ink, mask, grain) {
  const strokes = withoutLines(mask, ink), darkest = writtenLevel(ink, strokes);
  const lines = chosen(ink, (_, at) => mask.data[at] && !strokes.data[at]);
  if (lines.length && median(lines) > PEN * darkest) {
    return withoutLines(darker(ink, Math.max(grain, FAINT * darkest)), ink);
  }
  const dark = both(strokes, darker(ink, PEN * darkest));
  return both(strokes, dilated(dark, Math.max(3, Math.round(widthOf(dark)) | 1)));
}

// The level of the strokes that do not reach the edge of the picture, as remains of lines do, if there are any.
// The dark pixels alone are looked at first.
function writtenLevel(ink, strokes) {
  const darkest = levelOf(ink, strokes), { width, height } = ink;
  for (const mask of [both(strokes, darker(ink, PEN * darkest)), strokes]) {
    const inner = partsOf(mask).filter(part => !isAtEdge(part, ink) && sizeOf(part) > SPECK * Math.max(width, height));
    if (inner.length) return levelOf(ink, maskOf(inner, [0, 0, width, height]));
  }
  return darkest;
}

// The mean width of a mask's strokes: twice their area over the length of their outlines.
function widthOf(mask) {
  const area = mask.data.reduce((sum, inky) => sum + inky, 0);
  return 2 * area / Math.max(1, edgesOf(mask) * Math.PI / 4);
}
