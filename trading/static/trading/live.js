/* Keeps figures of orders, positions and funds fresh on the console's pages, without loading them again.
 *
 * The page has one element [data-trading-live]:
 *   data-channels  the channel of /ws/trading/ that it listens to: "accounts" or "account:<code>"
 *   data-labels    status of an order -> word, JSON
 *   data-table     what new rows mean: "order", "fill", "position" (the list is read anew), "account" (nothing),
 *                  "page" (the region [data-trading-region] is read anew, from data-fragment or the page itself)
 *   data-poll      asked every three seconds while the socket is down; {"orders": [...]} or {"results": [...]}
 * Figures are elements with data-name and data-order="id", data-position="account|instrument|side" or
 * data-funds="account". They are written at most four times a second. What is pressed is never taken away.
 */
import { LivePage } from "../quantsite/live_page.js";

const PAINT_MS = 250;
const POLL_MS = 3000;
const LOOK_MS = 3000; // how often a page with a region is read anew although nothing was told: gateway, feed?
const FINAL = new Set(["filled", "cancelled", "rejected", "expired"]);
const NOTHING = "–";
const ENGLISH = document.documentElement.lang.startsWith("en"); // as events are told: see retell()

const formats = new Map();
const format = (value, least, most, sign) => {
  const key = `${least}.${most}.${sign}`;
  if (!formats.has(key)) {
    const options = { minimumFractionDigits: least, maximumFractionDigits: most, signDisplay: sign };
    formats.set(key, new Intl.NumberFormat("en", options));
  }
  return formats.get(key).format(value);
};
const money = (value) => format(value, 2, 2, "auto");
const signed = (value) => format(value, 2, 2, "exceptZero");
const whole = (value) => format(value, 0, 0, "auto");
const price = (value, digits) => (value === null ? NOTHING : format(value, digits, Math.min(digits + 2, 6), "auto"));
const percent = (value) => `${format(value * 100, 2, 2, "auto")} %`;
const clock = (text) => new Intl.DateTimeFormat("sv-SE", { timeZone: "Asia/Shanghai", dateStyle: "short", timeStyle: "medium" }).format(new Date(text));

const taken = (order) => {
  const time = order.submitted_at || order.finished_at;
  return time ? clock(time).slice("2026-".length) : NOTHING;
};

const write = (element, text, value) => {
  if (element.textContent !== text) element.textContent = text;
  if (value === undefined) return;
  element.classList.toggle("qs-profit", value > 0);
  element.classList.toggle("qs-loss", value < 0);
};

const each = (attribute, key, work) => {
  document.querySelectorAll(`[data-${attribute}="${CSS.escape(String(key))}"]`).forEach(work);
};

/* --- figures ------------------------------------------------------------------------------------------- */

const isReadable = (order) => ENGLISH || order.retold || !order.reason_text;

const showOrder = (order, labels) => {
  const over = FINAL.has(order.status);
  each("order", order.id, (element) => {
    const digits = Number(element.dataset.digits || 0);
    if (element.dataset.name === "status") {
      const more = order.cancel_requested && !over ? ` · ${labels.cancelling}` : "";
      write(element, (labels[order.status] || order.status) + more);
      element.className = `qs-state qs-state-${order.status}`;
    } else if (element.dataset.name === "traded") write(element, `${whole(order.traded)} / ${whole(order.volume)}`);
    else if (element.dataset.name === "average_price") write(element, price(order.average_price, digits));
    else if (element.dataset.name === "taken") write(element, taken(order));
    else if (element.dataset.name === "reason_text" && isReadable(order)) write(element, order.reason_text || order.reason_code);
  });
  each("order-cancel", order.id, (button) => { button.hidden = over; });
};

const POSITION = {
  volume: (row) => [whole(row.volume)],
  today: (row) => [whole(row.today)],
  free: (row) => [whole(row.volume - row.frozen)],
  open_price: (row, digits) => [price(row.open_price, digits)],
  base_price: (row, digits) => [price(row.base_price, digits)],
  last_price: (row, digits) => [price(row.last_price, digits)],
  margin: (row) => [money(row.margin)],
  position_profit: (row) => [signed(row.position_profit), row.position_profit],
  open_profit: (row) => [signed(row.open_profit), row.open_profit],
};

const positionKey = (row) => `${row.account}|${row.instrument}|${row.side}`;

const showPosition = (row) => {
  each("position", positionKey(row), (element) => {
    const figure = POSITION[element.dataset.name];
    if (figure) write(element, ...figure(row, Number(element.dataset.digits || 0)));
  });
};

const FUNDS = {
  profit: (funds) => [signed(funds.close_profit + funds.position_profit), funds.close_profit + funds.position_profit],
  close_profit: (funds) => [signed(funds.close_profit)],
  frozen: (funds) => [money(funds.frozen_margin + funds.frozen_commission)],
  risk_degree: (funds) => [funds.risk_degree === null ? (funds.margin > 0 ? "∞" : percent(0)) : percent(funds.risk_degree)],
};

const showFunds = (account, funds, time) => {
  each("funds", account, (element) => {
    const name = element.dataset.name;
    if (name === "risk_bar") element.value = funds.risk_degree === null ? Number(funds.margin > 0) : Math.min(funds.risk_degree, 1);
    else if (name === "market_time") { if (time) write(element, clock(time)); }
    else if (FUNDS[name]) write(element, ...FUNDS[name](funds));
    else if (typeof funds[name] === "number") write(element, money(funds[name]));
  });
};

/* --- the page ------------------------------------------------------------------------------------------ */

