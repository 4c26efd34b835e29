// The leaderboard's table: search, filters, windowed rows. The same script draws the page's table and /embed.
//
//   mount(root, {about, first, ask, hub, prefix, embed})
//     about   what the board is: columns, presets, filters (leaderboard/board/boards.py: describe)
//     first   the answer to the first request, if the page has it
//     ask     async (payload) => answer (leaderboard/board/boards.py: Boards.answer)
//     hub     address of the Hub, for links to repositories
//     prefix  address under which Podium's own pages live, "" at the root
//     embed   true in a frame of another site: links open a new page, the address is left alone
import { ago, count, debounce, h, popover } from "./dom.js";
import { drawing } from "./rows.js";
import { dropping, droppingAll, hiddenWord, makeFilters } from "./filters.js";

const ROW = 32; // px; the style sheet says the same
const PAGE = 50; // rows asked for at once, as many as the page has from the start
const KEPT = 24; // pages kept in memory
const PRINTED = 5000; // rows printed at most
const [FOLLOW_MS, FOLLOW_EMPTY_MS] = [15000, 2000]; // between two looks for new results
const NARROW = window.matchMedia("(max-width: 640px)");

class Table {
  constructor(root, options) {
    Object.assign(this, options);
    this.root = h("div", { class: "pt" });
    this.view = { ...options.view }; // of the address, without what the server cannot use
    this.facets = {};
    this.best = {};
    this.columns = [];
    this.pages = new Map();
    this.asked = 0;
    this.total = 0;
    this.pinned = [];
    this.at = -1;
    this.expanded = new Set();
    this.compared = new Map();
    this.build();
    this.load().then(() => this.show(root));
  }

  // -- the frame ------------------------------------------------------------------------------------------------

  build() {
    this.status = h("p", { class: "pt-status", role: "status", "aria-live": "polite" }, "Loading …");
    this.search = h("input", {
      class: "pt-search", type: "search", "aria-label": "Search", spellcheck: "false", autocomplete: "off",
      placeholder: this.about.search.placeholder,
      oninput: () => this.change({ search: this.search.value || undefined }),
      onpaste: (event) => this.paste(event),
    });
    this.search.value = this.view.search || "";
    this.help = h("div", { class: "pt-help", hidden: true }, ...this.about.search.examples.map(([query, meaning]) =>
      h("button", { type: "button", class: "pt-option", onclick: () => {
        this.search.value = query;
        this.change({ search: query });
        this.search.focus();
      } }, h("code", {}, query), " ", h("span", {}, meaning))));
    const ask = h("button", { type: "button", class: "pt-chip pt-ask", "aria-label": "How to search", "aria-expanded": "false",
      onclick: () => {
        this.help.hidden = !this.help.hidden;
        ask.setAttribute("aria-expanded", String(!this.help.hidden));
      } }, "?");
    this.warnings = h("div", { class: "pt-warnings", role: "status" });
    this.filters = makeFilters(this);
    this.sorter = popover("Sort", (close) => this.orders(close)); // where there are cards, which have no headings
    this.sorter.wrap.classList.add("pt-sorter");
    this.head = h("thead", { role: "rowgroup" });
    this.body = h("tbody", { role: "rowgroup" });
    this.table = h("table", { class: "pt-table", role: "grid", "aria-label": `Leaderboard ${this.about.title}` }, this.head, this.body);
    this.empty = h("div", { class: "pt-empty", hidden: true });
    this.port = h("div", { class: "pt-port", tabindex: "-1" }, this.table, this.empty);
    this.tray = h("div", { class: "pt-tray", hidden: true, role: "region", "aria-label": "Chosen for comparison" });
    this.port.addEventListener("scroll", () => requestAnimationFrame(() => this.draw()), { passive: true });
    this.root.addEventListener("keydown", (event) => this.key(event));
    NARROW.addEventListener("change", () => this.redraw());
    window.addEventListener("resize", debounce(() => this.draw(), 100));
    document.addEventListener("keydown", (event) => {
      const target = event.composedPath()[0];
      const typing = /^(input|textarea|select)$/i.test(target.tagName) || target.isContentEditable;
      if (event.key === "/" && !typing && this.root.offsetHeight) {
        event.preventDefault();
        this.search.focus();
      }
    });
    this.root.replaceChildren(
      h("div", { class: "pt-bar" }, h("div", { class: "pt-find" }, this.search, ask), ...this.filters.elements, this.sorter.wrap),
      this.help, this.warnings, this.status, this.port, this.tray);
  }

