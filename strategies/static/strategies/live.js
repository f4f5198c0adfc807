/* Keeps the pages about strategies fresh: figures as the socket tells them, everything else read anew.
 *
 * The page has one element [data-strategies-live]:
 *   data-channel  the channel of /ws/tasks/ that it listens to: "strategies" or "strategy:<id>"
 *   data-part     the address of what changes while the page is open: its elements with an id replace those of the page
 * [data-strategy="id"] is an instance: figures inside carry data-name or data-leg; data-version is what its row was made
 * of. Where a word of the socket does not fit it, the part is read anew, at most once a second, and never under a finger.
 * Texts stand in #st-texts, JSON.
 */
import { LivePage } from "../quantsite/live_page.js";

const PAINT_MS = 250;
const AGE_MS = 1000;
const READ_MS = 1000;
const READ_MANY_MS = 3000; // a list of several pages: the server goes through all of them
const POLL_MS = 3000; // while the socket is down
const STILL_MS = 15000; // in any case: what one may see no more is told by nobody
const SILENT_MS = 5000;
const NOTHING = "–";
const RUNNING = new Set(["running", "waiting", "warming", "paused"]);

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0, signDisplay: "exceptZero" });
const gain = (value) => (value === null || value === undefined ? NOTHING : Math.round(value) ? whole.format(value) : "0");
const lots = (value) => (value ? whole.format(value) : "0");
const side = (value) => (value > 0 ? "tr-buy" : value < 0 ? "tr-sell" : "tr-flat");

const write = (element, text) => {
  if (element && element.textContent !== text) element.textContent = text;
};
const tone = (element, value) => {
  if (!element) return;
  element.classList.toggle("qs-profit", value > 0);
  element.classList.toggle("qs-loss", value < 0);
};

const price = (value, tick) => {
  if (value === null || value === undefined) return NOTHING;
  const places = (String(Number(tick)).split(".")[1] || "").length;
  const shown = (digits) => new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
  const longer = shown(Math.min(places + 2, 6));
  const shorter = shown(places);
  return Number(shorter.replaceAll(",", "")) === Number(longer.replaceAll(",", "")) ? shorter : longer;
};

class StrategiesPage extends LivePage {
  constructor(root) {
    const readMs = root.querySelector("[data-pages]") ? READ_MANY_MS : READ_MS;
    super(root, { path: "/ws/tasks/", channel: root.dataset.channel, readMs });
    this.texts = JSON.parse(document.getElementById("st-texts").textContent);
    this.known = new Map();
    this.fresh = new Set();
    this.root.addEventListener("change", (event) => { if (event.target.matches("[data-tick]")) this.ticked(); });
    window.setInterval(() => this.paint(), PAINT_MS);
    window.setInterval(() => this.ages(), AGE_MS);
    window.setInterval(() => { if (!this.open) this.wanted(); }, POLL_MS);
    window.setInterval(() => this.wanted(), STILL_MS);
    this.root.addEventListener("click", (event) => this.chart(event));
    this.connect();
  }


  hear({ type, channel, data }) {
    if (channel !== this.root.dataset.channel) return;
    if (type === "error") {
      this.refused();
      return;
    }
    if (type === "snapshot") this.opened();
    (Array.isArray(data) ? data : [data]).forEach((state) => {
      const before = this.known.get(state.strategy);
      this.known.set(state.strategy, state);
      this.fresh.add(state.strategy);
      if (this.differs(state, before)) this.wanted();
    });
  }

  /* Whether a word changes more than the figures that are written by themselves. */
  differs(state, before) {
    const row = this.root.querySelector(`[data-strategy="${state.strategy}"]`);
    if (!row) return this.root.dataset.strategiesLive === "list" && this.concerns(state, before);
    const [status, health, , failure, version, holds] = row.dataset.version.split("|");
    const held = state.working > 0 || state.positions.some((leg) => leg.lots !== 0);
    const shown = status === state.status && health === state.health && failure === state.failure_code;
    if (!shown || version !== String(state.version) || holds !== (held ? "True" : "False")) return true;
    if (!before) return false;
    const numbers = (each) => [each.signal?.number, each.last_order, each.last_log, each.working, each.today.fills, each.parameters_in_use, each.flattening];
    return JSON.stringify(numbers(state)) !== JSON.stringify(numbers(before));
  }

