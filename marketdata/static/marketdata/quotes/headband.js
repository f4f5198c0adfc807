/* The line at the top: whether data come and since when not, the market's clock, the trading day and its phase. */
import { write } from "./board.js";
import { age, clock, fill } from "./format.js";
import { phaseAt } from "./phase.js";

const SILENT_MS = 2400; // sources speak every second: greyed within three seconds of the cut

export class Headband {
  constructor(root, texts) {
    this.texts = texts;
    this.part = (name) => root.querySelector(`[data-${name}]`);
    this.feed = this.part("feed");
    this.state = "connecting";
    this.heard = NaN; // wall clock of the last word of the source
  }

  connection(state, code) {
    this.state = state;
    this.code = code;
  }

  name(instrument) {
    write(this.part("name-code"), instrument.code);
    write(this.part("name-label"), instrument.label);
    write(this.part("quote-age"), "");
    this.part("simulated").hidden = !instrument.simulated;
  }

  /* What a price rests on that is no tick: the time of the newest stored bar. */
  origin(bar) {
    if (bar) write(this.part("quote-age"), fill(this.texts.lastBar, { time: bar }));
  }

  /* Whether the figures of a source may be old: it fell silent, or we cannot hear it. */
  stale(source) {
    return this.state !== "open" || !source || source.silent > SILENT_MS;
  }

  show(source, instrument, hoursAddress, tick) {
    const stale = this.stale(source);
    if (source && !stale) this.heard = Date.now() - source.silent;
    document.documentElement.classList.toggle("q-stale", stale && Number.isFinite(this.heard));
    this.tell(source, stale);
    write(this.part("clock"), clock(source ? source.now : NaN));
    write(this.part("trading-day"), source && source.day ? fill(this.texts.tradingDay, { day: source.day }) : "");
    if (tick) write(this.part("quote-age"), source ? fill(this.texts.age, { age: age(source.now - tick.time) }) : "");
    if (instrument && source) this.phase(source, hoursAddress);
    else write(this.part("phase"), "");
  }

  tell(source, stale) {
    const [state, word, note] = this.words(source, stale);
    if (this.feed.dataset.state !== state) this.feed.dataset.state = state;
    write(this.part("feed-word"), word);
    write(this.part("feed-note"), note);
  }

  words(source, stale) {
    const { texts } = this;
    const since = Number.isFinite(this.heard) ? fill(texts.stale, { time: clock(this.heard) }) : "";
    if (this.state === "refused") return ["refused", this.code === 4403 ? texts.forbidden : texts.loggedOut, since];
    if (this.state === "closed") return ["lost", texts.lost, since];
    if (this.state === "connecting") return ["connecting", texts.connecting, ""];
    if (!source) return ["waiting", texts.waiting, ""];
    const name = source.speed === 1 ? source.name : `${source.name} · ${fill(texts.speed, { speed: source.speed })}`;
    return stale ? ["stale", since || texts.waiting, name] : ["fresh", texts.fresh, name];
  }

  /* Asked of the session table once a trading day; a product without one shows no phase. */
  async phase(source, address) {
    try {
      const { phase, until } = await phaseAt(address, source.day, source.now);
      const word = phase ? this.texts[phase] : "";
      const end = Number.isFinite(until) ? ` ${fill(this.texts.until, { time: clock(until).slice(0, 5) })}` : "";
      write(this.part("phase"), word ? word + end : "");
    } catch (error) {
      console.warn("trading hours", error);
      write(this.part("phase"), "");
    }
  }
}
