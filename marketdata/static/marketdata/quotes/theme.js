/* Runs before the page is drawn: light or dark as the console's own switch says, and the colours of up and down.
 *
 * The console keeps its choice under _x_adminTheme, as JSON: "light", "dark" or "auto". Modules come too late for
 * this, so it is a plain script.
 */
(() => {
  "use strict";

  const stored = (key) => {
    try {
      return JSON.parse(window.localStorage.getItem(key));
    } catch {
      return null;
    }
  };
  const system = window.matchMedia("(prefers-color-scheme: dark)");

  const apply = () => {
    const chosen = stored("_x_adminTheme") || "auto";
    const dark = chosen === "dark" || (chosen === "auto" && system.matches);
    const root = document.documentElement;
    root.classList.toggle("dark", dark);
    root.dataset.theme = chosen;
    root.dataset.direction = stored("quotes.direction") === "green-up" ? "green-up" : "red-up";
    root.dispatchEvent(new CustomEvent("quotes:theme"));
  };

  system.addEventListener("change", apply);
  window.addEventListener("storage", apply);
  document.documentElement.addEventListener("quotes:choose", apply);
  apply();
})();