  /* Whether a list that does not show it would now: it is new, or stands elsewhere than before. */
  concerns(state, before) {
    if (!before) return !this.root.querySelector("[data-pages]");
    const place = (each) => [each.status, each.health, each.failure_code, each.activity];
    return JSON.stringify(place(state)) !== JSON.stringify(place(before));
  }

  /* --- figures --------------------------------------------------------------------------------------------- */

  paint() {
    this.fresh.forEach((id) => {
      const state = this.known.get(id);
      this.root.querySelectorAll(`[data-strategy="${id}"]`).forEach((row) => this.show(row, state));
      if (this.root.dataset.strategiesLive === "one") this.showLegs(state);
    });
    if (this.fresh.size) this.sums();
    this.fresh.clear();
  }

  show(row, state) {
    const figure = (name) => row.querySelector(`[data-name="${name}"]`);
    for (const name of ["day_profit", "profit"]) {
      write(figure(name), gain(state[name]));
      tone(figure(name), state[name]);
    }
    if (figure("errors")) write(figure("errors"), String(state.today.errors));
    const age = figure("age");
    if (age && state.told_at) age.dataset.told = state.told_at;
    state.positions.forEach((leg) => {
      const place = row.querySelector(`[data-leg="${CSS.escape(leg.instrument)}"]`);
      if (!place) return;
      write(place, lots(leg.lots));
      place.classList.remove("tr-buy", "tr-sell", "tr-flat");
      place.classList.add(side(leg.lots));
    });
  }

  showLegs(state) {
    state.positions.forEach((leg) => {
      const at = (name) => this.root.querySelector(`[${name}="${CSS.escape(leg.instrument)}"]`);
      write(at("data-leg"), lots(leg.lots));
      for (const [name, value] of [["data-leg-average", leg.average], ["data-leg-marked", leg.marked]]) {
        if (at(name)) write(at(name), price(value, at(name).dataset.tickSize));
      }
      for (const [name, value] of [["data-leg-day", leg.day_profit], ["data-leg-profit", leg.profit]]) {
        write(at(name), gain(value));
        tone(at(name), value);
      }
    });
    const working = this.root.querySelector("[data-name=working]");
    if (working) write(working, String(state.working));
  }

  /* The figures above the list, over the rows that are shown; of several pages the server tells them. */
  sums() {
    if (this.root.querySelector("[data-pages]")) {
      if (this.open) this.wanted();
      return;
    }
    const place = (name) => this.root.querySelector(`[data-sum="${name}"]`);
    const rows = [...this.root.querySelectorAll("tr[data-strategy]")];
    const states = rows.map((row) => this.known.get(Number(row.dataset.strategy)));
    if (!place("day") || states.some((state) => !state)) return;
    const day = states.reduce((sum, state) => sum + (state.day_profit || 0), 0);
    write(place("day"), gain(day));
    tone(place("day"), day);
    write(place("held"), String(states.reduce((sum, state) => sum + state.positions.reduce((all, leg) => all + Math.abs(leg.lots), 0), 0)));
    write(place("working"), String(states.reduce((sum, state) => sum + state.working, 0)));
  }

  /* How old the runner's word is; where it grows too old, the server says what that means. */
  ages() {
    this.root.querySelectorAll("[data-told]").forEach((element) => {
      if (!element.dataset.told) return;
      const old = Date.now() - Date.parse(element.dataset.told);
      const count = Math.max(0, Math.floor(old / 1000));
      const [text, number] = count < 100 ? ["seconds", count] : count < 6000 ? ["minutes", Math.floor(count / 60)] : count < 172800 ? ["hours", Math.floor(count / 3600)] : ["days", Math.floor(count / 86400)];
      write(element, this.texts[text].replace("%(count)d", String(number)));
      const row = element.closest("[data-strategy]");
      const [, health, trouble] = row.dataset.version.split("|");
      const silent = old > SILENT_MS && RUNNING.has(health);
      if (silent !== (trouble === "silent") && (silent || trouble === "silent")) this.wanted();
    });
  }

