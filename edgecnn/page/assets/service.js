// The page of a service: pictures are read there, and the feature maps are computed here.

import { Network } from "./network.js";
import { start } from "./page.js";
import { tell } from "./view.js";

const find = id => document.getElementById(id);
const KEY = "edgecnn.token";

let token = new URLSearchParams(location.hash.slice(1)).get("token") ?? sessionStorage.getItem(KEY) ?? "";

// Asks the service, and the person for a token if the service wants one.
async function ask(address, options = {}) {
  const headers = { ...options.headers, ...(token && { authorization: `Bearer ${token}` }) };
  const answer = await fetch(address, { ...options, headers }).catch(() => { throw new Error("The service does not answer"); });
  if (answer.status === 401) {
    token = await tokenOf();
    return ask(address, options);
  }
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error ?? `The service answers ${answer.status}`);
  if (token) sessionStorage.setItem(KEY, token);
  return answer;
}

function tokenOf() {
  const asking = find("asking");
  if (!asking.open) asking.showModal();
  return new Promise(resolve => { asking.onclose = () => resolve(find("token").value.trim()); });
}

class ServiceReader {
  constructor(model, network) {
    Object.assign(this, model, { network, how: "Read by the service" });
    this.name = `${model.name}, version ${model.version}`;
    this.address = `v1/classify?${new URLSearchParams({
      model: model.name, top: Math.min(model.labels.length, 100), segment: true, pixels: true,
    })}`;
  }

  async read({ canvas, file, bitmap }) {
    const began = performance.now();
    const body = file ?? await new Promise(resolve => canvas.toBlob(resolve));
    const answer = await ask(this.address, { method: "POST", body, headers: { "content-type": body.type || "application/octet-stream" } });
    const { pictures: [picture] } = await answer.json(), size = bitmap ?? canvas;
    const digits = picture.digits.map(({ verdict, predictions: scores, box, pixels }) => ({
      verdict, scores, box: box ?? [0, 0, 1, 1], width: pixels[0].length, height: pixels.length, pixels: Uint8Array.from(pixels.flat(2)),
    }));
    return { digits, size: [size.width, size.height], milliseconds: performance.now() - began };
  }

  mapsOf({ pixels, height, width }) {
    return this.network?.run(pixels, height, width).maps ?? [];
  }
}

// The model itself, if it can be run here.
async function networkOf({ name, isColored }) {
  try {
    const bytes = await (await ask(`page/model.onnx?${new URLSearchParams({ model: name })}`)).arrayBuffer();
    const network = isColored ? null : new Network(new Uint8Array(bytes));
    network?.run(new Uint8Array(28 * 28), 28, 28);
    return network;
  } catch {
    return null;
  }
}

async function main() {
  const { models } = await (await ask("page/models.json")).json();
  const wanted = new URLSearchParams(location.search).get("model");
  const model = models.find(({ name }) => name === wanted) ?? models[0];
  find("choice").hidden = models.length < 2;
  find("models").replaceChildren(...models.map(({ name }) => new Option(name, name, false, name === model.name)));
  find("models").onchange = () => { location.search = new URLSearchParams({ model: find("models").value }); };
  start(new ServiceReader(model, await networkOf(model)));
}

main().catch(error => tell(error.message));
