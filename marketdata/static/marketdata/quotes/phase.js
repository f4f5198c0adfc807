/* Which part of the trading day it is for one instrument, by its session table and the market's clock. */
import { get } from "./rest.js";

const known = new Map();

const hours = (address, tradingDay) => {
  const key = `${address} ${tradingDay}`;
  if (!known.has(key)) {
    const asked = get(address, { trading_day: tradingDay }).then((body) => ({
      auction: Date.parse(body.auction),
      parts: body.parts.map((part) => ({ start: Date.parse(part.start), end: Date.parse(part.end) })),
    }));
    asked.catch(() => known.delete(key));
    known.set(key, asked);
  }
  return known.get(key);
};

/* "auction", "trading", "pause" or "closed", with the instant (ms) at which it ends; "" where nobody knows. */
export const phaseAt = async (address, tradingDay, now) => {
  if (!tradingDay || !Number.isFinite(now)) return { phase: "", until: NaN };
  const { auction, parts } = await hours(address, tradingDay);
  if (now < auction) return { phase: "closed", until: auction };
  if (now < parts[0].start) return { phase: "auction", until: parts[0].start };
  const part = parts.find((one) => now < one.end);
  if (!part) return { phase: "closed", until: NaN };
  return now >= part.start ? { phase: "trading", until: part.end } : { phase: "pause", until: part.start };
};
