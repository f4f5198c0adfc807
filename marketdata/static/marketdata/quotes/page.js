/* The quote page: puts the parts together. Figures are written at most four times a second; nobody reads ten. */
import { Board, changeOf } from "./board.js";
import { Candles } from "./candles.js";
import { Fills } from "./fills.js";
import { arrow, decimalsOf, number, percent } from "./format.js";
import { Headband } from "./headband.js";
import { listenToKeys } from "./keys.js";
import { intervalName, Sources, tickOf } from "./market.js";
import { get, post, put, remove } from "./rest.js";
import { Search } from "./search.js";
import { MarketSocket } from "./socket.js";
import { keep, read } from "./store.js";
import { listenToSwitches } from "./switches.js";
import { Watchlist } from "./watchlist.js";

const PAINT_MS = 250;
const FIRST_INTERVAL = "5m";

const settings = JSON.parse(document.getElementById("q-settings").textContent);
const { texts, addresses } = settings;
const at = (address, code) => address.replace("/-/", `/${encodeURIComponent(code)}/`);

const labelled = (instrument) => {
  const chinese = settings.language.startsWith("zh");
  const product = chinese ? instrument.product_name_zh : instrument.product_name;
  return { ...instrument, label: product || instrument.name || "", digits: decimalsOf(instrument.price_tick) };
};

class Page {
  constructor() {
    this.watched = settings.watchlist.map(labelled);
    this.known = new Map(this.watched.map((instrument) => [instrument.code, instrument]));
    this.ticks = new Map();
    this.live = new Set(); // codes with a tick from the socket: a source's clock is theirs too
    this.fresh = new Set();
    this.sources = new Sources();
    this.code = "";
    this.interval = "";
    this.board = new Board(document.querySelector("[data-board]"), settings.language);
    this.band = new Headband(document, texts);
    this.socket = new MarketSocket(addresses.socket, (message) => this.hear(message), (state, code) => this.band.connection(state, code));
    this.candles = new Candles(document.getElementById("q-graph"), {
      texts, addresses, channels: () => this.subscribe(), filled: () => this.fresh.add(this.code),
      clock: () => (this.live.has(this.code) ? this.sources.of(this.known.get(this.code)?.feed)?.now ?? NaN : NaN),
    });
    this.fills = new Fills(this.candles.chart, addresses.fills);
    this.list = new Watchlist(document.querySelector("[data-watch]"), texts, {
      chosen: (code) => this.choose(code),
      moved: (codes) => this.change(put(addresses.watchlist, { instruments: codes })),
      removed: (code) => this.take(code),
    });
    this.search = new Search(document.querySelector("[data-search]"), {
      address: addresses.instruments, texts, label: (hit) => hit.name || hit.product, found: (hit) => this.add(hit.code),
    });
    this.list.set(this.watched, "");
  }

  start() {
    const asked = new URLSearchParams(window.location.search);
    this.interval = intervalName(asked.get("interval") || "") || intervalName(read("quotes.interval", "")) || FIRST_INTERVAL;
    this.candles.setInterval(this.interval);
    const first = asked.get("instrument") || (this.watched[0] && this.watched[0].code);
    if (first) this.choose(first, true);
    else this.subscribe();
    this.socket.connect();
    this.latest();
    window.setInterval(() => this.paint(), PAINT_MS);
    listenToKeys(this);
    listenToSwitches(this);
    window.addEventListener("popstate", () => this.followAddress());
  }

  /* Shows another contract. */
  async choose(code, first = false) {
    if (code === this.code) return;
    this.code = code;
    this.list.mark(code);
    this.writeAddress(first);
    try {
      if (!this.known.has(code)) this.known.set(code, labelled(await get(at(addresses.instrument, code))));
    } catch (error) {
      this.candles.tell(error.message);
      return;
    }
    if (code !== this.code) return; // another one was chosen in the meantime
    const instrument = this.known.get(code);
    this.band.name(instrument);
    this.latest();
    this.fresh.add(code);
    this.candles.show(instrument, this.interval);
    this.fills.show(code);
    this.paint();
  }

  chooseInterval(interval) {
    if (interval === this.interval) return;
    this.interval = interval;
    keep("quotes.interval", interval);
    this.writeAddress();
    this.candles.setInterval(interval);
    if (this.known.has(this.code)) this.candles.show(this.known.get(this.code), interval);
  }

