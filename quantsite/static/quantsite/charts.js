/* Draws the charts of a page with Bokeh, without inline scripts.
 *
 * <div data-chart-url="/path"></div>     the chart's JSON is fetched from the same origin, with the session's cookie
 * <div data-chart-source="id"></div>     the JSON is the text of the element with that id (a file without a network)
 *
 * The JSON is {"figure": json_item, "dark": {"#light": "#dark", ...}, "caption": "..."}. On a dark page the
 * same figure is drawn with its colours exchanged. A page is dark if <html> has the class "dark"; with
 * <html data-theme="auto"> it follows the reader's system, and paper is always light.
 * Texts come from the element: data-loading, data-error. Its data-chart-state becomes "drawn", "failed" or "empty"
 * (HTTP 409: the answer's detail says why there is nothing to draw), its data-chart-theme "light" or "dark".
 * Elements that come later are drawn after htmx:afterSwap and after "quantsite:charts".
 */
(() => {
  "use strict";

  const SELECTOR = "[data-chart-url], [data-chart-source]";
  const TIMEOUT_MS = 30000;
  const charts = new Map(); // element -> {chart, views, dark}
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  let printing = false;

  const isDark = () => {
    const root = document.documentElement;
    if (printing) return false;
    if (root.classList.contains("dark")) return true;
    return root.dataset.theme === "auto" && system.matches;
  };

  const say = (element, className, text) => {
    const note = document.createElement("p");
    note.className = className;
    if (className === "chart-error") note.setAttribute("role", "alert");
    note.textContent = text;
    element.replaceChildren(note);
  };

  const fail = (element, error) => {
    const words = element.dataset.error || "The chart could not be drawn.";
    const detail = error && error.message ? ` (${error.message})` : "";
    say(element, "chart-error", words + detail);
    console.error("chart", error);
  };

  const load = async (element) => {
    const source = element.dataset.chartSource;
    if (source) return JSON.parse(document.getElementById(source).textContent);
    const response = await fetch(element.dataset.chartUrl, {
      credentials: "same-origin",
      headers: { Accept: "application/json" },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.status === 409) return { nothing: (await response.json()).detail };
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return response.json();
  };

  const recoloured = (chart, dark) => {
    const text = JSON.stringify(chart.figure);
    if (!dark) return JSON.parse(text);
    return JSON.parse(text.replace(/"#[0-9a-f]{6}"/g, (colour) => {
      const twin = chart.dark[colour.slice(1, -1)];
      return twin ? `"${twin}"` : colour;
    }));
  };

  const draw = async (element) => {
    const state = charts.get(element);
    const dark = isDark();
    if (state.dark === dark) return;
    state.dark = dark;
    if (state.views) state.views.clear();
    const stage = document.createElement("div");
    stage.className = "chart-stage";
    const parts = [stage];
    if (state.chart.caption) {
      const caption = document.createElement("p");
      caption.className = "chart-caption";
      caption.textContent = state.chart.caption;
      parts.push(caption);
      stage.setAttribute("role", "img");
      stage.setAttribute("aria-label", state.chart.caption);
    }
    element.replaceChildren(...parts);
    state.views = await window.Bokeh.embed.embed_item(recoloured(state.chart, dark), stage);
    element.dataset.chartTheme = dark ? "dark" : "light";
  };

  const start = async (element) => {
    if (charts.has(element)) return;
    charts.set(element, { chart: null, views: null, dark: null });
    if (element.dataset.loading) say(element, "chart-loading", element.dataset.loading);
    try {
      if (!window.Bokeh) throw new Error("Bokeh");
      const chart = await load(element);
      if (chart.nothing) {
        charts.delete(element);
        element.dataset.chartState = "empty";
        say(element, "chart-loading", chart.nothing);
        return;
      }
      charts.get(element).chart = chart;
      await draw(element);
      element.dataset.chartState = "drawn";
    } catch (error) {
      charts.delete(element);
      element.dataset.chartState = "failed";
      fail(element, error);
    }
  };

  const redraw = () => {
    for (const [element, state] of charts) {
      if (state.chart) draw(element).catch((error) => fail(element, error));
    }
  };

  const startAll = () => document.querySelectorAll(SELECTOR).forEach(start);

  new MutationObserver(redraw).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
  system.addEventListener("change", redraw);
  window.addEventListener("beforeprint", () => { printing = true; redraw(); });
  window.addEventListener("afterprint", () => { printing = false; redraw(); });
  for (const name of ["htmx:afterSwap", "quantsite:charts"]) document.addEventListener(name, startAll);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", startAll);
  else startAll();
})();
