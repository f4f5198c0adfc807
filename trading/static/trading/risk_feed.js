/* Pictures of accounts' risk as they come: from the channel "risk" of /ws/trading/, else asked for every second.

   `heard(figures)` is called with each account's picture, `said(state)` with "live", "stale" or "over". */

const POLL_MS = 1000;
const LONGEST_WAIT_MS = 15000;
const FOR_GOOD = new Set([4401, 4403, 4404]);
const CHANNEL = "risk";

export class RiskFeed {
  constructor(address, heard, said) {
    this.address = address;
    this.heard = heard;
    this.said = said;
    this.wait = 500;
    this.told = false; // whether the socket has told anything of this channel
    this.over = false;
    window.setInterval(() => this.poll(), POLL_MS);
    this.connect();
  }

  connect() {
    const scheme = window.location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${window.location.host}/ws/trading/`, ["quantsite.v1"]);
    socket.addEventListener("open", () => socket.send(JSON.stringify({ op: "subscribe", channels: [CHANNEL] })));
    socket.addEventListener("message", (event) => this.hear(JSON.parse(event.data)));
    socket.addEventListener("close", (event) => this.lost(event.code));
  }

  hear({ type, channel, data }) {
    if (type === "ack" && (data.channels || []).includes(CHANNEL)) {
      this.told = true;
      this.wait = 500;
      this.said("live");
    } else if (type === "error" && channel === CHANNEL) {
      this.told = false; // not for us, or no longer: what the page asks for is answered, or refused, by the page
      this.said("stale");
    } else if ((type === "snapshot" || type === "update") && channel && channel.startsWith(CHANNEL)) {
      (data.accounts || [data]).forEach((figures) => figures.account && this.heard(figures));
    }
  }

  lost(code) {
    this.told = false;
    if (FOR_GOOD.has(code)) {
      this.over = true;
      this.said("over");
      return;
    }
    this.said("stale");
    window.setTimeout(() => this.connect(), this.wait * (0.5 + Math.random()));
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }

  async poll() {
    if (this.told || this.over || this.asking) return;
    this.asking = true;
    try {
      const response = await fetch(this.address, { credentials: "same-origin", headers: { Accept: "application/json" } });
      if (!response.ok || response.redirected) throw new Error(`HTTP ${response.status}`);
      (await response.json()).accounts.forEach((figures) => this.heard(figures));
    } catch (error) {
      console.info("risk figures", error.message);
    } finally {
      this.asking = false;
    }
  }
}
