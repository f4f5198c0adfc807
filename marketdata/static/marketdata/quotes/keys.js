/* The page by keyboard: up and down through the list, / to search, 1 to 8 for the interval. */

const typing = (target) => target.closest("input, select, textarea, dialog, details[open]") !== null;

export const listenToKeys = (page) => {
  const intervals = [...document.querySelectorAll("[data-interval]")].map((button) => button.dataset.interval);

  document.addEventListener("keydown", (event) => {
    if (typing(event.target) || event.ctrlKey || event.metaKey) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && event.altKey) page.list.move(page.code, step);
    else if (step) page.choose(page.list.neighbour(page.code, step) || page.code);
    else if (event.key === "/") page.search.field.focus();
    else if (/^[1-8]$/.test(event.key) && !event.altKey) page.chooseInterval(intervals[Number(event.key) - 1]);
    else return;
    event.preventDefault();
  });
};
