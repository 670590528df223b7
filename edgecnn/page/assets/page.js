// The page: what a person does leads to a reading, and a reading to what is shown.

import { Corrections, saveAs } from "./corrections.js";
import { Drawing, placeOf } from "./drawing.js";
import { showBars, showBoxes, showDigits, showKept, showLabels, showMaps, showNumber, tell } from "./view.js";

const find = id => document.getElementById(id);
const NOTHING = { digits: [], size: [1, 1], milliseconds: 0 };
const MOST_CORRECTED = 62; // labels that are offered: those of letters and digits
const PAUSE = 20; // milliseconds in which a newer answer takes the place of an older one

// A reader has a name and labels. It reads a subject: `read` returns digits, each with its pixels, box, verdict and
// scores, the size of what was read, and the time that it took. `mapsOf` returns the feature maps of a digit.
export function start(reader) {
  const corrections = new Corrections();
  let reading = NOTHING, selected = 0, wanted = false, busy = false, free = 0, later = 0, version = -1;

  const drawing = new Drawing(find("paper"), goesOn => {
    find("hint").hidden = goesOn || !drawing.isEmpty;
    if (!goesOn || performance.now() > free) follow();
  });

  async function follow() {
    wanted = version !== drawing.version;
    if (busy) return;
    busy = true;
    while (wanted) {
      wanted = false;
      version = drawing.version;
      const began = performance.now();
      try {
        reading = drawing.isEmpty ? NOTHING : await reader.read(drawing.subject);
        selected = Math.max(0, reading.digits.length - 1);
        show();
      } catch (error) {
        reading = NOTHING;
        show();
        tell(error.message);
      }
      free = 2 * performance.now() - began; // a stroke that goes on is not held up
    }
    busy = false;
  }

  function show() {
    showNumber(reading, drawing.isEmpty);
    find("time").textContent = reading === NOTHING ? "" : `${reader.how} in ${reading.milliseconds.toFixed(1)} ms`;
    find("undo").disabled = !drawing.steps.length;
    find("clear").disabled = drawing.isEmpty;
    choose(selected);
  }

  function choose(at) {
    selected = at;
    const digit = reading.digits[at], { bitmap = find("paper") } = drawing.isEmpty ? {} : drawing.subject;
    showBars(reader.labels, digit);
    showDigits(reading.digits, at, choose);
    showBoxes(reading.digits, at, placeOf(bitmap, find("paper")), reading.size);
    showCorrections();
    clearTimeout(later); // the answer comes first
    later = setTimeout(() => showMaps(digit ? reader.mapsOf(digit) : []), PAUSE);
  }

  function showCorrections() {
    const digit = reading.digits[selected];
    showLabels(reader.labels, digit && corrections.labelOf(digit.pixels), digit && correct);
    showKept(corrections);
  }

  function correct(label) {
    const digit = reading.digits[selected];
    if (!digit) return;
    corrections.add(digit.pixels, label);
    showCorrections();
  }

  async function take(file) {
    if (!file) return;
    try {
      drawing.show(file, await createImageBitmap(file));
    } catch {
      tell("This is not a picture that the browser can read");
    }
  }

  find("model").textContent = reader.name;
  find("correct").hidden = reader.labels.length > MOST_CORRECTED || reader.isColored;
  find("undo").onclick = () => drawing.undo();
  find("clear").onclick = () => drawing.clear();
  find("forget").onclick = () => { corrections.forget(); showCorrections(); };
  find("download").onclick = () => saveAs("corrections.csv", corrections.toCsv());
  for (const [button, input] of [["picture", "file"], ["photograph", "camera"]]) {
    find(button).onclick = () => find(input).click();
    find(input).onchange = () => { take(find(input).files[0]); find(input).value = ""; };
  }
  addEventListener("paste", event => take([...event.clipboardData.files][0]));
  addEventListener("dragover", event => { event.preventDefault(); find("frame").classList.add("over"); });
  addEventListener("dragleave", () => find("frame").classList.remove("over"));
  addEventListener("drop", event => {
    event.preventDefault();
    find("frame").classList.remove("over");
    take(event.dataTransfer.files[0]);
  });
  addEventListener("keydown", event => {
    if (event.target.matches("input, select") || event.altKey) return;
    if ((event.ctrlKey || event.metaKey) && event.key === "z") drawing.undo();
    else if (event.ctrlKey || event.metaKey) return;
    else if (["Delete", "Backspace", "Escape"].includes(event.key)) drawing.clear();
    else if (reader.labels.includes(event.key) && !find("correct").hidden) correct(event.key);
    else return;
    event.preventDefault();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
}
