/* Indicators on the chart: lines over the candles, or in a pane of their own below the volume. */
import { PaneLabels } from "./labels.js";
import { number } from "./format.js";

const LIBRARY = window.LightweightCharts;
const COLOURS = 8;

const token = (index) => getComputedStyle(document.documentElement).getPropertyValue(`--q-line-${index % COLOURS}`).trim();

export class StudyLayer {
  constructor(chart, owner) {
    this.chart = chart;
    this.owner = owner;
    this.studies = new Map();
    const style = () => ({ font: `12px ${getComputedStyle(document.body).fontFamily}`, ground: owner.colours.ground });
    this.style = style;
    const overlays = () => this.overlayRows();
    owner.candles.attachPrimitive(new PaneLabels(overlays, () => owner.legendHeight() + 12, style));
  }

  /* study: {name, title, overlay, outputs: [{name, histogram}], points: [{time, values}]} */
  set(key, given) {
    const study = { ...given, points: given.points.filter((point) => this.owner.places.has(point.time)) };
    const there = this.studies.get(key);
    if (there && there.title === study.title) {
      this.take(there, study.points);
      there.lines.forEach((line, index) => line.setData(this.data(study.points, index, there.outputs[index])));
      return;
    }
    this.remove(key);
    const pane = study.overlay ? this.chart.panes()[0] : this.chart.addPane();
    const made = { ...study, pane, first: this.free(study.overlay ? study.outputs.length : 0) };
    this.take(made, study.points);
    made.lines = study.outputs.map((output, index) => this.line(made, output, index));
    made.lines.forEach((line, index) => line.setData(this.data(study.points, index, study.outputs[index])));
    this.studies.set(key, made);
    if (!study.overlay) {
      pane.setStretchFactor(1.5);
      made.lines[0].priceScale().applyOptions({ scaleMargins: { top: 0.3, bottom: 0.06 } }); // the label's place
      made.lines.at(-1).attachPrimitive(new PaneLabels(() => [this.row(made)], () => 6, this.style));
    }
  }

  take(study, points) {
    study.points = new Map(points.map((point) => [point.time, point.values]));
    study.newest = points.length ? points[points.length - 1].time : -Infinity;
    study.drawn = true;
  }

  /* The first colour that no overlay has; in a pane of its own each study begins with the first. */
  free(count) {
    if (!count) return 0;
    const taken = new Set([...this.studies.values()].filter((one) => one.overlay).flatMap(
      (one) => one.outputs.map((_output, index) => one.first + index),
    ));
    for (let first = 0; first < COLOURS; first += 1) {
      if (![...Array(count).keys()].some((index) => taken.has(first + index))) return first;
    }
    return taken.size;
  }

  line(study, output, index) {
    const { HistogramSeries, LineSeries } = LIBRARY;
    const plain = { priceLineVisible: false, lastValueVisible: false };
    const figures = study.overlay
      ? { priceFormat: { type: "price", precision: this.owner.digits, minMove: 10 ** -this.owner.digits } }
      : {};
    const colour = token(study.first + index);
    if (output.histogram) return study.pane.addSeries(HistogramSeries, { ...plain, ...figures, color: colour });
    const options = { ...plain, ...figures, color: colour, lineWidth: study.overlay ? 1 : 1.5, crosshairMarkerVisible: false };
    return study.pane.addSeries(LineSeries, options);
  }

  data(points, index, output) {
    const { upVolume, downVolume } = this.owner.colours;
    return points.map(({ time, values }) => {
      const value = values[index];
      if (value === null || !Number.isFinite(value)) return { time };
      return output.histogram ? { time, value, color: value >= 0 ? upVolume : downVolume } : { time, value };
    });
  }

  /* One live point of a study; one without a bar of its own is left out. */
  update(key, point) {
    const study = this.studies.get(key);
    if (!study || !this.owner.places.has(point.time)) return;
    study.points.set(point.time, point.values);
    const earlier = point.time < study.newest;
    study.newest = Math.max(study.newest, point.time);
    study.lines.forEach((line, index) => line.update(this.data([point], index, study.outputs[index])[0], earlier));
  }

  /* Leaves the points that have a bar. */
  trim() {
    this.studies.forEach((study, key) => {
      this.set(key, { ...study, points: [...study.points].map(([time, values]) => ({ time, values })) });
    });
  }

  isDrawn(key) {
    return Boolean(this.studies.get(key)?.drawn);
  }

  /* Its values go, its pane stays: other bars are on their way. */
  clear(key) {
    const study = this.studies.get(key);
    this.take(study, []);
    study.drawn = false;
    study.lines.forEach((line) => line.setData([]));
  }

  remove(key) {
    const study = this.studies.get(key);
    if (!study) return;
    study.lines.forEach((line) => this.chart.removeSeries(line)); // a pane without lines goes by itself
    this.studies.delete(key);
  }

  recolour() {
    this.studies.forEach((study) => {
      const points = [...study.points].map(([time, values]) => ({ time, values }));
      study.lines.forEach((line, index) => {
        line.applyOptions({ color: token(study.first + index) });
        if (study.outputs[index].histogram) line.setData(this.data(points, index, study.outputs[index]));
      });
    });
  }

  /* Averages of several lengths stand in one row, other studies in one of their own. */
  overlayRows() {
    const rows = new Map();
    [...this.studies].filter(([, study]) => study.overlay).forEach(([key, study]) => {
      const group = study.outputs.length > 1 ? key : study.name;
      rows.set(group, [...(rows.get(group) || []), ...this.row(study)]);
    });
    return [...rows.values()];
  }

  /* A study's name and its figures at the cross-hair, or of the newest bar. */
  row(study) {
    const bars = this.owner.bars;
    const bar = bars[this.owner.pointed === undefined ? bars.length - 1 : this.owner.pointed];
    const values = (bar && study.points.get(bar.time)) || [];
    const digits = study.overlay ? Math.min(this.owner.digits + 1, 4) : 2;
    const figures = study.outputs.map((output, index) => ({
      text: `${output.name ? `${output.name} ` : ""}${number(values[index], digits)}`,
      colour: token(study.first + index),
    }));
    return [{ text: study.title, colour: this.owner.colours.soft }, ...figures];
  }
}
