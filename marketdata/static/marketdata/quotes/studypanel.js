/* The choice of indicators: buttons for the usual ones, and a panel with all that the server can compute. */
import { fill } from "./format.js";
import { keyOf, titleOf } from "./names.js";

const OVER_THE_CANDLES = new Set(["Overlap Studies", "Price Transform"]); // on the scale of prices

const element = (name, given = {}, ...children) => {
  const made = Object.assign(document.createElement(name), given);
  made.append(...children);
  return made;
};

export class StudyPanel {
  /* does: toggled(set), added(study), removed(study), changed(before, after), and catalogue() -> all indicators. */
  constructor(root, texts, does) {
    this.texts = texts;
    this.does = does;
    this.buttons = [...root.querySelectorAll("[data-set]")];
    this.details = root.querySelector("[data-indicators]");
    this.list = root.querySelector("[data-indicator-list]");
    this.choice = root.querySelector("[data-indicator-choice]");
    this.buttons.forEach((button) => button.addEventListener("click", () => does.toggled(button.dataset.set)));
    this.details.addEventListener("toggle", () => this.opened());
    this.details.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      this.details.open = false;
      this.details.querySelector("summary").focus();
    });
    document.addEventListener("pointerdown", (event) => {
      if (this.details.open && !this.details.contains(event.target)) this.details.open = false;
    });
    root.querySelector("[data-indicator-add]").addEventListener("click", () => this.add());
  }

  async opened() {
    if (!this.details.open || this.known) return;
    try {
      const { groups } = await this.does.catalogue();
      this.known = new Map(groups.flatMap(({ group, indicators }) => indicators.map((entry) => [entry.name, { ...entry, group }])));
      this.choice.replaceChildren(...groups.map(({ title, indicators }) => {
        const options = indicators.map((entry) => element("option", { value: entry.name, textContent: `${entry.name} · ${entry.title}` }));
        return element("optgroup", { label: title }, ...options);
      }));
    } catch (error) {
      this.choice.replaceChildren(element("option", { textContent: error.message }));
    }
  }

  add() {
    const entry = this.known && this.known.get(this.choice.value);
    if (!entry) return;
    const given = entry.parameters.map((parameter) => [parameter.name, parameter.default]);
    this.does.added({ name: entry.name, params: Object.fromEntries(given), overlay: OVER_THE_CANDLES.has(entry.group) });
  }

  show(studies, pressed, faults) {
    this.buttons.forEach((button) => button.setAttribute("aria-pressed", String(pressed.includes(button.dataset.set))));
    this.list.replaceChildren(...studies.map((study) => this.line(study, faults.get(keyOf(study)))));
  }

  line(study, fault) {
    const fields = Object.entries(study.params).map(([name, value]) => this.field(study, name, value));
    const gone = element("button", { type: "button", textContent: "×" });
    gone.setAttribute("aria-label", fill(this.texts.removeIndicator, { name: titleOf(study) }));
    gone.addEventListener("click", () => this.does.removed(study));
    const line = element("li", {}, element("b", { textContent: study.name }), ...fields, gone);
    if (fault) line.append(element("p", { textContent: fault, className: "q-notice" }));
    return line;
  }

  field(study, name, value) {
    const input = element("input", { value, type: typeof value === "number" ? "number" : "text", step: "any", title: name });
    input.setAttribute("aria-label", `${study.name} ${name}`);
    input.addEventListener("change", () => {
      const given = typeof value === "number" ? Number(input.value) : input.value;
      if (input.value !== "" && !Number.isNaN(given)) this.does.changed(study, { ...study, params: { ...study.params, [name]: given } });
    });
    return input;
  }
}
