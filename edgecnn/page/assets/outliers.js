// Tells what does not look like the digits that a network was trained with. As edgecnn/runtime/outliers.py, which says why.

const SIDE = 28, GRID = 7, SQUARE = SIDE / GRID, NUMBERS = GRID * GRID;

export class Outliers {
  // Takes what the model's file holds: Base64 of the means, uint8, and of the spread, int8, with its scale; and the limit.
  constructor({ means, spread, scale, limit }) {
    Object.assign(this, { means: bytesOf(means), spread: new Int8Array(bytesOf(spread).buffer), scale, limit });
  }

  // Whether an image, 28×28 bytes, is far from all images of a label, which is given by its number.
  has(pixels, label) {
    return this.distance(pixels, label) > this.limit;
  }

  distance(pixels, label) {
    const found = new Float64Array(NUMBERS);
    let at = 0;
    pooled(pixels).forEach((mean, row) => {
      const apart = (mean - this.means[label * NUMBERS + row]) * this.scale;
      for (let column = 0; column <= row; column++) found[column] += apart * this.spread[at++];
    });
    return Math.hypot(...found);
  }
}

function bytesOf(text) {
  return Uint8Array.from(atob(text), character => character.charCodeAt(0));
}

// The mean of each square of 4×4 pixels.
function pooled(pixels) {
  const sums = new Float64Array(NUMBERS);
  pixels.forEach((value, at) => {
    const row = Math.floor(at / SIDE), column = at % SIDE;
    sums[Math.floor(row / SQUARE) * GRID + Math.floor(column / SQUARE)] += value;
  });
  return sums.map(sum => sum / SQUARE ** 2);
}