class TradingPage extends LivePage {
  constructor(root) {
    super(root, { path: "/ws/trading/", channel: root.dataset.channels });
    this.labels = JSON.parse(root.dataset.labels || "{}");
    this.table = root.dataset.table;
    this.fresh = { orders: new Map(), positions: new Map(), funds: new Map() };
    this.asked = new Set();
    window.setInterval(() => this.paint(), PAINT_MS);
    window.setInterval(() => this.poll(), POLL_MS);
    if (this.table === "page") window.setInterval(() => this.wanted(), LOOK_MS);
    this.connect();
  }

  lost(code) {
    super.lost(code);
    this.poll();
  }

  hear({ type, channel, data }) {
    if (type === "ack") this.opened();
    else if (type === "error" && channel === this.channel) this.refused();
    else if ((type === "snapshot" || type === "update") && channel.startsWith("account:")) {
      this.take(channel.slice("account:".length), data, type === "update");
    }
  }

  /* What an account's message says: a snapshot has lists, an update what changed. */
  take(account, data, news) {
    const orders = data.orders || (data.order ? [data.order] : []);
    orders.forEach((order) => this.fresh.orders.set(order.id, order));
    (data.positions || []).forEach((row) => this.fresh.positions.set(positionKey(row), row));
    if (data.funds) this.fresh.funds.set(account, [data.funds, data.market_time]);
    if (!news) return;
    if (this.table === "page" && data.kind !== "mark") this.wanted();
    if (this.table === "fill" && data.fills) this.wanted();
    if (this.table === "order" && orders.some((order) => this.isNew(`o${order.id}`, "order", order.id))) this.wanted();
    if (this.table === "position" && (data.positions || []).some((row) => this.appearsOrGoes(row))) this.wanted();
  }

  /* Whether a row is missing that has not been looked for yet: a filter may leave it out. */
  isNew(name, attribute, key) {
    if (this.asked.has(name) || document.querySelector(`[data-${attribute}="${CSS.escape(String(key))}"]`)) return false;
    this.asked.add(name);
    return true;
  }

  appearsOrGoes(row) {
    const key = positionKey(row);
    if (row.volume) return this.isNew(key, "position", key);
    this.asked.delete(key);
    return document.querySelector(`[data-position="${CSS.escape(key)}"]`) !== null;
  }

  paint() {
    const orders = [...this.fresh.orders.values()];
    orders.forEach((order) => showOrder(order, this.labels));
    const unread = orders.filter((order) => !isReadable(order));
    if (unread.length && this.table === "order") this.retell(unread);
    this.fresh.positions.forEach(showPosition);
    this.fresh.funds.forEach(([funds, time], account) => showFunds(account, funds, time));
    Object.values(this.fresh).forEach((rows) => rows.clear());
  }

  /* --- reading anew ------------------------------------------------------------------------------------ */

  async poll() {
    if (this.open || this.over) return;
    this.missed = true;
    const address = this.root.dataset.poll;
    if (!address || this.table === "fill") {
      this.wanted();
      return;
    }
    try {
      const response = await fetch(this.pollAddress(address), { credentials: "same-origin", headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      this.takePolled(await response.json());
      this.cut(false);
    } catch (error) {
      this.cut(true);
      console.info("trading state", error.message);
    }
  }

  pollAddress(address) {
    if (this.table !== "order") return address;
    const ids = [...document.querySelectorAll("[data-order][data-name=status]")].map((element) => element.dataset.order);
    return `${address}?ids=${ids.join(",")}`;
  }

  /* Events say in English why an order was refused; the platform tells it in the language of the page. */
  async retell(orders) {
    try {
      const address = `${this.root.dataset.poll}?ids=${orders.map((order) => order.id).join(",")}`;
      const response = await fetch(address, { credentials: "same-origin", headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      this.takePolled(await response.json());
    } catch (error) {
      console.info("trading reasons", error.message);
      orders.forEach((order) => this.fresh.orders.set(order.id, { ...order, retold: true })); // better than none
    }
  }

  takePolled(answer) {
    (answer.orders || []).forEach((order) => this.fresh.orders.set(order.id, { ...order, retold: true }));
    (answer.results || []).forEach((row) => {
      if (row.funds) this.fresh.funds.set(row.code, [row.funds, row.market_time]);
      else this.fresh.positions.set(positionKey(row), row);
    });
  }

  part() {
    return this.root.dataset.fragment || window.location.href;
  }

  cut(is) {
    document.documentElement.classList.toggle("tr-cut", is);
  }

  swap(page) {
    if (this.table !== "page") this.swapList(page);
    else this.swapRegion(this.root.dataset.fragment ? page.body : page.querySelector("[data-trading-region]"));
  }

  swapRegion(made) {
    const region = document.querySelector("[data-trading-region]");
    if (!made || !region) return;
    const held = document.activeElement;
    const form = held && region.contains(held) && held.closest("form");
    const link = held && region.contains(held) && held.getAttribute("href");
    region.replaceChildren(...made.childNodes);
    const again = form ? `form[action="${CSS.escape(form.getAttribute("action"))}"] button` : link ? `a[href="${CSS.escape(link)}"]` : "";
    if (again) region.querySelector(again)?.focus();
  }

  swapList(page) {
    const [shown, made] = [document, page].map((where) => where.getElementById("result_list"));
    if (!shown && made) window.location.reload();
    if (!shown || !made) return;
    shown.querySelectorAll(":scope > tbody").forEach((body) => body.remove());
    shown.append(...[...made.querySelectorAll(":scope > tbody")].map((body) => document.importNode(body, true)));
  }
}

const start = () => {
  const root = document.querySelector("[data-trading-live]");
  if (root) new TradingPage(root);
  document.querySelectorAll("[data-print]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => window.print());
  });
};

start();
