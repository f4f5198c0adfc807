/* Keeps the desk page fresh: figures of each account, its limits as bars, how old they are, and the worst of all.

   Rows never move by themselves: a button puts the worst first again. Figures are written at most four times a second. */

import { RiskFeed } from "./risk_feed.js";
import * as words from "./risk_words.js";

const PAINT_MS = 250;
const NEEDS_MS = 3000;
const MUTE_MS = 2700; // a gateway writes once a second
const STRIP = 14; // limits that one line has bars for
const HEIGHT = 16;
const SVG = "http://www.w3.org/2000/svg";
const SILENT_MS = 3000; // its sources of prices tell their state once a second too, and are read a moment later

const write = (element, text) => {
  if (element && element.textContent !== text) element.textContent = text;
};

const LEVELS = new Set(["calm", "watch", "high", "brink", "broken", "unknown"].map((name) => `rk-${name}`));

const setLevel = (element, share) => {
  const wanted = `rk-${words.level(share)}`;
  [...element.classList].filter((name) => LEVELS.has(name) && name !== wanted).forEach((name) => element.classList.remove(name));
  element.classList.add(wanted);
};

const FIGURES = {
  balance: (seen) => words.yuan(seen.balance),
  day_profit: (seen) => words.gain(seen.day_profit),
  risk_degree: (seen) => (words.isNumber(seen.risk_degree) ? words.share(seen.risk_degree) : seen.margin > 0 ? "∞" : words.share(0)),
  margin: (seen) => words.yuan(seen.margin),
  net_exposure: (seen) => words.gain(seen.net_exposure),
  working_orders: (seen) => words.yuan(seen.working_orders),
  cancels_left: (seen) => words.yuan(seen.cancel_budget?.[0]?.left),
};

class DeskPage {
  constructor(root) {
    this.root = root;
    this.texts = JSON.parse(document.getElementById("risk-texts").textContent);
    this.seen = new Map(); // account -> figures
    this.fresh = new Set(); // accounts with figures that are not painted yet
    this.skew = this.clockSkew();
    JSON.parse(document.getElementById("risk-figures").textContent).forEach((figures) => this.seen.set(figures.account, figures));
    this.root.addEventListener("click", (event) => this.pressed(event));
    this.feed = new RiskFeed(root.dataset.figures, (figures) => this.take(figures), (state) => this.say(state));
    window.setInterval(() => this.paint(), PAINT_MS);
    window.setInterval(() => this.askNeeds(), NEEDS_MS);
    this.paint();
  }

  /* How far this machine's clock is ahead of the server's, taken at the moment the page's first byte came. */
  clockSkew() {
    const [visit] = performance.getEntriesByType("navigation");
    return performance.timeOrigin + (visit ? visit.responseStart : 0) - Date.parse(this.root.dataset.now);
  }

  now() {
    return Date.now() - this.skew;
  }

  say(state) {
    const sign = this.root.querySelector("[data-trading-state]");
    if (sign.dataset.tradingState === state) return;
    sign.dataset.tradingState = state;
    if (state === "stale") write(sign.querySelector("[data-trading-since]"), words.clock(Date.now()));
  }

  take(figures) {
    if (!this.seen.has(figures.account)) return; // of another desk, or opened since: the next loading shows it
    if (figures.gone) {
      this.seen.delete(figures.account);
      this.rowOf(figures.account).remove();
      return;
    }
    this.seen.set(figures.account, figures);
    this.fresh.add(figures.account);
  }

  rowOf(account) {
    return this.root.querySelector(`[data-account="${CSS.escape(account)}"]`);
  }

  /* --- what is pressed ------------------------------------------------------------------------------------ */

  pressed(event) {
    const toggle = event.target.closest("[data-toggle]");
    if (toggle) {
      const open = toggle.getAttribute("aria-expanded") !== "true";
      toggle.setAttribute("aria-expanded", String(open));
      const row = toggle.closest("[data-account]");
      row.querySelector(".rk-more").hidden = !open;
      this.showLimits(row, this.seen.get(row.dataset.account));
    }
    if (event.target.closest("[data-sort]")) this.sort();
  }

  sort() {
    const rows = this.ranked();
    if (rows.length) rows[0].parentElement.append(...rows);
    this.root.querySelector("[data-sort]").hidden = true;
  }

  ranked() {
    const rows = [...this.root.querySelectorAll("[data-account]")];
    const rankOf = (row) => words.rank(words.worst(this.seen.get(row.dataset.account)));
    return rows.sort((one, other) => rankOf(other) - rankOf(one) || one.dataset.account.localeCompare(other.dataset.account));
  }

  /* --- what is written ------------------------------------------------------------------------------------ */

  paint() {
    this.fresh.forEach((account) => this.showAccount(this.rowOf(account), this.seen.get(account)));
    const changed = this.fresh.size > 0;
    this.fresh.clear();
    this.seen.forEach((figures, account) => this.showAge(this.rowOf(account), figures));
    this.showWorst();
    if (changed) this.offerSort();
  }

  showAccount(row, figures) {
    if (!row) return;
    Object.entries(FIGURES).forEach(([name, text]) => write(row.querySelector(`[data-name="${name}"]`), text(figures)));
    const profit = row.querySelector('[data-name="day_profit"]');
    profit.classList.toggle("qs-profit", figures.day_profit > 0);
    profit.classList.toggle("qs-loss", figures.day_profit < 0);
    const nearest = row.querySelector("[data-nearest]");
    const found = words.worst(figures);
    this.showBar(nearest, found.share);
    write(nearest.querySelector("[data-title]"), words.worstTitle(found, this.texts));
    this.showStrip(row.querySelector("[data-strip]"), figures.limits || []);
    this.showLimits(row, figures);
  }

