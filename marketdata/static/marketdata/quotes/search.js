/* The field that finds a contract by code or name: type, choose with the arrows, Enter puts it on the list. */
import { get } from "./rest.js";

const TYPING_MS = 180;
const SHOWN = 12;

export class Search {
  /* found(instrument) is called with what was chosen; label(instrument) names it in the page's language. */
  constructor(root, { address, found, label, texts }) {
    this.field = root.querySelector("input");
    this.list = root.querySelector("ul");
    this.address = address;
    this.found = found;
    this.label = label;
    this.texts = texts;
    this.hits = [];
    this.active = -1;
    this.asked = 0;
    this.field.addEventListener("input", () => this.later());
    this.field.addEventListener("keydown", (event) => this.key(event));
    this.field.addEventListener("blur", () => window.setTimeout(() => this.close(), 150));
    this.list.addEventListener("mousedown", (event) => {
      const item = event.target.closest("[role=option]");
      event.preventDefault();
      if (item && item.dataset.place) this.choose(Number(item.dataset.place));
    });
  }

  later() {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.ask(), TYPING_MS);
  }

  async ask() {
    const text = this.field.value.trim();
    this.asked += 1;
    const mine = this.asked;
    if (!text) {
      this.close();
      return;
    }
    try {
      const { results } = await get(this.address, { search: text });
      if (mine === this.asked) this.show(results.slice(0, SHOWN));
    } catch (error) {
      if (mine === this.asked) this.tell(error.message);
    }
  }

  show(hits) {
    this.hits = hits;
    if (!hits.length) {
      this.tell(this.texts.nothing);
      return;
    }
    this.list.replaceChildren(...hits.map((hit, place) => {
      const item = document.createElement("li");
      item.id = `q-hit-${place}`;
      item.setAttribute("role", "option");
      item.dataset.place = String(place);
      item.append(
        Object.assign(document.createElement("b"), { textContent: hit.code }),
        Object.assign(document.createElement("small"), { textContent: this.label(hit) }),
      );
      return item;
    }));
    this.open();
    this.point(0);
  }

  tell(sentence) {
    this.hits = [];
    const item = Object.assign(document.createElement("li"), { textContent: sentence, className: "q-none" });
    this.list.replaceChildren(item);
    this.open();
  }

  open() {
    this.list.hidden = false;
    this.field.setAttribute("aria-expanded", "true");
  }

  close() {
    this.list.hidden = true;
    this.hits = [];
    this.field.setAttribute("aria-expanded", "false");
    this.field.removeAttribute("aria-activedescendant");
  }

  point(place) {
    this.active = (place + this.hits.length) % this.hits.length;
    [...this.list.children].forEach((item, index) => {
      item.setAttribute("aria-selected", String(index === this.active));
      if (index === this.active) item.scrollIntoView({ block: "nearest" });
    });
    this.field.setAttribute("aria-activedescendant", `q-hit-${this.active}`);
  }

  key(event) {
    if (event.key === "Escape") {
      this.field.value = "";
      this.close();
      this.field.blur();
    } else if (!this.hits.length) {
      if (event.key === "Enter") this.ask();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.point(this.active + (event.key === "ArrowDown" ? 1 : -1));
    } else if (event.key === "Enter") {
      event.preventDefault();
      this.choose(this.active);
    }
  }

  choose(place) {
    const hit = this.hits[place];
    this.field.value = "";
    this.close();
    this.field.blur();
    this.found(hit);
  }
}
