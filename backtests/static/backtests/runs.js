/* Keeps states of backtests fresh on the console's pages.
 *
 * The page has one element [data-runs-live] with data-labels (state -> word, JSON) and, on the page of one run,
 * data-run and data-state-url. States come over /ws/tasks/ with the session's cookie; while the socket is down
 * the page of one run asks data-state-url, and says so. When that run is over the page is loaded again.
 */
(() => {
  "use strict";

  const FINAL = new Set(["succeeded", "failed", "cancelled"]);
  const RETRY_MS = 3000;
  const percent = (digits, signed) => new Intl.NumberFormat("en", {
    style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits,
    signDisplay: signed ? "exceptZero" : "auto",
  });
  const FIGURES = {
    total_return: percent(2, true),
    max_drawdown: percent(2, false),
    sharpe: new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 }),
    trade_count: new Intl.NumberFormat("en"),
  };

  const start = () => {
    const root = document.querySelector("[data-runs-live]");
    if (!root) return;
    const labels = JSON.parse(root.dataset.labels);
    const run = root.dataset.run;
    if (run && FINAL.has(root.dataset.status)) return;
    const channel = run ? `backtest:${run}` : "backtests";
    const stale = root.querySelector("[data-run-stale]");
    let open = false;

    const say = (live) => { if (stale) stale.hidden = live; };

    const apply = (state) => {
      document.querySelectorAll(`[data-run-status="${state.run}"]`).forEach((element) => {
        const share = state.status === "running" ? ` ${Math.floor(state.progress * 100)} %` : "";
        element.textContent = labels[state.status] + share;
        element.className = `qs-state qs-state-${state.status}`;
      });
      document.querySelectorAll(`[data-run-progress="${state.run}"]`).forEach((bar) => { bar.value = state.progress; });
      document.querySelectorAll(`[data-run-figure="${state.run}"]`).forEach((element) => {
        const value = state[element.dataset.name];
        if (value === null || value === undefined) return;
        element.textContent = FIGURES[element.dataset.name].format(value);
        if (element.dataset.name === "total_return" && value !== 0) element.classList.add(value > 0 ? "qs-profit" : "qs-loss");
      });
      if (run && String(state.run) === run && FINAL.has(state.status)) window.location.reload();
    };

    const connect = () => {
      const scheme = window.location.protocol === "https:" ? "wss" : "ws";
      const socket = new WebSocket(`${scheme}://${window.location.host}/ws/tasks/`, ["quantsite.v1"]);
      socket.addEventListener("open", () => socket.send(JSON.stringify({ op: "subscribe", id: 1, channels: [channel] })));
      socket.addEventListener("message", (event) => {
        const message = JSON.parse(event.data);
        if (message.type !== "snapshot" && message.type !== "update") return;
        open = true;
        say(true);
        (Array.isArray(message.data) ? message.data : [message.data]).forEach(apply);
      });
      socket.addEventListener("close", () => {
        open = false;
        window.setTimeout(connect, RETRY_MS);
      });
    };

    const poll = async () => {
      if (open || !root.dataset.stateUrl) return;
      say(false);
      try {
        const response = await fetch(root.dataset.stateUrl, { credentials: "same-origin" });
        if (response.ok) apply(await response.json());
      } catch (error) {
        console.warn("run state", error);
      }
    };

    connect();
    window.setInterval(poll, RETRY_MS);
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
