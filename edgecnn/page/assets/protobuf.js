// Reads protobuf messages: https://protobuf.dev/programming-guides/encoding

const VARINT = 0, FIXED_64 = 1, BYTES = 2, FIXED_32 = 5;

// The fields of one message, in their order: its number, and its value, a number or bytes.
export function fieldsOf(bytes) {
  const found = [];
  for (let at = 0; at < bytes.length;) {
    const [tag, start] = varint(bytes, at);
    const [value, end] = valueOf(bytes, start, tag & 7);
    found.push({ number: Math.floor(tag / 8), value });
    at = end;
  }
  return found;
}

function valueOf(bytes, at, kind) {
  if (kind === VARINT) return varint(bytes, at);
  if (kind === BYTES) {
    const [length, start] = varint(bytes, at);
    if (start + length > bytes.length) throw new Error("the model is cut off");
    return [bytes.subarray(start, start + length), start + length];
  }
  const width = { [FIXED_64]: 8, [FIXED_32]: 4 }[kind];
  if (!width) throw new Error("the model is damaged");
  return [bytes.subarray(at, at + width), at + width];
}

// A whole number of 64 bits with 7 of them in each byte, lowest first. Negative ones are counted from 2^64.
function varint(bytes, at) {
  let value = 0n, shift = 0n;
  for (;; at++, shift += 7n) {
    if (at >= bytes.length) throw new Error("the model is cut off");
    value |= BigInt(bytes[at] & 127) << shift;
    if (bytes[at] < 128) return [Number(BigInt.asIntN(64, value)), at + 1];
  }
}

export function textOf(bytes) {
  return new TextDecoder().decode(bytes);
}

export function floatOf(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getFloat32(0, true);
}

// Numbers that follow one another in one field, or one number in a field of its own.
export function numbersOf(value) {
  if (typeof value === "number") return [value];
  const found = [];
  for (let at = 0; at < value.length;) {
    const [number, end] = varint(value, at);
    found.push(number);
    at = end;
  }
  return found;
}
