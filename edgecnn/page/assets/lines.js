// Ruled and squared paper: takes printed lines out of a mask, and leaves the strokes that cross them.
// As edgecnn/imaging/lines.py, which says why.

import { closed, eroded, largest, mapped, median, smallest } from "./images.js";
import { isAtEdge } from "./parts.js";

const MOST_TURN = 20, FINER = 0.2, FINER_TRIED = 12, SAMPLES = 3000, SUSPICIOUS = 0.05, PIECES = 12;
const COVERED = 0.4, PIECES_COVERED = 9, DARKER = 1.5, SHORTEST = 0.3, EDGE = 0.2, THICKEST = 0.055, CORNER = 0.3;
const TINY = 1e-6, RIGHT_ANGLE = Math.PI / 2;

export function mayHaveLines(parts, { width, height }) {
  return parts.some(part => isAtEdge(part, { width, height })
    && (part.right - part.left > SUSPICIOUS * width || part.bottom - part.top > SUSPICIOUS * height));
}

// The mask without straight lines from one edge of the picture to another, or to a line at right angles.
export function withoutLines(mask, ink) {
  const pixels = [];
  mask.data.forEach((inky, at) => inky && pixels.push({ at, x: at % mask.width, y: Math.floor(at / mask.width), dark: ink.data[at] }));
  const turn = directionOf(mask, pixels);
  const found = [linesAt(pixels, turn, mask), linesAt(pixels, turn + RIGHT_ANGLE, mask)];
  if (found[0].thickest) found.push(linesAt(pixels, turn + RIGHT_ANGLE, mask, found[0].places));
  if (found.at(-1).thickest) found.push(linesAt(pixels, turn, mask, found.at(-1).places.map(place => -place).reverse()));
  const strokes = { ...mask, data: mask.data.slice() };
  for (const { onLine, usual } of found.filter(lines => lines.thickest)) {
    for (const { at, dark } of onLine) if (dark < DARKER * usual) strokes.data[at] = 0;
  }
  const joined = closed(strokes, 2 * Math.max(...found.map(lines => lines.thickest)) + 3);
  return mapped(mask, (inky, at) => inky && (strokes.data[at] || joined.data[at]), Uint8Array);
}

// The angle at which most outlines of ink lie on few lines.
function directionOf(mask, ink) {
  const inner = eroded(mask, 3).data, pixels = ink.filter(({ at }) => !inner[at]);
  if (!pixels.length) return 0;
  const step = Math.max(1, Math.floor(pixels.length / SAMPLES)), some = pixels.filter((_, at) => at % step === 0);
  const best = bestOf(some, Array.from({ length: 2 * MOST_TURN + 1 }, (_, at) => at - MOST_TURN), 3);
  return bestOf(some, Array.from({ length: FINER_TRIED }, (_, at) => best - 1 + at * FINER), 1) * Math.PI / 180;
}

function bestOf(pixels, angles, width) {
  const gathered = turn => {
    const places = offsetsOf(pixels, turn).map(offset => Math.trunc(offset / width)), low = smallest(places);
    const counts = new Float64Array(largest(places) - low + 3);
    for (const place of places) counts[place - low + 1]++;
    return counts.reduce((sum, count, at) => sum + (at && (count - counts[at - 1]) ** 2), 0);
  };
  const scores = angles.map(angle => Math.max(gathered(angle * Math.PI / 180), gathered(angle * Math.PI / 180 + RIGHT_ANGLE)));
  return angles[scores.indexOf(Math.max(...scores))];
}

function offsetsOf(pixels, turn) {
  const sine = Math.sin(turn), cosine = Math.cos(turn);
  const found = new Float32Array(pixels.length);
  for (let at = 0; at < found.length; at++) found[at] = cosine * pixels[at].y - sine * pixels[at].x;
  return found;
}

