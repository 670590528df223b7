// Reads an ONNX file. The numbers are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto

import { fieldsOf, floatOf, numbersOf, textOf } from "./protobuf.js";

const ARRAYS = { 1: Float32Array, 2: Uint8Array, 3: Int8Array, 6: Int32Array, 7: BigInt64Array };
const LONG = 7;

// The graph: its nodes in their order, its weights by name, and the names of its input and its output.
export function graphOf(bytes) {
  const graph = { nodes: [], weights: new Map(), input: "", output: "" };
  const message = fieldsOf(bytes).find(field => field.number === 7);
  if (!message) throw new Error("the file is not an ONNX model");
  for (const { number, value } of fieldsOf(message.value)) {
    if (number === 1) graph.nodes.push(nodeOf(value));
    if (number === 5) graph.weights.set(...tensorOf(value));
    if (number === 11) graph.input ||= nameOf(value);
    if (number === 12) graph.output ||= nameOf(value);
  }
  return graph;
}

function nameOf(bytes) {
  return textOf(fieldsOf(bytes).find(field => field.number === 1).value);
}

function nodeOf(bytes) {
  const node = { operator: "", inputs: [], outputs: [], attributes: {} };
  for (const { number, value } of fieldsOf(bytes)) {
    if (number === 1) node.inputs.push(textOf(value));
    if (number === 2) node.outputs.push(textOf(value));
    if (number === 4) node.operator = textOf(value);
    if (number === 5) Object.assign(node.attributes, attributeOf(value));
  }
  return node;
}

function attributeOf(bytes) {
  let name = "", found = null;
  for (const { number, value } of fieldsOf(bytes)) {
    if (number === 1) name = textOf(value);
    if (number === 2) found = floatOf(value);
    if (number === 3) found = value;
    if (number === 4) found = textOf(value);
    if (number === 8) found = [...(found ?? []), ...numbersOf(value)];
  }
  return { [name]: found };
}

function tensorOf(bytes) {
  const shape = [];
  let kind = 0, name = "", raw = new Uint8Array(0), whole = [];
  for (const { number, value } of fieldsOf(bytes)) {
    if (number === 1) shape.push(...numbersOf(value));
    if (number === 2) kind = value;
    if (number === 4 || number === 9) raw = value;
    if (number === 5 || number === 7) whole.push(...numbersOf(value));
    if (number === 8) name = textOf(value);
  }
  if (!ARRAYS[kind]) throw new Error(`weights of type ${kind} are not supported`);
  if (kind === LONG) return [name, { shape, data: Float64Array.from(whole.length ? whole : new BigInt64Array(raw.slice().buffer), Number) }];
  return [name, { shape, data: whole.length ? ARRAYS[kind].from(whole) : new ARRAYS[kind](raw.slice().buffer) }];
}