  /* --- the chart ------------------------------------------------------------------------------------------- */

  /* Another leg: its chart in place of the one that is shown, without loading the page again. */
  chart(event) {
    const tab = event.target.closest("[data-chart-of]");
    if (!tab || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const shown = this.root.querySelector("[data-chart-url]");
    const made = shown.cloneNode(false);
    made.dataset.chartUrl = tab.dataset.chartOf;
    ["chartState", "chartTheme"].forEach((name) => delete made.dataset[name]);
    shown.replaceWith(made);
    tab.parentElement.querySelectorAll("[aria-current]").forEach((each) => each.removeAttribute("aria-current"));
    tab.setAttribute("aria-current", "true");
    window.history.replaceState(null, "", tab.getAttribute("href"));
    document.dispatchEvent(new Event("quantsite:charts"));
  }

  /* --- what is ticked -------------------------------------------------------------------------------------- */

  ticked() {
    const chosen = [...this.root.querySelectorAll("[data-tick]:checked")].map((box) => box.value);
    this.chosen = chosen;
    this.root.querySelectorAll("[data-bulk]").forEach((link) => {
      if (!link.dataset.every) link.dataset.every = link.getAttribute("href");
      const query = chosen.map((id) => `id=${id}`).join("&");
      link.setAttribute("href", chosen.length ? `${link.dataset.bulk}?${query}` : link.dataset.every);
      link.querySelector("[data-bulk-all]").hidden = chosen.length > 0;
      const some = link.querySelector("[data-bulk-ticked]");
      some.hidden = !chosen.length;
      write(some, `${chosen.length} ✓`);
    });
  }

  /* --- reading anew ---------------------------------------------------------------------------------------- */

  part() {
    return this.root.dataset.part;
  }

  cut(is) {
    this.root.classList.toggle("st-old", is);
  }

  swap(page) {
    for (const id of ["st-summary", "st-bulk", "st-rows", "st-head", "st-signal-rows", "st-order-rows", "st-roll-rows", "st-log-rows"]) {
      const [made, shown] = [page.getElementById(id), document.getElementById(id)];
      if (!made || !shown || made.innerHTML === shown.innerHTML) continue;
      const held = shown.contains(document.activeElement) ? document.activeElement : null;
      const again = held?.getAttribute("href") ? `a[href="${CSS.escape(held.getAttribute("href"))}"]` : held?.matches("[data-tick]") ? `[data-tick][value="${held.value}"]` : "";
      const scrolled = [...shown.querySelectorAll(".st-tall, .st-log")].map((each) => each.scrollTop);
      const open = [...shown.querySelectorAll("details")].map((each) => each.open);
      shown.replaceChildren(...[...made.childNodes].map((node) => document.importNode(node, true)));
      shown.className = made.className;
      shown.querySelectorAll(".st-tall, .st-log").forEach((each, place) => { each.scrollTop = scrolled[place] || 0; });
      shown.querySelectorAll("details").forEach((each, place) => { each.open = open[place] || false; });
      if (again) shown.querySelector(again)?.focus();
    }
    const rolls = document.getElementById("st-rolls-block");
    const told = page.getElementById("st-rolls-block");
    if (rolls && told) rolls.hidden = told.hidden;
    (this.chosen || []).forEach((id) => {
      const box = this.root.querySelector(`[data-tick][value="${id}"]`);
      if (box) box.checked = true;
    });
    if (this.chosen) this.ticked();
    this.known.forEach((_state, id) => this.fresh.add(id));
    if (document.querySelector("[data-open-roll]")) window.setTimeout(() => this.wanted(), 0); // once this reading is over
  }
}

const root = document.querySelector("[data-strategies-live]");
if (root) new StrategiesPage(root);
