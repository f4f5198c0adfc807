/* The candles with their volume and open interest: drawn, moved on by live bars, continued to the left when asked.
 *
 * The chart library counts bars, not hours, so that gaps between sessions are closed; it shows times as UTC, so it is
 * given Shanghai's wall clock. Bars that rise are hollow: colour is not all that tells them apart.
 */
import { SessionBreaks } from "./breaks.js";
import { number } from "./format.js";
import { StudyLayer } from "./layer.js";

const LIBRARY = window.LightweightCharts;
const NEAR_THE_LEFT = 100; // bars: soon enough that older ones are there before they are seen
const BAR_WIDTH = 7; // px at first sight

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/* The library knows few forms of a colour: the canvas resolves any, `part` percent of it. */
const resolved = (() => {
  const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  return (colour, part = 100) => {
    context.clearRect(0, 0, 1, 1);
    context.globalAlpha = part / 100;
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
    return `rgba(${red}, ${green}, ${blue}, ${(alpha / 255).toFixed(3)})`;
  };
})();

const palette = () => ({
  up: resolved(token("--qs-up")),
  down: resolved(token("--qs-down")),
  upVolume: resolved(token("--qs-up"), 55),
  downVolume: resolved(token("--qs-down"), 75),
  ground: resolved(token("--qs-card")),
  ink: resolved(token("--qs-ink")),
  soft: resolved(token("--qs-soft")),
  line: resolved(token("--qs-line"), 60),
  day: resolved(token("--qs-soft"), 55),
  pause: resolved(token("--qs-soft"), 45),
  interest: resolved(token("--qs-interest")),
});

export class QuoteChart {
  /* older() is called when the left end comes near, pointed(bar, before) when the cross-hair moves (null: off it). */
  constructor(element, { older, pointed, legend }) {
    this.legend = legend;
    this.bars = [];
    this.places = new Map();
    this.digits = 0;
    this.colours = palette();
    this.chart = LIBRARY.createChart(element, this.options());
    this.addSeries();
    this.layer = new StudyLayer(this.chart, this);
    this.chart.timeScale().subscribeVisibleLogicalRangeChange((range) => {
      if (range && range.from < NEAR_THE_LEFT && this.bars.length) older();
    });
    this.chart.subscribeCrosshairMove((at) => {
      const place = at.time === undefined ? undefined : this.places.get(at.time);
      this.pointed = place;
      pointed(place === undefined ? null : this.bars[place], this.bars[place - 1]);
    });
  }

  /* How much of the main pane the legend above it covers, in px. */
  legendHeight() {
    return this.legend.offsetHeight;
  }

  options() {
    const { ground, soft, line, ink } = this.colours;
    return {
      autoSize: true,
      layout: {
        background: { type: "solid", color: ground },
        textColor: soft,
        fontFamily: getComputedStyle(document.body).fontFamily,
        fontSize: 12,
        attributionLogo: false, // its style element would break our policy: the page names the makers itself
        panes: { separatorColor: line, separatorHoverColor: line },
      },
      grid: { vertLines: { visible: false }, horzLines: { color: line } },
      crosshair: { mode: 0, vertLine: { color: soft, labelBackgroundColor: ink }, horzLine: { color: soft, labelBackgroundColor: ink } },
      rightPriceScale: { borderVisible: false, minimumWidth: 72 },
      timeScale: {
        borderVisible: false, rightOffset: 6, barSpacing: BAR_WIDTH, minBarSpacing: 0.4, secondsVisible: false, timeVisible: true,
        tickMarkFormatter: (time, kind) => this.mark(time, kind),
      },
      localization: { timeFormatter: (time) => this.moment(time) },
      handleScale: { axisPressedMouseMove: { price: true, time: true } },
    };
  }

  addSeries() {
    const { CandlestickSeries, HistogramSeries, LineSeries } = LIBRARY;
    this.candles = this.chart.addSeries(CandlestickSeries, {}, 0);
    this.volume = this.chart.addSeries(
      HistogramSeries, { priceFormat: { type: "volume" }, priceLineVisible: false, lastValueVisible: false }, 1,
    );
    this.interest = this.chart.addSeries(
      LineSeries,
      {
        priceScaleId: "interest", lineWidth: 1, priceLineVisible: false, lastValueVisible: false,
        crosshairMarkerVisible: false, priceFormat: { type: "volume" },
      }, 1,
    );
    this.candles.priceScale().applyOptions({ scaleMargins: { top: 0.16, bottom: 0.06 } });
    this.volume.priceScale().applyOptions({ scaleMargins: { top: 0.12, bottom: 0 } });
    const [main, below] = this.chart.panes();
    main.setStretchFactor(6);
    below.setStretchFactor(1.3);
    const colours = () => this.colours;
    this.candles.attachPrimitive(new SessionBreaks(() => this.bars, colours));
    this.volume.attachPrimitive(new SessionBreaks(() => this.bars, colours));
    this.paint();
  }

