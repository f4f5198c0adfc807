/* The block above the chart: the last price first, then the change, the book, the day's facts. Writes only what changed. */
import { amount, arrow, clock, DASH, direction, number, percent, signed } from "./format.js";

const LEVELS = 5;

/* Sets an element's text if it is another one: a page of unchanged numbers costs nothing. */
export const write = (element, text) => {
  if (element && element.textContent !== text) element.textContent = text;
};

export const dress = (element, name) => {
  if (element && element.dataset.direction !== name) element.dataset.direction = name;
};

/* The change of a tick against the settlement before, in points and as a part; NaN where one is unknown. */
export const changeOf = (tick) => {
  const change = tick.last - tick.preSettlement;
  return { change, part: change / tick.preSettlement };
};

export class Board {
  constructor(root, language) {
    this.root = root;
    this.language = language;
    this.cells = new Map([...root.querySelectorAll("[data-fact]")].map((cell) => [cell.dataset.fact, cell]));
    this.book = root.querySelector("[data-book]");
    this.rows = new Map([...root.querySelectorAll("[data-level]")].map((row) => [row.dataset.level, row]));
  }

  /* instrument: facts from the API; tick: null where nothing is known yet. */
  show(instrument, tick) {
    const digits = instrument.digits;
    const known = tick || {};
    const { change, part } = changeOf(known);
    write(this.cells.get("last"), number(known.last, digits));
    write(this.cells.get("arrow"), arrow(change));
    write(this.cells.get("change"), signed(change, digits));
    write(this.cells.get("percent"), Number.isFinite(part) ? percent(part) : "");
    dress(this.root, direction(change));
    this.levels(known, digits);
    ["open", "high", "low", "average"].forEach((name) => this.price(name, known[name], known.preSettlement, digits));
    ["preSettlement", "preClose", "upperLimit", "lowerLimit"].forEach((name) => {
      write(this.cells.get(name), number(known[name], digits));
    });
    write(this.cells.get("volume"), number(known.volume));
    write(this.cells.get("openInterest"), number(known.openInterest));
    write(this.cells.get("interestChange"), signed(known.openInterest - known.preOpenInterest));
    write(this.cells.get("turnover"), amount(known.turnover, this.language));
    write(this.cells.get("time"), clock(known.time));
  }

  price(name, value, reference, digits) {
    const cell = this.cells.get(name);
    write(cell, number(value, name === "average" ? digits + 1 : digits));
    dress(cell, direction(value - reference));
  }

  levels(tick, digits) {
    const most = tick.depth ? LEVELS : 1;
    if (this.book.dataset.levels !== String(most)) this.book.dataset.levels = String(most);
    const sizes = [];
    for (const side of ["ask", "bid"]) {
      for (let level = 1; level <= most; level += 1) sizes.push(quote(tick, side, level).volume || 0);
    }
    const largest = Math.max(...sizes, 1);
    for (const side of ["ask", "bid"]) {
      for (let level = 1; level <= most; level += 1) this.level(tick, side, level, digits, largest);
    }
  }

  level(tick, side, level, digits, largest) {
    const row = this.rows.get(`${side}${level}`);
    const { price, volume } = quote(tick, side, level);
    const [, priceCell, volumeCell, size] = row.children;
    write(priceCell, number(price, digits));
    dress(priceCell, direction(price - tick.preSettlement));
    write(volumeCell, Number.isFinite(price) ? number(volume) : DASH);
    size.firstElementChild.value = Number.isFinite(price) ? volume / largest : 0;
  }
}

/* Price and volume of one level; depth is the list of levels 2 to 5, best first. */
const quote = (tick, side, level) => {
  if (level === 1) return { price: tick[`${side}Price`], volume: tick[`${side}Volume`] };
  const deeper = tick.depth[level - 2];
  return { price: deeper[`${side}_price`] ?? NaN, volume: deeper[`${side}_volume`] ?? 0 };
};