  /** Take the place of the rows that the server wrote, with what was typed into its search by now. */
  show(root) {
    const written = root.querySelector(".pt-search");
    const typing = written && written === document.activeElement;
    root.replaceChildren(this.root);
    root.classList.add("live");
    if (typing) {
      this.search.value = written.value;
      this.search.focus();
      if (written.value !== (this.view.search || "")) this.change({ search: written.value || undefined });
    }
    if (!this.embed) this.keepPlace();
    this.draw();
    setTimeout(() => this.follow(), this.length ? FOLLOW_MS : FOLLOW_EMPTY_MS);
  }

  /** Back and Reload find the rows where they were; paper has all of them. */
  keepPlace() {
    const page = Number(new URLSearchParams(location.search).get("page")) || 0;
    this.port.scrollTop = history.state?.top ?? page * PAGE * ROW;
    window.addEventListener("pagehide", () => history.replaceState({ ...history.state, top: this.port.scrollTop }, ""));
    window.addEventListener("beforeprint", () => this.drawAll());
    window.addEventListener("afterprint", () => this.redraw());
  }

  // -- the view -------------------------------------------------------------------------------------------------

  shown() {
    return this.view.columns ? this.view.columns.split(",") : this.about.defaults;
  }

  /** A pasted list of names, one a line: the field holds one line, and would join them. */
  paste(event) {
    const names = event.clipboardData.getData("text").split(/[\r\n]+/).filter((name) => name.trim());
    if (names.length < 2) return;
    event.preventDefault();
    this.search.setRangeText(names.join("; "), this.search.selectionStart, this.search.selectionEnd, "end");
    this.search.dispatchEvent(new Event("input"));
  }

  change(values) {
    for (const [name, value] of Object.entries(values)) {
      if (value === undefined || value === "") delete this.view[name];
      else this.view[name] = String(value);
    }
    this.remember();
    this.load();
  }

  remember() {
    if (this.embed) return;
    const params = new URLSearchParams(location.search);
    for (const name of this.about.parameters) {
      if (this.view[name] === undefined) params.delete(name);
      else params.set(name, this.view[name]);
    }
    const text = params.toString().replaceAll("%2C", ",").replaceAll("%3A", ":");
    history.replaceState(history.state, "", text ? `?${text}` : location.pathname);
  }

  orders(close) {
    const columns = [{ key: "average", title: "Average" }, { key: "model", title: "Name" }, ...this.columns];
    const sorted = this.view.sort || "average";
    return columns.map(({ key, title }) => h("button", { type: "button", class: "pt-option", "aria-pressed": String(key === sorted), onclick: () => {
      this.sortBy(key);
      close();
    } }, title, key === sorted ? h("span", { class: "pt-count" }, this.view.ascending === "true" ? "▲" : "▼") : null));
  }

  sortBy(key) {
    const first = this.view.sort === key || (key === "average" && !this.view.sort);
    const { kind, downwards } = this.about.columns.find((column) => column.key === key) ?? {};
    const smallFirst = key === "model" || kind === "text" || kind === "commit" || downwards === true;
    const ascending = first ? this.view.ascending !== "true" : smallFirst;
    this.change({ sort: key === "average" ? undefined : key, ascending: ascending ? "true" : undefined });
  }

  pin(row) {
    const pins = this.view.pins ? this.view.pins.split(",") : [];
    const next = pins.includes(row.id) ? pins.filter((id) => id !== row.id) : [...pins, row.id];
    this.change({ pins: next.join(",") || undefined });
  }

  exportUrl(format) {
    return `${this.prefix}/api/v1/benchmarks/${this.about.benchmark}/export.${format}?${new URLSearchParams(this.view)}`;
  }

  // -- asking ---------------------------------------------------------------------------------------------------

  async load() {
    const ticket = ++this.asked;
    const answer = this.first || (await this.ask({ ...this.view, offset: 0, limit: PAGE, facets: true }));
    if (this.first) this.view = answer.view ?? {}; // in today's spelling, even if the address is older
    this.first = null;
    if (ticket !== this.asked) return;
    if (answer.error) return this.trouble(answer.error);
    this.version = answer.version;
    this.pages = new Map([[0, answer.rows]]);
    this.total = answer.total;
    this.pinned = answer.pinned;
    this.facets = answer.facets;
    this.best = answer.best;
    this.columns = answer.columns;
    this.at = -1;
    this.port.scrollTop = 0;
    this.showStatus(answer);
    this.filters.update();
    this.redraw();
  }

