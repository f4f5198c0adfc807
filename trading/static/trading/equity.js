/* Draws an account's equity: the balance at the end of each trading day and now, beside the money paid in. */
(() => {
  "use strict";

  const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const number = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

  const draw = (element) => {
    const { days, balance, paidIn } = JSON.parse(document.getElementById(element.dataset.equity).textContent);
    const library = window.LightweightCharts;
    const chart = library.createChart(element, { autoSize: true });
    const paid = chart.addSeries(library.LineSeries, { lineWidth: 1, lineStyle: 2, lineType: 1, priceLineVisible: false, lastValueVisible: false });
    const line = chart.addSeries(library.AreaSeries, { lineWidth: 2, priceLineVisible: false });
    const priceFormat = { type: "custom", minMove: 0.01, formatter: (value) => number.format(value) };
    const paint = () => {
      const [ground, soft, rule, accent] = ["--qs-card", "--qs-soft", "--qs-line", "--qs-accent"].map(token);
      chart.applyOptions({
        layout: {
          background: { type: "solid", color: ground }, textColor: soft, fontFamily: getComputedStyle(document.body).fontFamily,
          attributionLogo: false, // its style element would break our policy: the page names the makers itself
        },
        grid: { vertLines: { visible: false }, horzLines: { color: rule } },
        rightPriceScale: { borderVisible: false },
        timeScale: { borderVisible: false, tickMarkFormatter: (time) => String(time).slice(5) },
        localization: { timeFormatter: (time) => String(time) },
        handleScroll: false, handleScale: false,
      });
      paid.applyOptions({ color: soft, priceFormat });
      line.applyOptions({ lineColor: accent, topColor: `${accent}33`, bottomColor: `${accent}05`, priceFormat });
    };
    paint();
    paid.setData(days.map((time, place) => ({ time, value: paidIn[place] })));
    line.setData(days.map((time, place) => ({ time, value: balance[place] })));
    chart.timeScale().fitContent();
    element.dataset.chartState = "drawn";
    new MutationObserver(paint).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
  };

  const start = () => document.querySelectorAll("[data-equity]").forEach(draw);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
