// Convolution and pooling: the operators that move a window over an image.

// The planes of an image with a margin around each, filled with one value.
function padded({ shape: [, channels, height, width], data }, [top, left, bottom, right], fill) {
  const wide = left + width + right, plane = wide * (top + height + bottom);
  const found = new Float32Array(channels * plane).fill(fill);
  for (let row = 0; row < channels * height; row++) {
    const start = Math.floor(row / height) * plane + (top + row % height) * wide + left;
    found.set(data.subarray(row * width, (row + 1) * width), start);
  }
  return { data: found, wide, plane };
}

// What both operators need to know of their attributes, for windows of that height and width.
function windowOf(shape, kernel, attributes) {
  const { auto_pad: auto = "NOTSET", strides = [1, 1], dilations = [1, 1], ceil_mode: ceil = 0 } = attributes;
  if (shape.length !== 4 || shape[0] !== 1) throw new Error("other windows than those over one image are not supported");
  if (!["NOTSET", "VALID"].includes(auto)) throw new Error(`auto_pad ${auto} is not supported`);
  const pads = [...(attributes.pads ?? [0, 0, 0, 0])];
  const sides = [0, 1].map(axis => {
    const free = shape[2 + axis] + pads[axis] + pads[axis + 2] - dilations[axis] * (kernel[axis] - 1) - 1;
    const more = ceil && free % strides[axis] ? strides[axis] - free % strides[axis] : 0;
    const last = free + more - pads[axis] < shape[2 + axis] ? more : 0; // a window begins within the image
    pads[axis + 2] += last;
    return Math.floor((free + last) / strides[axis]) + 1;
  });
  return { pads, strides, dilations, height: sides[0], width: sides[1] };
}

// For each place of a kernel, where in a padded plane its first value is.
function offsets(kernel, dilations, wide) {
  const rows = Array.from({ length: kernel[0] }, (_, row) => row * dilations[0] * wide);
  return rows.flatMap(start => Array.from({ length: kernel[1] }, (_, column) => start + column * dilations[1]));
}

export function convolved([x, weights, bias], attributes) {
  const [count, depth, ...kernel] = weights.shape, groups = attributes.group ?? 1;
  const window = windowOf(x.shape, kernel, attributes);
  const size = window.height * window.width, found = new Float32Array(count * size);
  const image = padded(x, window.pads, 0), each = count / groups;
  for (let group = 0; group < groups; group++) {
    const patches = patchesOf(image, window, kernel, group * depth, depth);
    for (let channel = group * each; channel < (group + 1) * each; channel += AT_ONCE) {
      multiplied(patches, weights.data, bias?.data, channel, Math.min(AT_ONCE, (group + 1) * each - channel), found, size);
    }
  }
  return { shape: [1, count, window.height, window.width], data: found };
}

// What lies under the window at each of its places: a row of numbers for each.
function patchesOf({ data, wide, plane }, { strides, dilations, height, width }, kernel, first, depth) {
  const places = offsets(kernel, dilations, wide), found = new Float64Array(height * width * depth * places.length);
  let at = 0;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const start = first * plane + row * strides[0] * wide + column * strides[1];
      for (let layer = 0; layer < depth; layer++) {
        for (let place = 0; place < places.length; place++) found[at++] = data[start + layer * plane + places[place]];
      }
    }
  }
  return found;
}

// Four channels at once, because to fetch a number takes longer than to multiply it.
const AT_ONCE = 4;

function multiplied(patches, weights, bias, channel, count, found, size) {
  const length = patches.length / size, rows = new Float64Array(AT_ONCE * length);
  rows.set(weights.subarray(channel * length, (channel + count) * length));
  for (let place = 0; place < size; place++) {
    let a = 0, b = 0, c = 0, d = 0;
    for (let at = 0, start = place * length; at < length; at++) {
      const value = patches[start + at];
      a += value * rows[at];
      b += value * rows[length + at];
      c += value * rows[2 * length + at];
      d += value * rows[3 * length + at];
    }
    const sums = [a, b, c, d];
    for (let next = 0; next < count; next++) found[(channel + next) * size + place] = sums[next] + (bias ? bias[channel + next] : 0);
  }
}

export function pooled([x], attributes) {
  const { pads, strides, dilations, height, width } = windowOf(x.shape, attributes.kernel_shape, attributes);
  const { data, wide, plane } = padded(x, pads, -Infinity);
  const places = offsets(attributes.kernel_shape, dilations ?? [1, 1], wide);
  const found = new x.data.constructor(x.shape[1] * height * width);
  for (let at = 0; at < found.length; at++) {
    const column = at % width, row = Math.floor(at / width) % height, channel = Math.floor(at / width / height);
    const start = channel * plane + row * strides[0] * wide + column * strides[1];
    let most = -Infinity;
    for (const place of places) most = Math.max(most, data[start + place]);
    found[at] = most;
  }
  return { shape: [1, x.shape[1], height, width], data: found };
}