  /** Reload when results were published, unless the reader has scrolled or selected a row. */
  async follow() {
    if (document.visibilityState === "visible" && this.port.scrollTop < ROW && this.at < 0) {
      const answer = await this.ask({ ...this.view, offset: 0, limit: 1 });
      if (!answer.error && answer.version !== this.version) await this.load();
    }
    setTimeout(() => this.follow(), this.length ? FOLLOW_MS : FOLLOW_EMPTY_MS);
  }

  async page(number) {
    if (this.pages.has(number)) return;
    this.pages.set(number, null);
    const ticket = this.asked;
    const answer = await this.ask({ ...this.view, offset: number * PAGE, limit: PAGE });
    if (ticket !== this.asked || answer.error) return;
    this.pages.set(number, answer.rows);
    for (const old of this.pages.keys()) if (this.pages.size > KEPT && Math.abs(old - number) > KEPT / 2) this.pages.delete(old);
    this.redraw();
  }

  row(index) {
    if (index < this.pinned.length) return this.pinned[index];
    const at = index - this.pinned.length;
    return this.pages.get(Math.floor(at / PAGE))?.[at % PAGE];
  }

  get length() {
    return this.pinned.length + this.total;
  }

  /** The server refuses what was asked for: no row is shown, so that nobody takes the last ones for the answer. */
  trouble(message) {
    this.status.textContent = message;
    [this.pages, this.pinned, this.total] = [new Map([[0, []]]), [], 0];
    this.warnings.replaceChildren();
    this.empty.hidden = true;
    this.redraw();
  }

  showStatus(answer) {
    const shown = this.length;
    const nouns = `${this.about.noun}s`;
    const noun = shown === 1 ? this.about.noun : nouns;
    const parts = [shown === answer.of ? `${count(shown)} ${noun}` : `${count(shown)} of ${count(answer.of)} ${nouns}`];
    const hidden = Object.entries(answer.hidden).map(([kind, number]) => `${count(number)} ${hiddenWord(this, kind)} hidden`);
    const updated = h("time", { datetime: answer.updated, title: answer.updated }, `updated ${ago(answer.updated)}`);
    const hint = this.view.rank === "dynamic" ? " · rank among what is shown" : "";
    const final = answer.final ? " · final scores on the private labels" : "";
    this.status.replaceChildren([...parts, ...hidden].join(" · "), " · ", updated, final, hint);
    this.warnings.replaceChildren(...answer.warnings.map((warning) => h("p", {}, warning)));
    this.empty.hidden = shown > 0;
    if (!shown) this.empty.replaceChildren(...this.emptyMessage(answer));
  }

  emptyMessage(answer) {
    if (!answer.of) return [h("p", {}, `No ${this.about.noun} has been evaluated yet. Submit one; its row will appear here.`)];
    const blamed = Object.entries(answer.blame).filter(([, number]) => number > 0);
    const buttons = blamed.map(([name, number]) => {
      const { label, change } = dropping(this, name);
      return h("button", { type: "button", class: "pt-chip", onclick: () => {
        if (name === "search") this.search.value = "";
        this.change(change);
      } }, `${label[0].toUpperCase()}${label.slice(1)} (${count(number)} ${number === 1 ? "row" : "rows"})`);
    });
    const all = h("button", { type: "button", class: "pt-chip", onclick: () => {
      this.search.value = "";
      this.change(droppingAll(this));
    } }, "All filters");
    return [h("p", {}, blamed.length ? "No matches. Remove:" : "No matches. Removing a single filter does not help."), h("p", { class: "pt-row" }, ...buttons, all)];
  }

  // -- drawing --------------------------------------------------------------------------------------------------

  redraw() {
    this.drawn = null;
    if (!NARROW.matches) this.heading();
    this.table.classList.toggle("pt-cards", NARROW.matches);
    this.draw();
  }

  heading() {
    const sorted = this.view.sort || "average";
    const direction = this.view.ascending === "true" ? "ascending" : "descending";
    const column = (key, title, about, kind, extra = "") =>
      h("th", { scope: "col", role: "columnheader", class: `pt-${kind} ${extra}`, "aria-sort": sorted === key ? direction : "none" },
        h("button", { type: "button", title: about || null, onclick: () => this.sortBy(key) }, title,
          h("span", { class: "pt-arrow", "aria-hidden": "true" }, sorted === key ? (direction === "ascending" ? " ▲" : " ▼") : "")));
    this.head.replaceChildren(h("tr", { role: "row", "aria-rowindex": "1" },
      h("th", { scope: "col", role: "columnheader", class: "pt-rank" }, this.view.rank === "dynamic" ? "Rank shown" : "Rank"),
      column("model", this.about.noun === "checkpoint" ? "Model" : "Submission", null, "text", "pt-model"),
      this.about.average ? column("average", "Average", this.about.average, "score") : null,
      ...this.columns.map((one) => column(one.key, one.title, one.about, one.kind))));
    this.table.setAttribute("aria-colcount", String(this.columns.length + (this.about.average ? 3 : 2)));
  }