// The pixels on lines at this angle, how thick the thickest is, and where they are.
// Lines may begin and end near the first and the last of the corners along them.
function linesAt(pixels, turn, { width, height }, corners = []) {
  const places = offsetsOf(pixels, turn).map(Math.round), low = smallest(places);
  const rows = Array.from({ length: largest(places) - low + 1 }, (_, at) => {
    const [start, end] = betweenCorners(chordOf(at + low, turn, width, height), corners);
    return { start, length: Math.max(end - start, 1), counts: new Float64Array(PIECES) };
  });
  const sine = Math.sin(turn), cosine = Math.cos(turn);
  const pieces = pixels.map(({ x, y }, at) => {
    const { start, length, counts } = rows[places[at] - low];
    const piece = Math.floor((Math.fround(cosine * x + sine * y) - start) * PIECES / length);
    if (piece >= 0 && piece < PIECES) counts[piece]++;
    return piece;
  });
  const near = (at, piece) => [at - 1, at, at + 1].some(row => {
    const { counts, length } = rows[(row + rows.length) % rows.length];
    return counts[piece] > COVERED * length / PIECES;
  });
  const isLine = rows.map(({ length }, at) => {
    const covered = Array.from({ length: PIECES }, (_, piece) => near(at, piece));
    return covered.filter(Boolean).length >= PIECES_COVERED && covered[0] && covered.at(-1)
      && length > SHORTEST * Math.min(width, height);
  });
  const hasInk = rows.map(({ counts, length }) => counts.reduce((a, b) => a + b) > EDGE * length);
  const { bands, thickest } = bandsOf(isLine, hasInk, THICKEST * Math.max(width, height));
  return {
    onLine: pixels.filter((_, at) => bands[places[at] - low]),
    usual: darknessOf(pixels.filter((_, at) => bands[places[at] - low]), pieces.filter((_, at) => bands[places[at] - low])),
    thickest,
    places: bands.flatMap((band, at) => band ? [at + low] : []),
  };
}

// How dark lines are where no stroke makes them darker, which is in most pieces of them.
function darknessOf(pixels, pieces) {
  const numbers = [...new Set(pieces)].filter(number => number >= 0 && number < PIECES);
  return median(numbers.map(number => median(pixels.filter((_, at) => pieces[at] === number).map(pixel => pixel.dark))));
}

// A chord from the first corner to the last, where these are near its ends.
function betweenCorners([start, end], corners) {
  const near = CORNER * (end - start), first = corners[0], last = corners.at(-1);
  return [first < start + near ? Math.max(start, first) : start, last > end - near ? Math.min(end, last) : end];
}

// Widen lines to the inky rows beside them if they stay thin, leave out what is too thick, and tell the thickest.
function bandsOf(isLine, hasInk, most) {
  const bands = isLine.map(() => false);
  let thickest = 0;
  for (let first = 0; first < isLine.length; first++) {
    let last = first;
    while (last < isLine.length && (isLine[last] || hasInk[last])) last++;
    let [low, high] = [first, last];
    if (last - first > most) {
      while (low < last && !isLine[low]) low++;
      while (high > low && !isLine[high - 1]) high--;
    }
    if (high - low <= most && isLine.slice(low, high).some(Boolean)) {
      bands.fill(true, low, high);
      thickest = Math.max(thickest, high - low);
    }
    first = Math.max(first, last);
  }
  return { bands, thickest };
}

// Where a line enters the picture and leaves it, measured along the line.
function chordOf(offset, turn, width, height) {
  const sine = Math.sin(turn), cosine = Math.cos(turn);
  const sides = [
    [offset * sine / (cosine + TINY), (width + offset * sine) / (cosine + TINY)],
    [-offset * cosine / (sine + TINY), (height - offset * cosine) / (sine + TINY)],
  ];
  return [Math.max(...sides.map(ends => Math.min(...ends))), Math.min(...sides.map(ends => Math.max(...ends)))];
}
