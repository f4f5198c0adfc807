/* Figures of risk as text, as trading/console/risk_words.py writes them. */

export const NOTHING = "–";
const WATCH = 0.6;
const HIGH = 0.8;
const BRINK = 0.95;
const DUST = 1e-9; // what a share may miss of a level and still reach it
const DEFAULT_KEY = "default"; // a limit of the platform that nobody has set

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const clockOf = new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Shanghai", timeStyle: "medium" });

export const isNumber = (value) => typeof value === "number";
export const yuan = (value) => (isNumber(value) ? whole.format(value).replace("-0", "0") : NOTHING);
export const gain = (value) => (isNumber(value) ? (Math.round(value) > 0 ? "+" : "") + yuan(value) : NOTHING);
export const clock = (time) => clockOf.format(new Date(time));

export const share = (value) => {
  if (!isNumber(value)) return "?";
  return value >= 10 ? "> 10×" : `${(value * 100).toFixed(1)} %`;
};

export const level = (value) => {
  if (!isNumber(value)) return "unknown";
  if (value > 1) return "broken";
  const near = value + DUST;
  return near >= BRINK ? "brink" : near >= HIGH ? "high" : near >= WATCH ? "watch" : "calm";
};

export const amount = (value, unit) => {
  if (!isNumber(value)) return NOTHING;
  return unit === "fraction" ? `${(value * 100).toFixed(1)} %` : yuan(value);
};

export const limitTitle = (limit, texts) => `${texts.rules[limit.rule] || limit.rule} ${limit.subject || ""}`.trim();

export const limitFrom = (limit, texts) => {
  if (limit.scope_kind !== "platform") return `${texts.scopes[limit.scope_kind] || limit.scope_kind} ${limit.scope_key}`;
  return limit.scope_key === DEFAULT_KEY ? texts.own : texts.scopes.platform;
};

/* The worst share of an account: of a limit, or its risk degree where no limit is worse; null: nobody knows. */
export const worst = (figures) => {
  const limits = figures.limits || [];
  const unknown = limits.find((limit) => !isNumber(limit.share));
  if (unknown) return { share: null, limit: unknown };
  if (!isNumber(figures.risk_degree) && figures.margin > 0) return { share: null, limit: null };
  const degree = figures.risk_degree || 0;
  const first = limits.reduce((found, limit) => (!found || limit.share > found.share ? limit : found), null);
  return first && first.share >= degree ? { share: first.share, limit: first } : { share: degree, limit: null };
};

export const usedOf = (limit) => `${amount(limit.used, limit.unit)} ${limit.floor ? "≥" : "/"} ${amount(limit.maximum, limit.unit)}`;
export const worstTitle = (found, texts) => (found.limit ? limitTitle(found.limit, texts) : texts.rules.max_risk_degree);
export const rank = (found) => (isNumber(found.share) ? found.share : Infinity);
