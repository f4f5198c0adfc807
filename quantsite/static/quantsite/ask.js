/* Questions before a deed, and regions of a page that are read anew.
 *
 * A link with data-ask opens the page that it leads to as a dialog: of that page the element [data-ask-body], a form that
 * the server wrote and counted. Without this script the link leads to the page itself.
 *   [autofocus]        where the typing begins: the reason, never the button
 *   [data-ask-close]   closes the dialog
 *   data-ask-phrase    on an input: only these very words are taken; data-ask-complaint says so
 *   data-ask-told      on an element of a form: an address that is asked, with what the form says, at each change, for
 *                      the words that stand in the element
 * [data-fresh="ms"] with data-fresh-url: the elements of the answer replace those of the page that have the same id. The
 * answer may set data-fresh anew. What is pressed is never taken away; where nothing comes, [data-fresh-since] says so.
 * A select with data-choose sends its form when it is changed.
 */
(() => {
  "use strict";

  const TYPING_MS = 250;
  const PRESSED_MS = 200;

  const read = async (address) => {
    const response = await fetch(address, { credentials: "same-origin" });
    if (!response.ok || response.redirected) throw new Error(`HTTP ${response.status}`);
    return new DOMParser().parseFromString(await response.text(), "text/html");
  };

  /* --- questions ----------------------------------------------------------------------------------------- */

  const tell = async (place, form, run) => {
    const query = new URLSearchParams(new FormData(form));
    query.delete("csrfmiddlewaretoken");
    try {
      const page = await read(`${place.dataset.askTold}?${query}`);
      if (run === place.run) place.replaceChildren(...page.body.childNodes);
    } catch (error) {
      console.info("question", error.message);
    }
  };

  const prepare = (body) => {
    body.querySelectorAll("[data-ask-phrase]").forEach((input) => {
      const check = () => input.setCustomValidity(input.value === input.dataset.askPhrase ? "" : input.dataset.askComplaint);
      input.addEventListener("input", check);
      check();
    });
    body.querySelectorAll("[data-ask-told]").forEach((place) => {
      const form = place.closest("form");
      let timer = null;
      const later = (event) => {
        if (event.target.name === "reason") return;
        window.clearTimeout(timer);
        place.run = (place.run || 0) + 1;
        timer = window.setTimeout(() => tell(place, form, place.run), TYPING_MS);
      };
      form.addEventListener("input", later);
      form.addEventListener("change", later);
    });
  };

  const ask = async (link) => {
    let body = null;
    try {
      body = (await read(link.href)).querySelector("[data-ask-body]");
    } catch (error) {
      console.info("question", error.message);
    }
    if (!body) {
      window.location.assign(link.href);
      return;
    }
    const box = document.createElement("dialog");
    box.className = "qs-ask";
    box.setAttribute("aria-labelledby", "qs-ask-title");
    box.append(document.importNode(body, true));
    box.addEventListener("close", () => box.remove());
    box.querySelectorAll("[data-ask-close]").forEach((each) => {
      each.addEventListener("click", (event) => {
        event.preventDefault();
        box.close();
      });
    });
    document.body.append(box);
    prepare(box);
    box.showModal();
    box.querySelector("[autofocus]")?.focus();
  };

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-ask]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    ask(link);
  });
  document.addEventListener("change", (event) => {
    if (event.target.matches("select[data-choose]")) event.target.form.requestSubmit();
  });

  /* --- regions ------------------------------------------------------------------------------------------- */

  class Fresh {
    constructor(root) {
      this.root = root;
      this.pressed = false;
      window.addEventListener("pointerdown", () => { this.pressed = true; });
      window.addEventListener("pointerup", () => window.setTimeout(() => { this.pressed = false; }, PRESSED_MS));
      window.addEventListener("pointercancel", () => { this.pressed = false; });
      this.next();
    }

    next() {
      window.setTimeout(() => this.turn(), Number(this.root.dataset.fresh));
    }

    async turn() {
      try {
        const page = document.hidden ? null : await read(this.root.dataset.freshUrl);
        while (this.pressed) await new Promise((done) => { window.setTimeout(done, PRESSED_MS); });
        if (page) this.swap(page);
        this.say(false);
      } catch (error) {
        console.info("region", error.message);
        this.say(true);
      }
      this.next();
    }

    swap(page) {
      const pace = page.querySelector("[data-fresh]");
      if (pace) this.root.dataset.fresh = pace.dataset.fresh;
      page.querySelectorAll("[id]").forEach((made) => {
        const shown = document.getElementById(made.id);
        if (!shown || !this.root.contains(shown) || shown.innerHTML === made.innerHTML) return;
        const held = shown.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
        shown.replaceChildren(...[...made.childNodes].map((node) => document.importNode(node, true)));
        if (held) shown.querySelector(`a[href="${CSS.escape(held)}"]`)?.focus();
      });
    }

    say(stale) {
      if (stale === this.stale) return;
      this.stale = stale;
      this.root.classList.toggle("qs-stale", stale);
      document.querySelectorAll("[data-fresh-since]").forEach((place) => {
        place.hidden = !stale;
        const time = place.querySelector("time");
        if (time) time.textContent = new Date().toLocaleTimeString("sv-SE");
      });
    }
  }

  const start = () => {
    document.querySelectorAll("[data-ask-body]").forEach(prepare);
    document.querySelectorAll("[data-fresh]").forEach((root) => new Fresh(root));
    document.querySelectorAll("[data-without-script]").forEach((each) => { each.hidden = true; });
  };

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
  else start();
})();
