// Finds the digits in a gray picture and brings each into MNIST's form. As edgecnn/imaging/digits.py, which says why.

import { hasForm, inForm } from "./form.js";
import { biggestOf, digitsOf, inOrder, strokesOf } from "./grouping.js";
import { chosen, cropped, dilated, edgesOf, mapped, median } from "./images.js";
import { grainOf, strokesIn } from "./ink.js";
import { contrastOf, fillsFrame, hasDarkPaper, inkOf } from "./light.js";
import { areaOf, boxOf, isAtEdge, maskOf } from "./parts.js";
import { BICUBIC, resized } from "./resize.js";

const LEAST_CONTRAST = 8, STRETCHED = 0.75, FINER = 4, SOFT = 3;
const FAINTEST = 0.16, CLEAR = 2.5, SMALLEST = 0.02, DARKEST = 0.35, MOST = 0.3, RAGGED = 0.3;
const SOLID = 0.5, NEARLY_ALL = 0.9, MOST_BESIDE = 30, MOST_DIGITS = 150;

// Each digit's image, 28×28 bytes, and its box: left, top, right, bottom. Without `several`, one digit at most.
export function digitsIn(gray, several = true) {
  if (hasForm(gray)) return [{ image: gray, box: [0, 0, gray.width, gray.height] }];
  if (contrastOf(gray) < LEAST_CONTRAST) return [];
  const ink = inkOf(hasDarkPaper(gray) ? mapped(gray, value => 255 - value, Uint8Array) : gray);
  const { mask, parts } = strokesIn(ink);
  if (!parts.length || (edgesOf(mask) > RAGGED * mask.data.length && !fillsFrame(gray))) return [];
  const picked = chosenOf(parts, ink, several), grain = grainOf(ink);
  const share = picked.reduce((sum, digit) => sum + areaOf(digit), 0) / areaOf(parts);
  return picked.filter(digit => isWritten(ink, digit, share, grain)).map(digit => digitOf(ink, digit));
}

// The parts of each digit, or of the one with the most ink; none where there are too many for handwriting.
function chosenOf(parts, ink, several) {
  const kept = strokesOf(parts, ink);
  if (fillsFrame(ink) && !several) return [kept];
  const found = digitsOf(kept);
  if (found.length > (several ? MOST_DIGITS : MOST_BESIDE)) return [];
  return several ? inOrder(found) : [biggestOf(found)];
}

// Whether a pen made it: folds, grain, and remains of lines and of shadows are small or faint.
function isWritten(ink, digit, share, grain) {
  if (fillsFrame(ink)) return true;
  const box = boxOf(digit), mask = maskOf(digit, box);
  const dark = median(chosen(cropped(ink, box), (_, at) => mask.data[at]));
  const size = Math.max(box[2] - box[0], box[3] - box[1]);
  const whole = !digit.some(part => isAtEdge(part, ink));
  const clear = Math.min(CLEAR * grain, whole && share > NEARLY_ALL ? SOLID : 1);
  if (size < SMALLEST * Math.max(ink.width, ink.height) || dark < Math.max(FAINTEST, clear)) return false;
  return dark > DARKEST || (whole && share > MOST);
}

function digitOf(ink, digit) {
  const box = boxOf(digit), soft = dilated(maskOf(digit, box), SOFT);
  const strokes = mapped(cropped(ink, box), (value, at) => value * soft.data[at]);
  const isWhole = strokes.width === ink.width && strokes.height === ink.height;
  const stretched = fillsFrame(ink) && isWhole && box[2] === box[3];
  return { image: inForm(stretched ? unstretched(strokes) : strokes), box };
}

function unstretched(strokes) {
  const width = Math.round(strokes.width * FINER * STRETCHED);
  const finer = resized(strokes, width, strokes.height * FINER, BICUBIC);
  return mapped(finer, value => Math.max(value, 0));
}
