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
(() => {
  "use strict";

  const PAINT_MS = 250;
  const POLL_MS = 3000;
  const LOOK_MS = 3000; // how often a page with a region is read anew although nothing was told: gateway, feed?
  const REREAD_MS = 1000;
  const LONGEST_WAIT_MS = 15000;
  const FINAL = new Set(["filled", "cancelled", "rejected", "expired"]);
  const FOR_GOOD = new Set([4401, 4403, 4404]);
  const NOTHING = "–";

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
      else if (element.dataset.name === "reason_text") write(element, order.reason_text || order.reason_code);
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

  class LivePage {
    constructor(root) {
      this.root = root;
      this.labels = JSON.parse(root.dataset.labels || "{}");
      this.table = root.dataset.table;
      this.sign = document.querySelector("[data-trading-state]");
      this.fresh = { orders: new Map(), positions: new Map(), funds: new Map() };
      this.asked = new Set();
      this.wait = 500;
      this.pressed = false;
      this.read = 0;
      window.addEventListener("pointerdown", () => { this.pressed = true; });
      window.addEventListener("pointerup", () => window.setTimeout(() => { this.pressed = false; }, 200));
      window.addEventListener("pointercancel", () => { this.pressed = false; });
      window.setInterval(() => this.paint(), PAINT_MS);
      window.setInterval(() => this.poll(), POLL_MS);
      if (this.table === "page") window.setInterval(() => this.wanted(), LOOK_MS);
      this.connect();
    }

    say(state) {
      if (this.sign.dataset.tradingState === state) return;
      this.sign.dataset.tradingState = state;
      const since = this.sign.querySelector("[data-trading-since]");
      if (state === "stale" && since) since.textContent = new Date().toLocaleTimeString("sv-SE");
    }

    connect() {
      const scheme = window.location.protocol === "https:" ? "wss" : "ws";
      const socket = new WebSocket(`${scheme}://${window.location.host}/ws/trading/`, ["quantsite.v1"]);
      const channels = [this.root.dataset.channels];
      socket.addEventListener("open", () => socket.send(JSON.stringify({ op: "subscribe", channels })));
      socket.addEventListener("message", (event) => this.hear(JSON.parse(event.data)));
      socket.addEventListener("close", (event) => this.lost(event.code));
    }

    lost(code) {
      this.open = false;
      if (FOR_GOOD.has(code)) {
        this.over = true;
        this.say("over");
        return;
      }
      this.say("stale");
      this.poll();
      window.setTimeout(() => this.connect(), this.wait * (0.5 + Math.random()));
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
    }

    hear({ type, channel, data }) {
      if (type === "ack") {
        this.open = true;
        this.wait = 500;
        this.say("live");
        if (this.missed) this.wanted();
        this.missed = false;
      } else if (type === "error" && channel === this.root.dataset.channels) {
        this.over = true;
        this.say("over");
      } else if ((type === "snapshot" || type === "update") && channel.startsWith("account:")) {
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
      this.fresh.orders.forEach((order) => showOrder(order, this.labels));
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
        document.documentElement.classList.remove("tr-cut");
      } catch (error) {
        document.documentElement.classList.add("tr-cut");
        console.info("trading state", error.message);
      }
    }

    pollAddress(address) {
      if (this.table !== "order") return address;
      const ids = [...document.querySelectorAll("[data-order][data-name=status]")].map((element) => element.dataset.order);
      return `${address}?ids=${ids.join(",")}`;
    }

    takePolled(answer) {
      (answer.orders || []).forEach((order) => this.fresh.orders.set(order.id, order));
      (answer.results || []).forEach((row) => {
        if (row.funds) this.fresh.funds.set(row.code, [row.funds, row.market_time]);
        else this.fresh.positions.set(positionKey(row), row);
      });
    }

    /* Reads the list or region anew, soon, at most once a second, and not while something is pressed. */
    wanted() {
      if (this.timer || this.over) return;
      this.timer = window.setTimeout(() => this.reread(), Math.max(0, this.read + REREAD_MS - Date.now()));
    }

    async reread() {
      this.read = Date.now();
      try {
        const fragment = this.root.dataset.fragment;
        const response = await fetch(fragment || window.location.href, { credentials: "same-origin" });
        if (!response.ok || response.redirected) throw new Error(`HTTP ${response.status}`);
        const text = await response.text();
        const page = new DOMParser().parseFromString(text, "text/html");
        while (this.pressed) await new Promise((done) => { window.setTimeout(done, 100); });
        if (this.table === "page") this.swapRegion(fragment ? page.body : page.querySelector("[data-trading-region]"));
        else this.swapList(page);
        document.documentElement.classList.remove("tr-cut");
      } catch (error) {
        if (!this.open) document.documentElement.classList.add("tr-cut");
        console.info("trading page", error.message);
      } finally {
        this.timer = null;
      }
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
    if (root) new LivePage(root);
    document.querySelectorAll("[data-print]").forEach((button) => {
      button.hidden = false;
      button.addEventListener("click", () => window.print());
    });
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
