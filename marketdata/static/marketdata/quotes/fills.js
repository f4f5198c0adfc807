/* Fills of the accounts that the person may see, as arrows at their bars: bought below, sold above, with the lots.
 *
 * The newest ones are asked for every few seconds while the page is looked at. Who may not see fills has no switch
 * for them on the page, and nothing is asked.
 */
import { get } from "./rest.js";
import { keep, read } from "./store.js";

const ASK_MS = 3000;
const NEWEST = 500;
const MOST_TEXTS = 150; // arrows that carry a number: more would hide the bars
const KEY = "quotes.fills";

const accent = () => getComputedStyle(document.documentElement).getPropertyValue("--qs-accent").trim();

/* The bar that a fill belongs to: the one of its trading day, or the last that began before it. */
const barOf = (bars, fill) => {
  if (!bars.length) return undefined;
  if (!bars[bars.length - 1].step) return bars.find((bar) => bar.day === fill.day);
  let [low, high] = [0, bars.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (bars[middle].start <= fill.time) low = middle + 1;
    else high = middle;
  }
  return bars[low - 1];
};

export class Fills {
  /* `address` of the API's list of fills, "" for who may not see any. */
  constructor(chart, address) {
    this.chart = chart;
    this.address = address;
    this.switch = document.querySelector("[data-fills-switch]");
    if (!address || !this.switch) return;
    this.marks = window.LightweightCharts.createSeriesMarkers(chart.candles, []);
    this.fills = [];
    this.on = read(KEY, true);
    this.switch.addEventListener("click", () => this.turn(!this.on));
    this.turn(this.on);
    window.setInterval(() => this.ask(), ASK_MS);
  }

  turn(on) {
    this.on = on;
    keep(KEY, on);
    this.switch.setAttribute("aria-pressed", String(on));
    this.drawn = "";
    this.ask();
  }

  /* Another instrument is shown from now on. */
  show(code) {
    if (!this.marks || code === this.code) return;
    this.code = code;
    this.fills = [];
    this.drawn = "";
    this.ask();
  }

  async ask() {
    const { code } = this;
    if (!code || !this.on || document.hidden) return;
    try {
      const { results } = await get(this.address, { instrument: code, limit: NEWEST });
      if (code !== this.code) return;
      this.fills = results.map((row) => ({
        id: row.id, time: Date.parse(row.traded_at), day: row.trading_day, volume: row.volume, buys: row.direction === "buy",
      }));
    } catch (error) {
      console.info("fills", error.message);
    }
  }

  /* Draws what is new: other fills, or other bars. */
  paint() {
    if (!this.marks) return;
    const { bars } = this.chart;
    const fills = this.on ? this.fills : [];
    const state = [fills.length, fills.length ? fills[0].id : 0, bars.length, bars.length ? bars[0].time : 0, this.on, accent()].join(" ");
    if (state === this.drawn) return;
    this.drawn = state;
    const arrows = this.arrows(bars, fills);
    this.marks.setMarkers(arrows);
    this.switch.dataset.arrows = String(arrows.length);
  }

  arrows(bars, fills) {
    const found = new Map();
    fills.forEach((fill) => {
      const bar = barOf(bars, fill);
      if (!bar) return;
      const key = `${bar.time} ${fill.buys}`;
      const arrow = found.get(key) || { time: bar.time, buys: fill.buys, lots: 0 };
      arrow.lots += fill.volume;
      found.set(key, arrow);
    });
    const text = found.size <= MOST_TEXTS ? ({ lots }) => String(lots) : () => "";
    return [...found.values()].sort((one, other) => one.time - other.time).map((arrow) => ({
      time: arrow.time, color: accent(), text: text(arrow),
      position: arrow.buys ? "belowBar" : "aboveBar", shape: arrow.buys ? "arrowUp" : "arrowDown",
    }));
  }
}
