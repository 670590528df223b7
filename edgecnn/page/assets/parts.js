// Connected parts of a mask, whose pixels touch each other, also at their corners.

// Each part has its box, its area, and its runs of pixels: row, start and end of each, one after another.
export function partsOf({ width, height, data }) {
  const runs = [], root = [];
  const find = run => {
    while (root[run] !== run) run = root[run] = root[root[run]];
    return run;
  };
  let above = 0; // the first run of the row above that may touch
  for (let row = 0, rowAbove = 0; row < height; row++) {
    const first = runs.length;
    for (let at = row * width, end = at + width; at < end; at++) {
      if (!data[at]) continue;
      const start = at;
      while (at < end && data[at]) at++;
      runs.push([row, start - row * width, at - row * width]);
      root.push(runs.length - 1);
    }
    above = rowAbove;
    for (let run = first; run < runs.length; run++) {
      for (let other = above; other < first && runs[other][1] <= runs[run][2]; other++) {
        if (runs[other][2] < runs[run][1]) continue;
        const [one, two] = [find(run), find(other)];
        root[Math.max(one, two)] = Math.min(one, two);
      }
    }
    rowAbove = first;
  }
  const parts = new Map();
  runs.forEach((run, number) => added(parts, find(number), run));
  return [...parts.values()];
}

function added(parts, number, [row, start, end]) {
  if (!parts.has(number)) parts.set(number, { left: start, top: row, right: end, bottom: row, area: 0, runs: [] });
  const part = parts.get(number);
  part.left = Math.min(part.left, start);
  part.right = Math.max(part.right, end);
  part.bottom = row + 1;
  part.area += end - start;
  part.runs.push([row, start, end]);
}

// The mean width of a part's strokes: what is shorter of the runs along its rows and its columns.
export function penOf(part) {
  return Math.min(part.area / part.runs.length, part.area / (part.right - part.left));
}

export function sizeOf(part) {
  return Math.max(part.right - part.left, part.bottom - part.top);
}

export function isAtEdge(part, { width, height }) {
  return part.left === 0 || part.top === 0 || part.right === width || part.bottom === height;
}

// The box around parts: left, top, right, bottom.
export function boxOf(parts) {
  const ends = (name, pick) => pick(...parts.map(part => part[name]));
  return [ends("left", Math.min), ends("top", Math.min), ends("right", Math.max), ends("bottom", Math.max)];
}

export function areaOf(parts) {
  return parts.reduce((sum, part) => sum + part.area, 0);
}

// The parts as a mask within a box that holds them whole.
export function maskOf(parts, [left, top, right, bottom]) {
  const width = right - left, found = { width, height: bottom - top, data: new Uint8Array(width * (bottom - top)) };
  for (const [row, start, end] of parts.flatMap(part => part.runs)) {
    found.data.fill(1, (row - top) * width + start - left, (row - top) * width + end - left);
  }
  return found;
}
