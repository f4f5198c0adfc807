/* What the market's messages say, as the page's own objects; and the market's clock, which a replay runs faster. */

const SHANGHAI_MS = 8 * 3600 * 1000;

const value = (given) => (given === null || given === undefined ? NaN : given);

const instant = (text) => (text ? Date.parse(text) : NaN);

/* A tick: prices and volumes NaN where there is none, its time in ms. */
export const tickOf = (data) => ({
  time: instant(data.time),
  day: data.trading_day,
  last: value(data.last),
  volume: value(data.volume),
  turnover: value(data.turnover),
  openInterest: value(data.open_interest),
  bidPrice: value(data.bid_price),
  bidVolume: value(data.bid_volume),
  askPrice: value(data.ask_price),
  askVolume: value(data.ask_volume),
  open: value(data.open),
  high: value(data.high),
  low: value(data.low),
  average: value(data.average),
  preSettlement: value(data.pre_settlement),
  preClose: value(data.pre_close),
  preOpenInterest: value(data.pre_open_interest),
  upperLimit: value(data.upper_limit),
  lowerLimit: value(data.lower_limit),
  depth: data.depth || null,
});

const LONGEST_MINUTES = 600;

/* Minutes in a bar of this interval; 0 for a whole day. */
export const minutesOf = (interval) => {
  const [, count, unit] = /^(\d+)(m|h|d)$/.exec(interval);
  return unit === "d" ? 0 : Number(count) * (unit === "h" ? 60 : 1);
};

/* The one name of an interval, as the server writes it: 60m is 1h; "" for what is none. */
export const intervalName = (text) => {
  if (text === "1d") return text;
  const minutes = /^[1-9]\d*(m|h)$/.test(text) ? minutesOf(text) : 0;
  if (minutes < 1 || minutes > LONGEST_MINUTES) return "";
  return minutes % 60 ? `${minutes}m` : `${minutes / 60}h`;
};

/* Where a bar stands on the chart: Shanghai's wall clock in seconds, of a daily bar its trading day. */
export const placeOf = (start, day, minutes) => (minutes ? (Date.parse(start) + SHANGHAI_MS) : Date.parse(day)) / 1000;

const barOf = (row, minutes) => ({
  time: placeOf(row.start, row.trading_day, minutes),
  start: Date.parse(row.start),
  step: minutes * 60000,
  day: row.trading_day,
  open: row.open,
  high: row.high,
  low: row.low,
  close: row.close,
  volume: row.volume,
  turnover: value(row.turnover),
  interest: value(row.open_interest),
  final: row.final !== false,
});

/* Bars of a socket's message: those of a snapshot, with the one that is forming, or the one of an update. */
export const barsOf = (data, minutes) => {
  const rows = data.bars ? [...data.bars, ...(data.forming ? [data.forming] : [])] : [data];
  return rows.map((row) => barOf(row, minutes));
};

/* Bars of the API's answer, which has an array a column. */
export const barsOfColumns = (columns, minutes) => {
  const names = Object.keys(columns);
  return columns.start.map((_start, row) => {
    const bar = Object.fromEntries(names.map((name) => [name, columns[name][row]]));
    return barOf(bar, minutes);
  });
};

/* The sources of ticks as the status channel tells them, each with its market clock moved on at its own speed. */
export class Sources {
  constructor() {
    this.told = {};
    this.heard = NaN;
  }

  set(data) {
    this.told = data.sources;
    this.heard = performance.now();
  }

  /* The source of an instrument: the named one, else the one that spoke last; null before any is known. */
  of(name) {
    const known = Object.entries(this.told);
    const [found, state] = known.find(([key]) => key === name)
      || known.sort(([, one], [, other]) => one.heard_age - other.heard_age)[0] || [null, null];
    if (!state) return null;
    const since = performance.now() - this.heard;
    const speed = state.speed ?? 1;
    return {
      name: found,
      speed,
      day: state.trading_day || "",
      now: instant(state.market_time) + since * speed,
      silent: state.heard_age * 1000 + since,
    };
  }
}
