/* Feeds the chart: stored bars from the API, older ones when the left end comes near, live ones from the socket. */
import { QuoteChart } from "./chart.js";
import { fill, minute, number, percent, signed } from "./format.js";
import { barsOf, barsOfColumns, minutesOf } from "./market.js";
import { get } from "./rest.js";
import { Studies } from "./studies.js";

const AHEAD_MS = 60000; // a bar may begin so long after the market's clock, no more
const PAGE = 2000; // bars a question: two screens zoomed far out, 60 kB on the wire

export class Candles {
  /* channels() is called when other channels are wanted than before, filled() when the bars are there; clock() is
   * the market's, in ms, NaN where it is unknown. */
  constructor(root, { texts, addresses, channels, filled, clock }) {
    this.root = root;
    this.texts = texts;
    this.addresses = addresses;
    this.channels = channels;
    this.filled = filled;
    this.clock = clock;
    this.legend = root.querySelector("[data-legend]");
    this.notice = root.querySelector("[data-chart-notice]");
    this.element = root.querySelector("[data-chart]");
    this.chart = new QuoteChart(this.element, {
      legend: this.legend,
      older: () => this.loadOlder(),
      pointed: (bar, before) => this.point(bar, before),
    });
    this.studies = new Studies(root, this.chart.layer, { texts, addresses, changed: () => this.channels() });
    this.asked = 0;
    this.complete = true;
  }

