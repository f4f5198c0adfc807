/* Keeps optimisations and walk-forwards fresh on the console's pages, and counts the trials of a form.
 *
 * The page has one element [data-search-live] with data-channel (of a list, or the beginning of a row's own),
 * data-labels (state -> word, JSON) and, on the page of one, data-run, data-status, data-state-url and data-words.
 * States come over /ws/tasks/ with the session's cookie; while the socket is down the page of one asks data-state-url,
 * and says so. When it is over the page is loaded again.
 * A form has [data-preview-url] with data-form: its fields are sent there when they have changed, and what comes back
 * is written into the element.
 */
(() => {
  "use strict";

  const FINAL = new Set(["succeeded", "failed", "cancelled"]);
  const RETRY_MS = 3000;
  const TYPING_MS = 400;
  const number = new Intl.NumberFormat("en");
  const tenth = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });

  const fill = (text, values) => text.replace(/%\((\w+)\)s/g, (_all, name) => values[name]);

  const workedOff = (state) => {
    if (state.done === undefined) return null;
    if (state.method === undefined) return state.done;
    return state.done + state.failed + (state.method === "grid" ? state.skipped : 0);
  };

  const startLive = () => {
    const root = document.querySelector("[data-search-live]");
    if (!root) return;
    const run = root.dataset.run;
    if (run && FINAL.has(root.dataset.status)) return;
    const labels = JSON.parse(root.dataset.labels);
    const words = root.dataset.words ? JSON.parse(root.dataset.words) : null;
    const part = (name) => root.querySelector(`[data-search-${name}]`);
    const isWalk = root.dataset.channel.startsWith("walk-forward");
    const channels = run ? [root.dataset.channel + run] : [root.dataset.channel];
    if (run && isWalk) channels.push("optimizations");
    let open = false;
    let first = null;

    const span = (seconds) => {
      if (seconds < 90) return fill(words.seconds, { count: number.format(Math.ceil(seconds)) });
      if (seconds < 5400) return fill(words.minutes, { count: number.format(Math.ceil(seconds / 60)) });
      return fill(words.hours, { count: tenth.format(seconds / 3600) });
    };

    /* Trials done, how many a second since the page was opened, and how long the others take at that pace. */
    const tell = (done, total) => {
      const now = Date.now();
      if (first === null || done < first.done) first = { done, now };
      const parts = [fill(words.trials, { done: number.format(done), total: number.format(total) })];
      const rate = now > first.now ? ((done - first.done) * 1000) / (now - first.now) : 0;
      if (rate > 0 && done < total) {
        parts.push(fill(words.rate, { rate: tenth.format(rate) }));
        parts.push(fill(words.left, { time: span((total - done) / rate) }));
      }
      part("told").textContent = parts.join(" · ");
      part("finishing").hidden = !(total && done >= total);
    };

    const mark = (key, state) => {
      document.querySelectorAll(`[data-search-status="${key}"]`).forEach((element) => {
        element.textContent = labels[state.status];
        element.className = `qs-state qs-state-${state.status}`;
      });
    };

    const apply = (state) => {
      mark(state.run, state);
      const done = workedOff(state);
      if (done !== null) {
        document.querySelectorAll(`[data-search-progress="${state.run}"]`).forEach((bar) => {
          bar.max = Math.max(state.total, 1);
          bar.value = done;
        });
        document.querySelectorAll(`[data-search-count="${state.run}"]`).forEach((element) => {
          element.textContent = `${number.format(done)} / ${number.format(state.total)}`;
        });
      }
      if (!run || String(state.run) !== run) return;
      if (done !== null) tell(done, state.total);
      if (FINAL.has(state.status)) window.location.reload();
    };

    const hear = (message) => {
      const states = Array.isArray(message.data) ? message.data : [message.data];
      states.forEach((state) => {
        // A walk-forward's page hears of its windows too; their numbers are those of another table.
        if (isWalk && message.channel === "optimizations") mark(`window-${state.run}`, state);
        else apply(state);
      });
    };

    const connect = () => {
      const scheme = window.location.protocol === "https:" ? "wss" : "ws";
      const socket = new WebSocket(`${scheme}://${window.location.host}/ws/tasks/`, ["quantsite.v1"]);
      socket.addEventListener("open", () => socket.send(JSON.stringify({ op: "subscribe", id: 1, channels })));
      socket.addEventListener("message", (event) => {
        const message = JSON.parse(event.data);
        if (message.type !== "snapshot" && message.type !== "update") return;
        open = true;
        if (part("stale")) part("stale").hidden = true;
        hear(message);
      });
      socket.addEventListener("close", () => {
        open = false;
        window.setTimeout(connect, RETRY_MS);
      });
    };

    /* A walk-forward is asked in any case: only the server adds up the trials of all windows. */
    const poll = async () => {
      if (!root.dataset.stateUrl || (open && !isWalk)) return;
      if (!open) part("stale").hidden = false;
      try {
        const response = await fetch(root.dataset.stateUrl, { credentials: "same-origin" });
        if (response.ok) apply(await response.json());
      } catch (error) {
        console.warn("state of the search", error);
      }
    };

    connect();
    window.setInterval(poll, RETRY_MS);
  };

  const startPreview = () => {
    const place = document.querySelector("[data-preview-url]");
    const form = place && document.getElementById(place.dataset.form);
    if (!form) return;
    let timer = null;
    let asked = 0;

    const line = (text, className) => {
      const element = document.createElement("p");
      element.textContent = text;
      element.className = className;
      return element;
    };

    const ask = async () => {
      asked += 1;
      const mine = asked;
      try {
        const response = await fetch(place.dataset.previewUrl, {
          method: "POST", body: new FormData(form), credentials: "same-origin",
        });
        if (!response.ok || mine !== asked) return;
        const { sentences, errors } = await response.json();
        place.replaceChildren(
          ...sentences.map((text) => line(text, "")),
          ...errors.slice(0, 3).map((text) => line(text, "op-fault")),
        );
      } catch (error) {
        console.warn("preview", error);
      }
    };

    const later = () => {
      window.clearTimeout(timer);
      timer = window.setTimeout(ask, TYPING_MS);
    };

    form.addEventListener("input", later);
    form.addEventListener("change", later);
    // Select2 tells jQuery only.
    if (window.django && window.django.jQuery) window.django.jQuery(form).on("change", later);
    ask();
  };

  const start = () => {
    startLive();
    startPreview();
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
