/* What every live page of the console does: it listens to one socket, says whether it is live, and reads parts anew.
 *
 * A page extends LivePage and gives
 *   hear(message)   what a message of the socket means; opened() where it says that the line stands, refused() where
 *                   it ends the channel
 *   part()          the address of what is read anew; swap(page) puts it in, page being the parsed answer
 *   cut(is)         shows that neither socket nor server answers
 * What is pressed, and what stands under an open dialog, is never taken away. A reading is asked for by wanted(): the
 * next one begins soon, and at most once in so many milliseconds.
 */
const LONGEST_WAIT_MS = 15000;
const FIRST_WAIT_MS = 500;
const FOR_GOOD = new Set([4401, 4403, 4404]);

const pause = (milliseconds) => new Promise((done) => { window.setTimeout(done, milliseconds); });

export class LivePage {
  constructor(root, { path, channel, readMs = 1000 }) {
    this.root = root;
    this.path = path;
    this.channel = channel;
    this.readMs = readMs;
    this.sign = document.querySelector("[data-trading-state]");
    this.wait = FIRST_WAIT_MS;
    this.read = 0;
    this.pressed = false;
    window.addEventListener("pointerdown", () => { this.pressed = true; });
    window.addEventListener("pointerup", () => window.setTimeout(() => { this.pressed = false; }, 200));
    window.addEventListener("pointercancel", () => { this.pressed = false; });
    document.addEventListener("visibilitychange", () => { if (!document.hidden && this.skipped) this.wanted(); });
  }

  /* --- the socket ------------------------------------------------------------------------------------------ */

  say(state) {
    if (this.sign.dataset.tradingState === state) return;
    this.sign.dataset.tradingState = state;
    const since = this.sign.querySelector("[data-trading-since]");
    if (state === "stale" && since) since.textContent = new Date().toLocaleTimeString("sv-SE");
  }

  connect() {
    const scheme = window.location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${window.location.host}${this.path}`, ["quantsite.v1"]);
    const channels = [this.channel];
    socket.addEventListener("open", () => socket.send(JSON.stringify({ op: "subscribe", channels })));
    socket.addEventListener("message", (event) => this.hear(JSON.parse(event.data)));
    socket.addEventListener("close", (event) => this.lost(event.code));
  }

  /* The line stands; what happened while it did not is read. */
  opened() {
    this.open = true;
    this.wait = FIRST_WAIT_MS;
    this.say("live");
    if (this.missed) this.wanted();
    this.missed = false;
  }

  refused() {
    this.over = true;
    this.say("over");
  }

  lost(code) {
    this.open = false;
    this.missed = true;
    if (FOR_GOOD.has(code)) this.refused();
    if (this.over) return;
    this.say("stale");
    window.setTimeout(() => this.connect(), this.wait * (0.5 + Math.random()));
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }

  /* --- reading anew ---------------------------------------------------------------------------------------- */

  wanted() {
    this.skipped = document.hidden;
    if (this.timer || document.hidden || this.over) return;
    this.timer = window.setTimeout(() => this.reread(), Math.max(0, this.read + this.readMs - Date.now()));
  }

  async reread() {
    this.read = Date.now();
    try {
      const response = await fetch(this.part(), { credentials: "same-origin" });
      if (!response.ok || response.redirected) throw new Error(`HTTP ${response.status}`);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      while (this.pressed || document.querySelector("dialog[open]")) await pause(150);
      this.swap(page);
      this.cut(false);
    } catch (error) {
      if (!this.open) this.cut(true);
      console.info("live page", error.message);
    } finally {
      this.timer = null;
    }
  }
}