  writeAddress(first = false) {
    const words = new URLSearchParams({ instrument: this.code, interval: this.interval });
    const address = `?${words}`;
    if (address === window.location.search) return;
    if (first) window.history.replaceState(null, "", address);
    else window.history.pushState(null, "", address);
  }

  followAddress() {
    const asked = new URLSearchParams(window.location.search);
    const interval = intervalName(asked.get("interval") || "");
    if (interval) this.chooseInterval(interval);
    if (asked.get("instrument")) this.choose(asked.get("instrument"));
  }

  /* --- the watchlist ---------------------------------------------------------------------------------------- */

  async add(code) {
    if (!this.watched.some((instrument) => instrument.code === code)) {
      await this.change(post(addresses.watchlist, { instrument: code }));
    }
    this.choose(code);
  }

  async take(code) {
    const next = this.list.neighbour(code, 1);
    await this.change(remove(at(addresses.watched, code)).then(() => get(addresses.watchlist)));
    if (code === this.code && next !== code) this.choose(next);
  }

  /* Takes over the list that the server answers with; a refusal is said and changes nothing. */
  async change(answer) {
    const notice = document.querySelector("[data-watch-notice]");
    notice.hidden = true;
    try {
      this.watched = (await answer).map(labelled);
    } catch (error) {
      notice.textContent = error.message;
      notice.hidden = false;
      return;
    }
    this.watched.forEach((instrument) => this.known.set(instrument.code, instrument));
    this.list.set(this.watched, this.code);
    this.subscribe();
    this.latest();
    this.paint();
  }

  /* --- the market ------------------------------------------------------------------------------------------- */

  subscribe() {
    const codes = new Set(this.watched.map((instrument) => instrument.code));
    if (this.code) codes.add(this.code);
    this.socket.want(["status", ...[...codes].map((code) => `tick:${code}`), ...this.candles.wanted()]);
  }

  /* What was last known of those that no feed may be publishing now. */
  async latest() {
    const codes = [...this.known.keys()].filter((code) => !this.ticks.has(code));
    if (!codes.length) return;
    try {
      const { results } = await get(addresses.latest, { instruments: codes.join(",") });
      results.filter((data) => !this.ticks.has(data.instrument)).forEach((data) => this.tick(data.instrument, data));
    } catch (error) {
      console.warn("newest ticks", error);
    }
  }

  tick(code, data) {
    this.ticks.set(code, tickOf(data));
    this.fresh.add(code);
  }

  hear({ type, channel, data }) {
    if (type === "error") {
      this.candles.refused(channel || "", data);
      return;
    }
    if (type === "ack" || data === null) return;
    if (channel === "status") this.sources.set(data);
    else if (channel.startsWith("tick:")) {
      this.live.add(channel.slice(5));
      this.tick(channel.slice(5), data);
    } else this.candles.hear(channel, data, type);
  }

  paint() {
    this.watched.forEach((instrument) => {
      const source = this.sources.of(instrument.feed);
      const tick = this.ticks.get(instrument.code);
      const age = source && this.live.has(instrument.code) ? source.now - tick.time : NaN;
      if (tick) this.list.show(instrument.code, tick, age, this.band.stale(source));
    });
    const instrument = this.known.get(this.code);
    if (!instrument) return;
    const live = this.ticks.get(this.code);
    const told = this.live.has(this.code) ? live : null;
    this.band.show(this.sources.of(instrument.feed), instrument, at(addresses.hours, this.code), told);
    this.candles.trim();
    this.fills.paint();
    if (!this.fresh.delete(this.code)) return;
    const tick = live || this.candles.lastKnown();
    this.band.origin(live ? "" : tick && tick.bar);
    this.board.show(instrument, tick);
    this.title(instrument, tick);
  }

  title(instrument, tick) {
    const words = [document.body.dataset.environment, "quantsite"];
    if (tick) {
      const { change, part } = changeOf(tick);
      words.unshift(`${number(tick.last, instrument.digits)} ${arrow(change)}${Number.isFinite(part) ? percent(part) : ""} ${instrument.symbol}`);
    } else words.unshift(`${instrument.symbol}`);
    document.title = words.map((word) => word.trim()).join(" · ");
  }
}

new Page().start();
