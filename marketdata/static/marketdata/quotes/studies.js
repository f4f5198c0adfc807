/* Indicators on the chart: which ones a person chose, their values from the API, and live ones from the socket.
 *
 * A study is {name, params}; the choice is kept in the browser. Values of old bars come by one question, those of
 * newer bars by a channel of their own, computed by the server in both cases.
 */
import { fill } from "./format.js";
import { minutesOf, placeOf } from "./market.js";
import { get } from "./rest.js";
import { keyOf, outputName, titleOf, words } from "./names.js";
import { StudyPanel } from "./studypanel.js";
import { keep, read } from "./store.js";

const over = (name, params) => ({ name, params, overlay: true });
const below = (name, params) => ({ name, params, overlay: false });

const AVERAGES = [5, 10, 20, 60].map((timeperiod) => over("SMA", { timeperiod }));
const SETS = {
  MA: AVERAGES,
  EMA: [12, 26].map((timeperiod) => over("EMA", { timeperiod })),
  BOLL: [over("BOLL", { timeperiod: 20, nbdevup: 2, nbdevdn: 2 })],
  // Twice the difference, as Chinese charting software draws the bars.
  MACD: [below("MACD", { fastperiod: 12, slowperiod: 26, signalperiod: 9, histogram: 2 })],
  KDJ: [below("KDJ", { fastk_period: 9, slowk_period: 3, slowd_period: 3 })],
  RSI: [below("RSI", { timeperiod: 14 })],
};
const FIRST = [...AVERAGES, ...SETS.MACD];

export class Studies {
  /* changed() is called when other channels are wanted than before. */
  constructor(root, layer, { texts, addresses, changed }) {
    this.layer = layer;
    this.texts = texts;
    this.addresses = addresses;
    this.changed = changed;
    this.chosen = read("quotes.studies", FIRST);
    this.faults = new Map();
    this.early = new Map();
    this.asked = 0;
    this.panel = new StudyPanel(root, texts, {
      toggled: (name) => this.toggle(SETS[name]),
      added: (study) => this.add([study]),
      removed: (study) => this.drop([study]),
      changed: (before, after) => this.replace(before, after),
      catalogue: () => get(addresses.indicators),
    });
    this.tellPanel();
  }

  has(study) {
    return this.chosen.some((one) => keyOf(one) === keyOf(study));
  }

  toggle(studies) {
    if (studies.every((study) => this.has(study))) this.drop(studies);
    else this.add(studies);
  }

  add(studies) {
    this.choose([...this.chosen, ...studies.filter((study) => !this.has(study))]);
  }

  drop(studies) {
    const gone = new Set(studies.map(keyOf));
    this.choose(this.chosen.filter((study) => !gone.has(keyOf(study))));
  }

  replace(before, after) {
    this.choose(this.chosen.map((study) => (keyOf(study) === keyOf(before) ? after : study)));
  }

  choose(studies) {
    this.chosen = studies;
    keep("quotes.studies", studies);
    const wanted = new Set(studies.map(keyOf));
    [...this.layer.studies.keys()].filter((key) => !wanted.has(key)).forEach((key) => this.layer.remove(key));
    this.tellPanel();
    this.changed();
    if (this.range) this.load(studies.filter((study) => !this.layer.studies.has(keyOf(study))));
  }

  tellPanel() {
    const pressed = Object.keys(SETS).filter((name) => SETS[name].every((study) => this.has(study)));
    this.panel.show(this.chosen, pressed, this.faults);
  }

  /* --- values ----------------------------------------------------------------------------------------------- */

  /* No values until show(): the chart is about to get other bars. */
  forget() {
    this.range = null;
    this.asked += 1;
    this.early.clear();
    [...this.layer.studies.keys()].forEach((key) => this.layer.clear(key));
  }

  show(instrument, interval, range) {
    this.instrument = instrument;
    this.interval = interval;
    this.minutes = minutesOf(interval);
    this.extend(range);
  }

  extend(range) {
    this.range = range;
    this.asked += 1;
    this.load(this.chosen);
  }

  /* All are asked at once and drawn in the order in which they were chosen. */
  async load(studies) {
    const mine = this.asked;
    const answers = await Promise.allSettled(studies.map((study) => get(this.addresses.indicators, this.question(study))));
    if (mine !== this.asked) return;
    studies.forEach((study, place) => {
      const { value, reason } = answers[place];
      if (reason) this.fault(study, reason.message);
      else if (this.has(study)) this.draw(study, value);
    });
  }

  question(study) {
    return {
      instrument: this.instrument.code, interval: this.interval, name: study.name, ...study.params,
      start: this.range.start, end: this.range.end, limit: this.range.count + 1, layout: "columns",
    };
  }

  draw(study, page) {
    const { start, trading_day: days, ...columns } = page.columns;
    const names = Object.keys(columns);
    const points = start.map((text, row) => ({
      time: placeOf(text, days[row], this.minutes), values: names.map((name) => columns[name][row]),
    }));
    this.faults.delete(keyOf(study));
    this.layer.set(keyOf(study), {
      name: study.name, title: titleOf(study), overlay: study.overlay, points, names,
      outputs: names.map((name) => ({ name: outputName(name), histogram: name.endsWith("hist") })),
    });
    const waiting = this.early.get(keyOf(study));
    this.early.delete(keyOf(study));
    if (waiting) this.move(study, waiting);
  }

  fault(study, reason) {
    this.faults.set(keyOf(study), fill(this.texts.indicatorFailed, { name: titleOf(study), reason }));
    this.tellPanel();
  }

  /* --- live ------------------------------------------------------------------------------------------------- */

  channel(study, instrument, interval) {
    const given = words(study);
    return `indicator.${study.name.toLowerCase()}.${interval}:${instrument.code}${given ? `?${given}` : ""}`;
  }

  wanted(instrument, interval) {
    return this.chosen.map((study) => this.channel(study, instrument, interval));
  }

  hear(channel, data, type) {
    const study = this.instrument && this.chosen.find((one) => this.channel(one, this.instrument, this.interval) === channel);
    if (!study) return;
    const points = type === "snapshot" ? [...data.values, ...(data.forming ? [data.forming] : [])] : [data];
    if (this.layer.isDrawn(keyOf(study))) this.move(study, points);
    else this.early.set(keyOf(study), [...(this.early.get(keyOf(study)) || []), ...points]); // stored ones are on their way
  }

  move(study, points) {
    const { names } = this.layer.studies.get(keyOf(study));
    points.forEach((point) => {
      const values = names.map((name) => point.values[name]);
      if (values.every((value) => value === null)) return; // the hub knows fewer bars than the stored values rest on
      this.layer.update(keyOf(study), { time: placeOf(point.start, point.trading_day, this.minutes), values });
    });
  }

  refused(channel, data) {
    const study = this.instrument && this.chosen.find((one) => this.channel(one, this.instrument, this.interval) === channel);
    if (study) this.fault(study, data.detail);
  }
}
