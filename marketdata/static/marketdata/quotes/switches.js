/* Interval, theme, colours of up and down, and the editing of the list: what is pressed rather than looked at. */
import { intervalName } from "./market.js";
import { keep, read } from "./store.js";

const THEMES = { auto: "light", light: "dark", dark: "auto" };
const THEME_KEY = "_x_adminTheme"; // the console's own

const redress = () => document.documentElement.dispatchEvent(new CustomEvent("quotes:choose"));

export const listenToSwitches = (page) => {
  const root = document.documentElement;
  const one = (name) => document.querySelector(`[data-${name}]`);

  document.querySelectorAll("[data-interval]").forEach((button) => {
    button.addEventListener("click", () => page.chooseInterval(button.dataset.interval));
  });
  one("interval-any").addEventListener("change", (event) => {
    const interval = intervalName(`${event.target.value}m`);
    if (interval) page.chooseInterval(interval);
  });
  one("theme-switch").addEventListener("click", () => {
    keep(THEME_KEY, THEMES[root.dataset.theme] || "auto");
    redress();
  });
  one("swap").addEventListener("click", () => {
    keep("quotes.direction", read("quotes.direction", "red-up") === "red-up" ? "green-up" : "red-up");
    redress();
  });
  one("edit").addEventListener("click", (event) => {
    const on = one("watch").classList.toggle("q-editing");
    event.currentTarget.setAttribute("aria-pressed", String(on));
  });
  root.addEventListener("quotes:theme", () => page.candles.chart.recolour());
};
