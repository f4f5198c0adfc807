// Arrow keys in the calendar: one day is in the tab order, the others are reached from it.
(() => {
  "use strict";

  const DAY_MS = 86_400_000;
  const WEEK = 7;

  /** The link of a day so many days away, or the nearest one beyond it in the same direction. */
  function towards(days, from, step) {
    const wanted = Date.parse(from.dataset.day) + step * DAY_MS;
    const beyond = days.filter((day) => Math.sign(step) * (Date.parse(day.dataset.day) - wanted) >= 0);
    return step > 0 ? beyond[0] : beyond[beyond.length - 1];
  }

  function target(days, from, key) {
    const at = days.indexOf(from);
    switch (key) {
      case "ArrowUp": return days[at - 1];
      case "ArrowDown": return days[at + 1];
      case "ArrowLeft": return towards(days, from, -WEEK);
      case "ArrowRight": return towards(days, from, WEEK);
      case "Home": return days[0];
      case "End": return days[days.length - 1];
      default: return undefined;
    }
  }

  function hold(days, chosen) {
    days.forEach((day) => { day.tabIndex = day === chosen ? 0 : -1; });
  }

  function start(calendar) {
    const days = [...calendar.querySelectorAll("a.dq-day")];
    if (!days.length) return;
    hold(days, days[0]);
    calendar.addEventListener("keydown", (event) => {
      const from = event.target.closest("a.dq-day");
      const next = from && !event.altKey && !event.ctrlKey && !event.metaKey && target(days, from, event.key);
      if (!next) return;
      event.preventDefault();
      hold(days, next);
      next.focus();
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-dq-calendar]").forEach(start);
  });
})();
