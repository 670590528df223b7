// Network: an ONNX model that runs here, and keeps what each of its layers returns.

import { graphOf } from "./onnx.js";
import { OPERATORS } from "./operators.js";

const DRAWN = { Relu: "after ReLU", Conv: "convolution", MaxPool: "max pooling" };

export class Network {
  // Throws an Error for a file that is damaged, or needs an operator that is not here.
  constructor(bytes) {
    this.graph = graphOf(bytes);
    const missing = this.graph.nodes.find(node => !Object.hasOwn(OPERATORS, node.operator));
    if (missing) throw new Error(`the operator ${missing.operator} is not supported`);
    this.constants = new Map(this.graph.weights);
    this.nodes = this.graph.nodes.filter(node => !this.#isConstant(node));
  }

  // Whether a node depends on weights alone: then its value is computed once.
  #isConstant(node) {
    if (!node.inputs.every(name => this.constants.has(name))) return false;
    this.constants.set(node.outputs[0], this.#valueOf(node, this.constants));
    return true;
  }

  #valueOf(node, tensors) {
    return OPERATORS[node.operator](node.inputs.map(name => tensors.get(name)), node.attributes);
  }

  // The probabilities of one image, and its feature maps. The pixels are bytes, row by row.
  run(pixels, height, width) {
    const tensors = new Map(this.constants), maps = [];
    tensors.set(this.graph.input, { shape: [1, height, width], data: pixels });
    for (const node of this.nodes) {
      const found = this.#valueOf(node, tensors);
      tensors.set(node.outputs[0], found);
      if (Object.hasOwn(DRAWN, node.operator) && !this.#isRectified(node)) maps.push(mapOf(node, found));
    }
    return { probabilities: tensors.get(this.graph.output).data, maps };
  }

  // Whether a node's values go to a ReLU alone, whose values are then the ones to see.
  #isRectified(node) {
    const next = this.nodes.filter(other => other.inputs.includes(node.outputs[0]));
    return next.length === 1 && next[0].operator === "Relu";
  }
}

function mapOf(node, { shape: [, channels, height, width], data }) {
  return { kind: DRAWN[node.operator], channels, height, width, data };
}