  paint() {
    const { up, down, ground, interest } = this.colours;
    this.candles.applyOptions({
      upColor: ground, borderUpColor: up, wickUpColor: up, downColor: down, borderDownColor: down, wickDownColor: down,
      priceLineColor: this.colours.soft,
    });
    this.interest.applyOptions({ color: interest });
  }

  /* Colours anew, after the theme or the colours of up and down were changed. */
  recolour() {
    this.colours = palette();
    this.chart.applyOptions(this.options());
    this.paint();
    this.volume.setData(this.bars.map((bar) => this.volumePoint(bar)));
    this.layer.recolour();
  }

  /* The instrument's price tick, in how many decimals it is written. The axis may be marked between two ticks. */
  setTick(tick, digits) {
    this.digits = digits;
    const formatter = (price) => number(price, digits);
    const offGrid = (price) => Math.abs(price / tick - Math.round(price / tick)) > 1e-6;
    const tickmarksFormatter = (prices) => prices.map((price) => number(price, prices.some(offGrid) ? digits + 1 : digits));
    this.candles.applyOptions({ priceFormat: { type: "custom", minMove: tick, formatter, tickmarksFormatter } });
  }

  /* Other bars: of another instrument or interval. */
  setBars(bars, daily) {
    this.daily = daily;
    this.pointed = undefined;
    this.chart.applyOptions({ timeScale: { timeVisible: !daily } });
    this.fill(bars);
    this.frame();
  }

  /* The newest bars, with room for those to come. */
  frame() {
    const count = this.bars.length;
    const shown = Math.floor(this.chart.timeScale().width() / BAR_WIDTH);
    this.chart.timeScale().setVisibleLogicalRange({ from: count - shown, to: count + 5 });
    this.chart.priceScale("right").applyOptions({ autoScale: true });
  }

  /* Older bars to the left; what is seen stays where it is. */
  prepend(bars) {
    const first = this.bars.length ? this.bars[0].time : Infinity;
    const older = bars.filter((bar) => bar.time < first);
    if (this.pointed !== undefined) this.pointed += older.length;
    this.fill([...older, ...this.bars]);
  }

  fill(bars) {
    this.bars = bars;
    this.places = new Map(bars.map((bar, place) => [bar.time, place]));
    this.candles.setData(bars);
    this.volume.setData(bars.map((bar) => this.volumePoint(bar)));
    this.interest.setData(bars.map((bar) => this.interestPoint(bar)));
  }

  /* A live bar: the newest one, a new one, or an earlier one as it came to be. */
  update(bar) {
    const place = this.places.get(bar.time);
    const last = this.bars.length ? this.bars[this.bars.length - 1].time : -Infinity;
    if (place === undefined && bar.time < last) return;
    if (place === undefined) this.places.set(bar.time, this.bars.push(bar) - 1);
    else this.bars[place] = bar;
    const earlier = bar.time < last;
    this.candles.update(bar, earlier);
    this.volume.update(this.volumePoint(bar), earlier);
    this.interest.update(this.interestPoint(bar), earlier);
  }

  volumePoint(bar) {
    return { time: bar.time, value: bar.volume, color: bar.close >= bar.open ? this.colours.upVolume : this.colours.downVolume };
  }

  interestPoint(bar) {
    return Number.isFinite(bar.interest) && bar.interest > 0 ? { time: bar.time, value: bar.interest } : { time: bar.time };
  }

  moment(time) {
    const text = new Date(time * 1000).toISOString();
    return this.daily ? text.slice(0, 10) : text.slice(0, 16).replace("T", " ");
  }

  /* kind: 0 year, 1 month, 2 day, 3 and 4 times of day. */
  mark(time, kind) {
    const text = new Date(time * 1000).toISOString();
    if (kind === 0) return text.slice(0, 4);
    if (kind === 1) return text.slice(0, 7);
    return kind === 2 ? text.slice(5, 10) : text.slice(11, 16);
  }
}
