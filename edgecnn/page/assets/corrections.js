// Corrections: digits with the labels that a person gave them. They are kept in this browser alone.

const KEY = "edgecnn.corrections", MOST = 2000; // which take three quarters of what a browser keeps for a page

export class Corrections {
  constructor() {
    this.kept = read();
  }

  // Keep a digit under a label. The same digit has one label: the last that it was given. The pixels are bytes.
  add(pixels, label) {
    const text = btoa(String.fromCharCode(...pixels));
    this.kept = [...this.kept.filter(item => item.pixels !== text), { label, pixels: text }].slice(-MOST);
    this.#write();
  }

  labelOf(pixels) {
    const text = btoa(String.fromCharCode(...pixels));
    return this.kept.find(item => item.pixels === text)?.label;
  }

  forget() {
    this.kept = [];
    this.#write();
  }

  // What a data set needs and these lack, or "". Of each label, every sixth digit is for testing, from the second on.
  get lack() {
    const counts = new Map();
    for (const { label } of this.kept) counts.set(label, (counts.get(label) ?? 0) + 1);
    if (counts.size < 2) return "a data set needs digits of two labels";
    return Math.max(...counts.values()) < 2 || this.kept.length < 3 ? "a data set needs two digits of one label" : "";
  }

  // A table with a label and its pixels in each row.
  toCsv() {
    const size = atob(this.kept[0].pixels).length;
    const heading = ["label", ...Array.from({ length: size }, (_, at) => `pixel${at}`)].join(",");
    const rows = this.kept.map(({ label, pixels }) => [label, ...Array.from(atob(pixels), byte => byte.charCodeAt(0))].join(","));
    return [heading, ...rows, ""].join("\n");
  }

  #write() {
    try {
      localStorage.setItem(KEY, JSON.stringify(this.kept));
    } catch { /* a browser that keeps nothing: they last as long as the page */ }
  }
}

function read() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY));
    return Array.isArray(found) ? found.filter(({ label, pixels }) => typeof label === "string" && typeof pixels === "string") : [];
  } catch {
    return [];
  }
}

export function saveAs(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}
