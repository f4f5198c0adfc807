/* The market's socket: keeps the wanted channels subscribed and comes back by itself.
 *
 * Out: {"op": "subscribe" | "unsubscribe", "channels"}. In: {"type", "channel", "seq", "data"}; each channel begins
 * with a snapshot. A number left out is a newer tick or forming bar in the place of an older one; closed bars are
 * never left out, and what was missed while the line was cut is in the snapshot that follows.
 */

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;
const SUBPROTOCOL = "quantsite.v1";
const CLOSED_FOR_GOOD = new Set([4401, 4403, 4404]);

export class MarketSocket {
  /* hear(message), changed(state, code) with state "open", "closed" or "refused". */
  constructor(path, hear, changed) {
    this.path = path;
    this.hear = hear;
    this.changed = changed;
    this.wanted = new Set();
    this.begun = new Set();
    this.wait = FIRST_WAIT_MS;
    this.socket = null;
    window.addEventListener("online", () => this.connect());
  }

  connect() {
    if (this.socket) return;
    window.clearTimeout(this.timer);
    const scheme = window.location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${window.location.host}${this.path}`, [SUBPROTOCOL]);
    this.socket = socket;
    socket.addEventListener("open", () => {
      this.begun.clear();
      this.send("subscribe", [...this.wanted]);
    });
    socket.addEventListener("message", (event) => this.take(JSON.parse(event.data)));
    socket.addEventListener("close", (event) => this.lost(event.code));
  }

  /* The channels to be subscribed from now on. */
  want(channels) {
    const wanted = new Set(channels);
    const gone = [...this.wanted].filter((name) => !wanted.has(name));
    const fresh = [...wanted].filter((name) => !this.wanted.has(name));
    this.wanted = wanted;
    gone.forEach((name) => this.begun.delete(name));
    this.send("unsubscribe", gone);
    this.send("subscribe", fresh);
  }

  send(op, channels) {
    if (!channels.length || !this.socket || this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(JSON.stringify({ op, channels }));
  }

  take(message) {
    const { type, channel } = message;
    if (type === "snapshot" || type === "update") {
      if (!this.wanted.has(channel)) return;
      this.wait = FIRST_WAIT_MS;
      if (type === "snapshot") this.begun.add(channel);
      else if (!this.begun.has(channel)) return; // of an earlier subscription
    }
    if (type === "ack") this.changed("open");
    this.hear(message);
  }

  lost(code) {
    this.socket = null;
    if (CLOSED_FOR_GOOD.has(code)) {
      this.changed("refused", code);
      return;
    }
    this.changed("closed", code);
    // Spread out, so that a thousand pages do not come back in the same moment.
    this.timer = window.setTimeout(() => this.connect(), this.wait * (0.5 + Math.random()));
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }
}