  showStrip(strip, limits) {
    strip.replaceChildren(...limits.slice(0, STRIP).map((limit, place) => {
      const [bar, title] = ["rect", "title"].map((name) => document.createElementNS(SVG, name));
      const height = Math.max(1, Math.round(HEIGHT * Math.min(words.isNumber(limit.share) ? limit.share : 1, 1)));
      Object.entries({ x: 6 * place, y: HEIGHT - height, width: 5, height, class: `rk-${words.level(limit.share)}` }).forEach(([name, value]) => bar.setAttribute(name, value));
      title.textContent = `${words.limitTitle(limit, this.texts)} ${words.share(limit.share)}`;
      bar.append(title);
      return bar;
    }));
  }

  showBar(element, share) {
    setLevel(element, share);
    element.querySelector("[data-meter]").value = words.isNumber(share) ? Math.min(share, 1) : 0;
    write(element.querySelector("[data-share]"), words.share(share));
  }

  showLimits(row, figures) {
    if (row.querySelector(".rk-more").hidden || !figures) return;
    const list = row.querySelector("[data-limits]");
    const limits = figures.limits || [];
    const form = this.root.querySelector("[data-limit-form]").content.firstElementChild;
    while (list.children.length > limits.length) list.lastElementChild.remove();
    while (list.children.length < limits.length) list.append(form.cloneNode(true));
    limits.forEach((limit, place) => this.showLimit(list.children[place], limit));
    const products = Object.entries(figures.margin_by_product || {}).sort((one, other) => other[1] - one[1]);
    row.querySelectorAll("[data-product]").forEach((shown) => {
      const [, value] = products.find(([key]) => key === shown.dataset.product) || [];
      write(shown, words.yuan(value));
    });
  }

  showLimit(item, limit) {
    this.showBar(item, limit.share);
    write(item.querySelector("[data-title]"), words.limitTitle(limit, this.texts));
    write(item.querySelector("[data-used]"), words.amount(limit.used, limit.unit));
    write(item.querySelector("[data-compare]"), limit.floor ? "≥" : "/");
    write(item.querySelector("[data-maximum]"), words.amount(limit.maximum, limit.unit));
    write(item.querySelector("[data-from]"), words.limitFrom(limit, this.texts));
  }

  /* Greys what is too old to act on, and says since when. */
  showAge(row, figures) {
    if (!row) return;
    const asOf = Date.parse(figures.as_of);
    const mute = Number.isNaN(asOf) ? NaN : this.now() - asOf;
    const prices = mute + 1000 * (figures.data_age?.max || 0);
    const stale = mute > MUTE_MS || prices > SILENT_MS;
    row.classList.toggle("rk-stale", stale);
    const age = row.querySelector("[data-age]");
    if (Number.isNaN(mute)) write(age, this.texts.never);
    else if (stale) write(age, this.texts.stale.replace("%(time)s", words.clock(asOf - (prices > SILENT_MS ? prices - mute : 0))));
    else write(age, this.texts.seconds.replace("%(age)s", (Math.max(prices, 0) / 1000).toFixed(1)));
    const gateway = mute > MUTE_MS ? this.texts.mute : this.texts.gateways[figures.gateway] || figures.gateway;
    const shown = row.querySelector("[data-gateway]");
    write(shown.firstElementChild, gateway || "");
    shown.title = shown.title.replace(/: .*/, `: ${gateway}`);
    shown.classList.toggle("rk-down", mute > MUTE_MS || figures.gateway !== "running");
  }

  showWorst() {
    const first = this.ranked()[0];
    const block = this.root.querySelector("[data-worst]");
    if (!first) return;
    const found = words.worst(this.seen.get(first.dataset.account));
    setLevel(block, found.share);
    block.classList.toggle("rk-stale", first.classList.contains("rk-stale"));
    block.setAttribute("href", first.querySelector("th a").getAttribute("href"));
    write(block.querySelector("[data-worst-share]"), words.share(found.share));
    write(block.querySelector("[data-worst-account]"), first.dataset.account);
    write(block.querySelector("[data-worst-title]"), words.worstTitle(found, this.texts));
    write(block.querySelector("[data-worst-of]"), found.limit ? words.usedOf(found.limit) : "");
    write(block.querySelector("[data-worst-level]"), this.texts.levels[words.level(found.share)]);
    write(block.querySelector("[data-worst-stale]"), first.classList.contains("rk-stale") ? first.querySelector("[data-age]").textContent : "");
  }

  offerSort() {
    const shown = [...this.root.querySelectorAll("[data-account]")];
    this.root.querySelector("[data-sort]").hidden = this.ranked().every((row, place) => row === shown[place]);
  }

  /* --- what needs a person -------------------------------------------------------------------------------- */

  async askNeeds() {
    if (this.feed.over) return;
    try {
      const response = await fetch(this.root.dataset.needs, { credentials: "same-origin" });
      if (!response.ok || response.redirected) throw new Error(`HTTP ${response.status}`);
      const made = new DOMParser().parseFromString(await response.text(), "text/html");
      const region = this.root.querySelector("[data-needs-region]");
      if (this.needs === made.body.innerHTML || region.contains(document.activeElement)) return;
      this.needs = made.body.innerHTML;
      region.replaceChildren(...made.body.childNodes);
    } catch (error) {
      console.info("risk needs", error.message);
    }
  }
}

const root = document.querySelector("[data-risk-live]");
if (root) new DeskPage(root);