  draw() {
    const rows = this.length;
    const card = NARROW.matches;
    const height = card ? 92 : ROW;
    const top = Math.floor(this.port.scrollTop / height);
    const first = Math.max(0, top - 8);
    const last = Math.min(rows, top + Math.ceil(this.port.clientHeight / height) + 12);
    const key = `${first}:${last}:${card}`;
    if (this.drawn === key) return;
    this.drawn = key;
    for (let at = first; at < last; at += 1) if (at >= this.pinned.length) this.page(Math.floor((at - this.pinned.length) / PAGE));
    const spacer = (count) => h("tr", { class: "pt-space", "aria-hidden": "true", style: `height:${count * height}px` });
    const focused = this.body.contains(document.activeElement) ? this.at : -1;
    const drawn = [];
    for (let at = first; at < last; at += 1) drawn.push(card ? this.card(at) : this.line(at));
    this.body.replaceChildren(spacer(first), ...drawn, spacer(rows - last));
    this.table.setAttribute("aria-rowcount", String(rows + 1));
    if (focused >= 0) this.body.querySelector(`[data-at="${focused}"]`)?.focus({ preventScroll: true });
  }

  /** Draw every row, for paper. A browser prints as soon as its event is over, so the rows are fetched while it waits. */
  drawAll() {
    const rows = [];
    while (rows.length < Math.min(this.total, PRINTED)) {
      const answer = this.askNow({ ...this.view, offset: rows.length, limit: 500 });
      if (!answer?.rows?.length) break;
      rows.push(...answer.rows);
    }
    const [pages, total] = [this.pages, this.total];
    this.pages = new Map(Array.from({ length: Math.ceil(rows.length / PAGE) }, (_, at) => [at, rows.slice(at * PAGE, (at + 1) * PAGE)]));
    this.total = rows.length;
    this.heading();
    this.table.classList.remove("pt-cards");
    this.body.replaceChildren(...Array.from({ length: this.length }, (_, at) => this.line(at)));
    [this.pages, this.total, this.drawn] = [pages, total, null];
  }

  // -- keyboard and comparing -----------------------------------------------------------------------------------

  key(event) {
    const line = event.target.closest?.("tr[data-at]");
    if (event.target === this.search && event.key === "ArrowDown") return this.go(0, event);
    if (!line || event.target !== line) return;
    const at = Number(line.dataset.at);
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 15, PageUp: at - 15, Home: 0, End: this.length - 1 };
    if (event.key in moves) return this.go(moves[event.key], event);
    const row = this.row(at);
    if (event.key === "Enter" && row) window.open(this.modelUrl(row), this.embed ? "_blank" : "_self", this.embed ? "noopener" : undefined);
    if (event.key === "c" && row) this.pick(row);
  }

  go(to, event) {
    event.preventDefault();
    if (to < 0) return this.search.focus();
    this.at = Math.min(to, this.length - 1);
    const head = this.head.offsetHeight;
    const top = this.at * ROW;
    if (top < this.port.scrollTop) this.port.scrollTop = top;
    else if (top + ROW + head > this.port.scrollTop + this.port.clientHeight) this.port.scrollTop = top + ROW + head - this.port.clientHeight;
    this.drawn = null;
    this.draw();
    this.body.querySelector(`[data-at="${this.at}"]`)?.focus({ preventScroll: true });
  }

  pick(row) {
    if (!this.compared.delete(row.id) && this.compared.size < 5) this.compared.set(row.id, row);
    this.tray.hidden = !this.compared.size;
    const ids = [...this.compared.keys()].map(encodeURIComponent).join(",");
    this.tray.replaceChildren(
      h("span", {}, this.compared.size === 1 ? "Choose another to compare:" : "Compare:"),
      ...[...this.compared.values()].map((chosen) => h("button", { type: "button", class: "pt-chip", title: "Remove", onclick: () => this.pick(chosen) }, `${chosen.model} ×`)),
      this.compared.size > 1 ? h("a", { class: "pt-go", href: `${this.prefix}/compare?benchmark=${encodeURIComponent(this.about.benchmark)}&rows=${ids}` }, "Compare") : null);
    this.redraw();
  }
}


Object.assign(Table.prototype, drawing);

export function mount(root, options) {
  return new Table(root, { prefix: "", hub: "", embed: false, ...options });
}
