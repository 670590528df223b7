// Pictures to gray images, as edgecnn/imaging/reading.py makes them to find digits in.

import { contrastOf } from "./light.js";
import { BOX, resized } from "./resize.js";

const SHEET = 480, DECODED = 4 * SHEET; // pixels of the longer side that digits are looked for in, and of what it is made of

// The brightness of a picture, reduced to SHEET pixels as Python's treatment does.
// Transparent parts become white, or black if that shows more than twice as much.
export function grayOf(picture) {
  const scale = Math.min(1, DECODED / Math.max(picture.width, picture.height));
  const [width, height] = [picture.width, picture.height].map(side => Math.max(1, Math.round(side * scale)));
  const brush = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  brush.imageSmoothingQuality = "high";
  brush.drawImage(picture, 0, 0, width, height);
  const { data } = brush.getImageData(0, 0, width, height), longest = Math.max(width, height);
  const on = ground => {
    const whole = { width, height, data: new Uint8Array(width * height) };
    for (let at = 0, from = 0; at < whole.data.length; at++, from += 4) {
      const light = 0.299 * data[from] + 0.587 * data[from + 1] + 0.114 * data[from + 2], cover = data[from + 3] / 255;
      whole.data[at] = light * cover + ground * (1 - cover) + 0.5;
    }
    const less = side => Math.max(1, Math.round(side * Math.min(1, SHEET / longest)));
    return resized(whole, less(width), less(height), BOX);
  };
  const white = on(255);
  if (data.every((value, at) => at % 4 < 3 || value === 255)) return white;
  const black = on(0);
  return contrastOf(black) > 2 * contrastOf(white) ? black : white;
}
