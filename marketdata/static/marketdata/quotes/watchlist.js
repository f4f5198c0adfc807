/* The list on the left: one row a contract, rewritten in place at most four times a second. */
import { changeOf, dress, write } from "./board.js";
import { age, arrow, DASH, direction, fill, number, percent, signed } from "./format.js";

const OLD_MS = 30000; // a row without a tick for so long is greyed: quiet, not cut off
const CELLS = ["code", "last", "change", "percent", "volume", "interest", "age", "edit"];

export class Watchlist {
  /* chosen(code), moved(codes), removed(code) tell what the person did. */
  constructor(root, texts, { chosen, moved, removed }) {
    this.root = root;
    this.body = root.querySelector("tbody");
    this.empty = document.querySelector("[data-watch-empty]");
    this.texts = texts;
    this.does = { chosen, moved, removed };
    this.rows = new Map();
    this.body.addEventListener("click", (event) => this.clicked(event));
  }

  /* Rows for these instruments, in this order. */
  set(instruments, current) {
    this.instruments = instruments;
    this.rows = new Map(instruments.map((instrument) => [instrument.code, this.make(instrument)]));
    this.body.replaceChildren(...[...this.rows.values()].map((row) => row.element));
    this.empty.hidden = instruments.length > 0;
    this.mark(current);
  }

  make(instrument) {
    const element = document.createElement("tr");
    element.dataset.code = instrument.code;
    const cells = Object.fromEntries(CELLS.map((name) => {
      const cell = document.createElement(name === "code" ? "th" : "td");
      cell.className = `q-${name}`;
      if (name !== "code" && name !== "edit") cell.textContent = DASH;
      element.append(cell);
      return [name, cell];
    }));
    cells.code.scope = "row";
    const link = document.createElement("a");
    link.href = `?instrument=${encodeURIComponent(instrument.code)}`;
    link.append(Object.assign(document.createElement("b"), { textContent: instrument.symbol }));
    const name = Object.assign(document.createElement("small"), { textContent: instrument.label });
    link.title = `${instrument.code} ${instrument.label}`;
    link.append(" ", name);
    cells.code.append(link);
    ["up", "down", "remove"].forEach((verb) => cells.edit.append(this.button(verb, instrument.code)));
    return { element, cells, link, instrument };
  }

  button(verb, code) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.verb = verb;
    button.textContent = { up: "↑", down: "↓", remove: "×" }[verb];
    button.setAttribute("aria-label", fill(this.texts[verb], { code }));
    button.title = fill(this.texts[verb], { code });
    return button;
  }

  mark(code) {
    this.rows.forEach((row, key) => {
      row.element.classList.toggle("q-chosen", key === code);
      if (key === code) row.link.setAttribute("aria-current", "true");
      else row.link.removeAttribute("aria-current");
    });
    this.rows.get(code)?.element.scrollIntoView({ block: "nearest" });
  }

  /* The figures of one row; ageMs is how long ago the market sent the tick, NaN where there is none. */
  show(code, tick, ageMs, stale) {
    const row = this.rows.get(code);
    if (!row) return;
    const { cells, instrument } = row;
    const { change, part } = changeOf(tick);
    write(cells.last, number(tick.last, instrument.digits));
    write(cells.change, `${arrow(change)}${signed(change, instrument.digits)}`);
    write(cells.percent, percent(part));
    write(cells.volume, number(tick.volume));
    write(cells.interest, number(tick.openInterest));
    write(cells.age, age(ageMs));
    [cells.last, cells.change, cells.percent].forEach((cell) => dress(cell, direction(change)));
    row.element.classList.toggle("q-old", stale || !(ageMs < OLD_MS));
  }

  clicked(event) {
    const row = event.target.closest("tr");
    if (!row) return;
    const verb = event.target.closest("button")?.dataset.verb;
    if (verb === "remove") this.does.removed(row.dataset.code);
    else if (verb) this.move(row.dataset.code, verb === "up" ? -1 : 1);
    else if (!event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      this.does.chosen(row.dataset.code);
    }
  }

  /* The neighbour of a code: step 1 below, -1 above; at the ends the code itself. */
  neighbour(code, step) {
    const codes = [...this.rows.keys()];
    const place = codes.indexOf(code);
    if (place < 0) return codes[0];
    return codes[Math.min(Math.max(place + step, 0), codes.length - 1)];
  }

  move(code, step) {
    const codes = [...this.rows.keys()];
    const from = codes.indexOf(code);
    const to = from + step;
    if (from < 0 || to < 0 || to >= codes.length) return;
    [codes[from], codes[to]] = [codes[to], codes[from]];
    this.does.moved(codes, code);
  }
}
