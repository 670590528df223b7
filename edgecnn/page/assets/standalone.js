// The page without a server: pictures are treated and read here.

import { digitsIn } from "./digits.js";
import { grayOf } from "./gray.js";
import { Network } from "./network.js";
import { Outliers } from "./outliers.js";
import { start } from "./page.js";
import { tell } from "./view.js";

const CHECKED = Uint8Array.from({ length: 28 * 28 }, (_, at) => at * 37 % 256), TOLERANCE = 1e-3;

class LocalReader {
  // Throws an Error if the network does not answer here as onnxruntime does.
  constructor(model, bytes) {
    const outliers = model.outliers && new Outliers(model.outliers);
    Object.assign(this, model, { network: new Network(bytes), outliers, how: "Read in this browser" });
    const { probabilities } = this.network.run(CHECKED, 28, 28);
    if (model.check.some((value, at) => Math.abs(value - probabilities[at]) > TOLERANCE)) {
      throw new Error("The network answers otherwise in this browser than in onnxruntime");
    }
  }

  async read({ canvas, bitmap }) {
    const began = performance.now(), gray = grayOf(bitmap ?? canvas);
    const digits = digitsIn(gray).map(({ image, box }) => this.#readingOf(image, box));
    return { digits, size: [gray.width, gray.height], milliseconds: performance.now() - began };
  }

  #readingOf({ data: pixels, width, height }, box) {
    const { probabilities, maps } = this.network.run(pixels, height, width);
    const scores = this.labels.map((label, at) => ({ label, probability: probabilities[at] }));
    scores.sort((a, b) => b.probability - a.probability);
    const [best] = scores, isStrange = this.outliers?.has(pixels, this.labels.indexOf(best.label));
    const verdict = best.probability < this.confidence || isStrange ? "uncertain" : "label";
    return { pixels, width, height, box, scores, verdict, maps };
  }

  mapsOf(digit) {
    return digit.maps;
  }
}

// A file beside the page, or within it.
async function bytesOf(name) {
  const inside = document.getElementById(name);
  if (inside) return Uint8Array.from(atob(inside.textContent.trim()), byte => byte.charCodeAt(0));
  const answer = await fetch(name);
  if (!answer.ok) throw new Error(`${name} is missing beside this page`);
  return new Uint8Array(await answer.arrayBuffer());
}

async function main() {
  const model = JSON.parse(new TextDecoder().decode(await bytesOf("model.json")));
  start(new LocalReader(model, await bytesOf("model.onnx")));
}

main().catch(error => tell(error.message));
