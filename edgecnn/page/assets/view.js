// What the page shows of an answer: the number, the bars, the digits, their boxes and the feature maps.

const find = id => document.getElementById(id);
const share = value => `${(100 * value).toFixed(1)} %`;

function made(tag, properties = {}, ...inside) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...inside);
  return element;
}

export function showNumber({ digits }, isEmpty) {
  find("number").replaceChildren(...digits.map(({ verdict, scores }) =>
    made("span", { className: verdict === "uncertain" ? "unsure" : "" }, scores[0].label)));
  find("verdict").textContent = digits.length ? verdictOf(digits) : isEmpty ? "" : "No digit found";
}

function verdictOf(digits) {
  const unsure = digits.filter(({ verdict }) => verdict === "uncertain").length;
  if (unsure) return digits.length === 1 ? "The network is not sure" : `${unsure} of ${digits.length} are uncertain`;
  return digits.length === 1 ? share(digits[0].scores[0].probability) : `${digits.length} digits`;
}

// A bar for each label, or for the likeliest of many.
export function showBars(labels, digit) {
  const by = new Map(digit?.scores.map(({ label, probability }) => [label, probability]));
  const shown = labels.length <= 10 ? labels : [...by.keys()].slice(0, 10);
  find("bars").replaceChildren(...shown.map(label => {
    const bar = made("i"), value = by.get(label) ?? 0;
    bar.style.setProperty("--share", value);
    return made("li", { className: digit && label === digit.scores[0].label ? "best" : "" },
      made("span", {}, label), bar, made("span", {}, digit ? share(value) : "–"));
  }));
}

export function showDigits(digits, selected, choose) {
  find("digits").replaceChildren(...digits.map((digit, at) => {
    const button = made("button", { type: "button", onclick: () => choose(at) }, pictureOf(digit));
    button.setAttribute("aria-pressed", at === selected);
    button.setAttribute("aria-label", `Digit ${at + 1}, read as ${digit.scores[0].label}`);
    return button;
  }));
}

function pictureOf({ pixels, width, height }) {
  const canvas = made("canvas", { width, height }), depth = pixels.length / width / height;
  paint(canvas, width, height, at => [0, 1, 2].map(color => pixels[at * depth + (depth === 3 ? color : 0)]).concat(255));
  return canvas;
}

function paint(canvas, width, height, colorOf, left = 0, top = 0) {
  const image = new ImageData(width, height);
  for (let at = 0; at < width * height; at++) image.data.set(colorOf(at), 4 * at);
  canvas.getContext("2d").putImageData(image, left, top);
}

// Frames around several digits, in the place that the picture has on the paper.
export function showBoxes(digits, selected, [left, top, width, height], size) {
  const canvas = find("boxes"), brush = canvas.getContext("2d"), scale = width / size[0], margin = 8;
  brush.clearRect(0, 0, canvas.width, canvas.height);
  if (digits.length < 2) return;
  brush.strokeStyle = getComputedStyle(canvas).color;
  digits.forEach(({ box }, at) => {
    brush.lineWidth = at === selected ? 5 : 2;
    const [x, y, right, bottom] = box.map(side => side * scale);
    brush.strokeRect(left + x - margin, top + y - margin, right - x + 2 * margin, bottom - y + 2 * margin);
  });
}

// A row of pictures for each layer, each as strong as the layer's strongest value.
export function showMaps(maps) {
  find("layers").hidden = !maps.length;
  find("maps").replaceChildren(...maps.map(({ kind, channels, height, width, data }) => {
    const columns = Math.min(channels, 16), gap = 1;
    const canvas = made("canvas", {
      width: columns * (width + gap) - gap, height: Math.ceil(channels / columns) * (height + gap) - gap,
    });
    const title = `${channels} maps of ${width}×${height}, ${kind}`;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", title);
    const figure = made("figure", {}, made("figcaption", {}, title), canvas);
    figure.draw = color => {
      const most = data.reduce((a, b) => Math.max(a, b), 1e-9), size = width * height;
      for (let channel = 0; channel < channels; channel++) {
        const strength = at => Math.max(0, data[channel * size + at] / most) * 255;
        paint(canvas, width, height, at => [...color, strength(at)],
          channel % columns * (width + gap), Math.floor(channel / columns) * (height + gap));
      }
    };
    return figure;
  }));
  const figures = [...find("maps").children];
  if (!figures.length) return;
  const color = getComputedStyle(figures[0].querySelector("canvas")).color.match(/\d+/g).slice(0, 3).map(Number);
  figures.forEach(figure => figure.draw(color));
}

export function showLabels(labels, given, choose) {
  find("labels").replaceChildren(...labels.map(label => {
    const button = made("button", { type: "button", disabled: !choose, onclick: () => choose(label) }, label);
    button.setAttribute("aria-pressed", label === given);
    return button;
  }));
}

export function showKept(corrections) {
  const count = corrections.kept.length, lack = corrections.lack;
  find("download").disabled = Boolean(lack);
  find("forget").disabled = !count;
  find("kept").textContent = count
    ? `${count === 1 ? "1 digit is" : `${count} digits are`} kept in this browser${lack ? `; ${lack}` : ""}.`
    : "Say what it is, and it is kept in this browser to train with.";
}

export function tell(text) {
  find("verdict").textContent = text;
}