  setInterval(interval) {
    this.root.querySelectorAll("[data-interval]").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.dataset.interval === interval));
    });
    const listed = Boolean(this.root.querySelector(`[data-interval="${interval}"]`));
    const any = this.root.querySelector("[data-interval-any]");
    any.value = listed ? "" : String(minutesOf(interval));
    any.parentElement.classList.toggle("q-pressed", !listed);
  }

  /* The bars of this instrument and interval, in the place of what was shown. */
  async show(instrument, interval) {
    this.instrument = instrument;
    this.interval = interval;
    this.minutes = minutesOf(interval);
    this.complete = true;
    this.live = [];
    this.loaded = false;
    this.asked += 1;
    const mine = this.asked;
    this.tell("");
    this.channels();
    this.chart.setTick(instrument.price_tick, instrument.digits);
    this.chart.setBars([], !this.minutes);
    this.studies.forget();
    try {
      const page = await this.read();
      if (mine !== this.asked) return;
      this.chart.setBars(this.past(page), !this.minutes);
      this.loaded = true;
      this.live.splice(0).forEach((bar) => this.chart.update(bar));
      this.chart.frame();
      this.complete = page.length < PAGE;
      this.studies.show(instrument, interval, this.range());
      this.empty();
    } catch (error) {
      if (mine === this.asked) this.tell(fill(this.texts.barsFailed, { reason: error.message }));
    }
    this.point(null);
    this.describe();
    this.filled();
  }

  async read(end) {
    const query = { instrument: this.instrument.code, interval: this.interval, limit: PAGE, layout: "columns", end };
    const { columns } = await get(this.addresses.bars, query);
    return barsOfColumns(columns, this.minutes);
  }

  async loadOlder() {
    if (this.complete || this.loading) return;
    this.loading = true;
    const mine = this.asked;
    const first = this.chart.bars[0];
    try {
      const page = await this.read(new Date(first.start).toISOString());
      if (mine !== this.asked) return;
      this.complete = page.length < PAGE;
      this.chart.prepend(page);
      this.empty();
      this.studies.extend(this.range());
    } catch (error) {
      if (mine === this.asked) this.tell(fill(this.texts.barsFailed, { reason: error.message }));
    } finally {
      this.loading = false;
    }
  }

  /* What has been by the market's clock: a replay of a recorded day must not show how it ended. */
  past(bars) {
    const now = this.clock();
    return Number.isFinite(now) ? bars.filter((bar) => bar.start <= now + AHEAD_MS) : bars;
  }

  /* Takes away what the clock, when it became known, has not reached. */
  trim() {
    const { bars } = this.chart;
    if (!this.loaded || !bars.length || this.past(bars.slice(-1)).length) return;
    this.chart.fill(this.past(bars));
    this.chart.layer.trim();
    this.studies.extend(this.range());
    this.chart.frame();
    this.empty();
    this.point(null);
  }

  /* From when until when the chart has bars, the last one included, and how many. */
  range() {
    const { bars } = this.chart;
    if (!bars.length) return { start: null, end: null, count: 0 };
    const end = new Date(bars[bars.length - 1].start + 1000).toISOString();
    return { start: new Date(bars[0].start).toISOString(), end, count: bars.length };
  }

  wanted() {
    if (!this.instrument) return [];
    return [`bar.${this.interval}:${this.instrument.code}`, ...this.studies.wanted(this.instrument, this.interval)];
  }

  hear(channel, data, type) {
    if (!this.instrument) return;
    if (channel !== `bar.${this.interval}:${this.instrument.code}`) {
      this.studies.hear(channel, data, type);
      return;
    }
    const bars = this.past(barsOf(data, this.minutes));
    if (!this.loaded) {
      this.live.push(...bars); // the stored ones are on their way
      return;
    }
    const shown = this.chart.bars;
    if (type === "snapshot" && shown.length && bars.length && bars[0].time > shown[shown.length - 1].time) {
      this.show(this.instrument, this.interval); // the line was cut for longer than a snapshot reaches back
      return;
    }
    bars.forEach((bar) => this.chart.update(bar));
    this.empty();
    if (this.chart.pointed === undefined) this.point(null);
  }

  refused(channel, data) {
    if (channel.startsWith("indicator.")) this.studies.refused(channel, data);
    else this.tell(data.detail);
  }

  /* Where no tick has come: what the stored bars tell of their last trading day. No settlement, so no change. */
  lastKnown() {
    const { bars } = this.chart;
    const bar = bars[bars.length - 1];
    if (!bar || !this.loaded) return null;
    const first = bars.findLastIndex((one) => one.day !== bar.day) + 1;
    const today = bars.slice(first);
    const before = bars[first - 1] || {};
    const sum = (name) => today.reduce((total, one) => total + one[name], 0);
    return {
      time: NaN,
      bar: this.minutes ? minute(bar.start) : bar.day,
      last: bar.close,
      open: today[0].open,
      high: Math.max(...today.map((one) => one.high)),
      low: Math.min(...today.map((one) => one.low)),
      volume: sum("volume"),
      turnover: sum("turnover"),
      openInterest: bar.interest,
      preClose: before.close,
      preOpenInterest: before.interest,
    };
  }

  empty() {
    const { interval, instrument } = this;
    if (!this.chart.bars.length) this.tell(fill(this.texts.noBars, { interval, code: instrument.code }));
    else if (!this.notice.hidden) this.tell("");
    this.element.dataset.bars = String(this.chart.bars.length);
  }

  tell(sentence) {
    this.notice.textContent = sentence;
    this.notice.hidden = !sentence;
  }

  /* The legend: the bar under the cross-hair, the newest one without a cross-hair. */
  point(pointed, before) {
    const { bars } = this.chart;
    const bar = pointed || bars[bars.length - 1];
    const previous = pointed ? before : bars[bars.length - 2];
    if (!bar) {
      this.legend.replaceChildren();
      return;
    }
    const { digits } = this.instrument;
    const change = previous ? bar.close - previous.close : NaN;
    const parts = [
      ["", this.minutes ? `${minute(bar.start)} (${bar.day})` : bar.day],
      [this.texts.barOpen, number(bar.open, digits)],
      [this.texts.barHigh, number(bar.high, digits)],
      [this.texts.barLow, number(bar.low, digits)],
      [this.texts.barClose, number(bar.close, digits)],
      ["", `${signed(change, digits)} ${percent(previous ? change / previous.close : NaN)}`, change],
      [this.texts.barVolume, number(bar.volume)],
      [this.texts.barInterest, number(bar.interest)],
    ];
    this.legend.replaceChildren(...parts.map((part) => this.word(...part)));
  }

  word(name, figure, change) {
    const element = document.createElement("span");
    if (name) element.append(Object.assign(document.createElement("i"), { textContent: name }), " ");
    element.append(figure);
    if (change) element.dataset.direction = change > 0 ? "up" : "down";
    return element;
  }

  /* The chart in words, for those who do not see it. */
  describe() {
    const bar = this.chart.bars[this.chart.bars.length - 1];
    if (!bar) return;
    const given = {
      code: this.instrument.code, interval: this.interval,
      time: this.minutes ? minute(bar.start) : bar.day, close: number(bar.close, this.instrument.digits),
    };
    this.element.setAttribute("aria-label", fill(this.texts.chart, given));
  }
}
