/* Numbers and times as a trader reads them: fixed decimals by the tick, thousands separated, a dash for no value. */

export const DASH = "–";

const SHANGHAI_MS = 8 * 3600 * 1000;
const formats = new Map();

const formatOf = (digits, sign) => {
  const key = `${digits}${sign}`;
  if (!formats.has(key)) {
    const options = { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: sign };
    formats.set(key, new Intl.NumberFormat("en", options));
  }
  return formats.get(key);
};

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/* How many decimals a price with this tick has: 0.2 -> 1, 0.005 -> 3, 5 -> 0. */
export const decimalsOf = (tick) => {
  if (!isNumber(tick) || tick <= 0) return 2;
  for (let digits = 0; digits < 8; digits += 1) {
    const steps = tick * 10 ** digits;
    if (Math.abs(steps - Math.round(steps)) < 1e-9 * Math.max(1, steps)) return digits;
  }
  return 8;
};

export const number = (value, digits = 0) => (isNumber(value) ? formatOf(digits, "auto").format(value) : DASH);

export const signed = (value, digits = 0) => (isNumber(value) ? formatOf(digits, "exceptZero").format(value) : DASH);

export const percent = (value) => (isNumber(value) ? `${formatOf(2, "exceptZero").format(value * 100)}%` : DASH);

/* Money in the units of the language: 12.3亿, 1.23B. */
export const amount = (value, language) => {
  if (!isNumber(value)) return DASH;
  return new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 2 }).format(value);
};

export const arrow = (change) => (!isNumber(change) || change === 0 ? "" : change > 0 ? "▲" : "▼");

/* The class that colours a change. */
export const direction = (change) => (!isNumber(change) || change === 0 ? "flat" : change > 0 ? "up" : "down");

const shanghai = (ms) => new Date(ms + SHANGHAI_MS).toISOString();

export const clock = (ms) => (isNumber(ms) ? shanghai(ms).slice(11, 19) : DASH);

export const minute = (ms) => (isNumber(ms) ? shanghai(ms).slice(0, 16).replace("T", " ") : DASH);

export const day = (ms) => shanghai(ms).slice(0, 10);

/* Age in a short form: 3s, 4m, 2h, 5d. */
export const age = (ms) => {
  if (!isNumber(ms)) return DASH;
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 86400 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86400)}d`;
};

export const fill = (text, values) => text.replace(/%\((\w+)\)s/g, (_all, name) => values[name]);
