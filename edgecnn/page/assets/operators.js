// The operators of ONNX that the shipped networks use, as https://onnx.ai/onnx/operators defines them.
// A tensor is { shape, data }; a batch has one image.

import { convolved, pooled } from "./windows.js";

const sizeOf = shape => shape.reduce((product, side) => product * side, 1);
const positive = (axis, shape) => axis < 0 ? axis + shape.length : axis;
const clamped = (value, low, high) => Math.min(Math.max(value, low), high);

export const OPERATORS = {
  Cast: ([x], { to }) => {
    if (to !== 1) throw new Error("Cast to another type than float is not supported");
    return { shape: x.shape, data: new Float32Array(x.data) };
  },
  Conv: convolved,
  DequantizeLinear: ([x, scale, zero], { axis = 1 }) => {
    const place = placeOf(x.shape, scale, axis);
    const data = Float32Array.from(x.data, (value, at) => (value - (zero?.data[place(at)] ?? 0)) * scale.data[place(at)]);
    return { shape: x.shape, data };
  },
  Flatten: ([x], { axis = 1 }) => {
    const rows = sizeOf(x.shape.slice(0, positive(axis, x.shape)));
    return { shape: [rows, x.data.length / rows], data: x.data };
  },
  Gemm: ([a, b, c], { alpha = 1, beta = 1, transA = 0, transB = 0 }) => {
    const [rows, inner] = transA ? [a.shape[1], a.shape[0]] : a.shape;
    const columns = b.shape[transB ? 0 : 1], data = new Float32Array(rows * columns);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        let sum = 0;
        for (let at = 0; at < inner; at++) {
          sum += a.data[transA ? at * rows + row : row * inner + at] * b.data[transB ? column * inner + at : at * columns + column];
        }
        const added = c ? c.data[(row * columns + column) % c.data.length] : 0;
        data[row * columns + column] = alpha * sum + beta * added;
      }
    }
    return { shape: [rows, columns], data };
  },
  MaxPool: pooled,
  QuantizeLinear: ([x, scale, zero], { axis = 1 }) => {
    const place = placeOf(x.shape, scale, axis);
    const [kind, low, high] = zero?.data instanceof Int8Array ? [Int8Array, -128, 127] : [Uint8Array, 0, 255];
    const level = (value, at) => toEven(value / scale.data[place(at)]) + (zero?.data[place(at)] ?? 0);
    return { shape: x.shape, data: kind.from(x.data, (value, at) => clamped(level(value, at), low, high)) };
  },
  Relu: ([x]) => ({ shape: x.shape, data: x.data.map(value => Math.max(value, 0)) }),
  Reshape: ([x, wanted]) => {
    const shape = Array.from(wanted.data, (side, at) => side === 0 ? x.shape[at] : side);
    const open = shape.indexOf(-1);
    if (open >= 0) shape[open] = -x.data.length / sizeOf(shape);
    return { shape, data: x.data };
  },
  Softmax: ([x], { axis = -1 }) => {
    if (positive(axis, x.shape) !== x.shape.length - 1) throw new Error("Softmax along another axis than the last is not supported");
    const width = x.shape.at(-1), data = new Float32Array(x.data.length);
    for (let start = 0; start < data.length; start += width) {
      const row = x.data.subarray(start, start + width), most = Math.max(...row);
      const powers = Array.from(row, value => Math.exp(value - most));
      const sum = powers.reduce((a, b) => a + b);
      powers.forEach((power, at) => { data[start + at] = power / sum; });
    }
    return { shape: x.shape, data };
  },
  Transpose: ([x], { perm = x.shape.map((_, at) => x.shape.length - 1 - at) }) => {
    const shape = perm.map(axis => x.shape[axis]), data = new x.data.constructor(x.data.length);
    const strides = x.shape.map((_, axis) => sizeOf(x.shape.slice(axis + 1)));
    for (let at = 0; at < data.length; at++) {
      let rest = at, from = 0;
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        from += rest % shape[axis] * strides[perm[axis]];
        rest = Math.floor(rest / shape[axis]);
      }
      data[at] = x.data[from];
    }
    return { shape, data };
  },
};

// Which scale belongs to a value: the only one, or that of its place along the axis.
function placeOf(shape, scale, axis) {
  if (scale.data.length === 1) return () => 0;
  const inner = sizeOf(shape.slice(positive(axis, shape) + 1));
  return at => Math.floor(at / inner) % scale.data.length;
}

function toEven(value) {
  const near = Math.round(value);
  return near - value === 0.5 && near % 2 ? near - 1 : near;
}
