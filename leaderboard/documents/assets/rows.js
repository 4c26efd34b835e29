// How the leaderboard's table draws one row: as a line where there is room, as a card where there is not.
import { count, h, safeHref } from "./dom.js";

const MEDALS = { 1: "🥇", 2: "🥈", 3: "🥉" };
const amount = (value) => (Number.isInteger(value) ? count(value) : value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(1) : value.toPrecision(2));

/** Methods of the table (table.js). */
export const drawing = {
  rank(row) {
    const none = row.rank_best === null || row.rank_best === row.rank_worst || Number.isFinite(row.change);
    const range = none ? null
      : h("span", { class: "pt-range", title: `95 % intervals of averages allow ranks ${row.rank_best} to ${row.rank_worst}` }, ` ${row.rank_best}–${row.rank_worst}`);
    return [this.place(row), this.view.errors === "false" ? null : range];
  },

  place(row) {
    if (row.rank === null) return h("span", { title: `Not ranked: ${row.baseline ? "a baseline" : row.review === "refused" ? "refused" : "a score is missing"}` }, "–");
    return h("span", {}, MEDALS[row.rank] ? h("span", { role: "img", "aria-label": `rank ${row.rank}` }, MEDALS[row.rank]) : String(row.rank));
  },

  modelUrl(row) {
    return safeHref(`${this.prefix}/model/${row.model.split("/").map(encodeURIComponent).join("/")}?benchmark=${encodeURIComponent(this.about.benchmark)}`);
  },

  /** Places gained on a competition's final board. */
  gained(row) {
    if (row.change === null || row.change === undefined) return null;
    const text = row.change ? `${row.change > 0 ? "+" : "−"}${Math.abs(row.change)}` : "=";
    return h("span", { class: "pt-change", title: "Places gained or lost from the public to the private labels" }, ` ${text}`);
  },

  name(row) {
    const target = this.embed ? "_blank" : null;
    return [
      row.on_hub && h("span", { class: "pt-symbol", title: row.type || "type unknown" }, row.symbol || "❓"),
      h("a", { class: "pt-name", href: this.modelUrl(row), target, rel: target && "noopener", title: row.model }, row.model),
      row.official ? h("span", { class: "pt-badge", title: "Official provider" }, "official") : null,
      row.flagged ? this.flagBadge(row) : null,
      row.copy_of ? h("span", { class: "pt-badge", title: `Its weights are those of ${row.copy_of}` }, "copy") : null,
      row.baseline ? h("span", { class: "pt-badge", title: "Marked by the organisers; it has no rank" }, "baseline") : null,
      row.review ? h("span", { class: `pt-badge ${row.review === "refused" ? "pt-flag" : ""}`, title: row.review_reason || "Review by the organisers" }, row.review) : null,
      row.available ? null : h("span", { class: "pt-badge", title: "No longer on the Hub" }, "gone"),
      row.on_hub && h("a", { class: "pt-hub", href: safeHref(`${this.hub}/${row.model}`), target: "_blank", rel: "noopener noreferrer", "aria-label": `${row.model} on the Hub` }, "↗"),
    ];
  },

  // The discussion where it is on the Hub, else the flag on the model's page.
  flagBadge(row) {
    const { category = "flagged", link = "" } = row.flag ?? {};
    const away = /^https?:/.test(link);
    return h("a", {
      class: "pt-badge pt-flag", href: away ? safeHref(link) : `${this.modelUrl(row)}#flags`, title: "Flagged by this board's maintainers: see why",
      target: away || this.embed ? "_blank" : null, rel: away || this.embed ? "noopener nofollow" : null,
    }, `flagged: ${category}`);
  },

  box(row, attributes = {}) {
    const box = h("input", { type: "checkbox", class: "pt-pick", "aria-label": `Compare ${row.model}`, onchange: () => this.pick(row), ...attributes });
    box.checked = this.compared.has(row.id);
    return box;
  },

  line(at) {
    const row = this.row(at);
    const position = String(at + 2);
    if (!row) return h("tr", { class: "pt-wait", role: "row", "aria-rowindex": position }, h("td", { colspan: String(this.columns.length + (this.about.average ? 3 : 2)) }, "…"));
    const pinned = at < this.pinned.length;
    const box = this.box(row, { tabindex: "-1" });
    return h("tr", { role: "row", class: `${pinned ? "pt-pinned" : ""} ${row.flagged ? "pt-flagged" : ""}`, tabindex: at === Math.max(this.at, 0) ? "0" : "-1",
      "data-at": String(at), "aria-rowindex": position, onfocus: () => (this.at = at) },
      h("td", { role: "gridcell", class: "pt-rank" }, ...this.rank(row), this.gained(row)),
      h("th", { role: "rowheader", scope: "row", class: "pt-model" }, h("span", { class: "pt-cell" }, box, ...this.name(row),
        h("button", { type: "button", class: "pt-pin", tabindex: "-1", "aria-pressed": String(pinned), title: pinned ? "Unpin" : "Keep on top", onclick: () => this.pin(row) }, "↑"))),
      this.about.average ? this.average(row) : null,
      ...this.columns.map((column) => this.cell(row, column)));
  },

  average(row) {
    const { average_stderr: stderr } = row;
    const title = stderr === null ? null : `standard error ${stderr.toFixed(2)}, from those of the scores`;
    const cell = this.number(row.average, row.average, null, { key: "average" });
    if (title) cell.title = title;
    const error = this.averageError(row);
    if (error) cell.append(error);
    return cell;
  },

  averageError(row) {
    if (row.average === null || row.average_stderr === null || this.view.errors === "false") return null;
    return h("span", { class: "pt-error" }, ` ±${row.average_stderr.toFixed(1)}`);
  },

  cell(row, column) {
    if (column.kind === "score") {
      const score = row.scores[column.key];
      const shown = this.view.scores === "raw" ? score.raw : score.value;
      return this.number(shown, score.value, score, column);
    }
    const value = row[column.key];
    if (column.kind === "number") return h("td", { role: "gridcell", class: "pt-number" }, value === null ? "unknown" : amount(value));
    if (column.kind === "yes") return h("td", { role: "gridcell" }, value ? "yes" : "no");
    if (value === null) return h("td", { role: "gridcell", class: "pt-unknown" }, "unknown");
    const length = { commit: 7, time: 10 }[column.kind];
    return h("td", { role: "gridcell", title: value, class: column.kind === "commit" ? "pt-code" : null }, value.slice(0, length));
  },

  number(shown, normalised, score, { key, decimals = null, downwards = false, points = true }) {
    if (shown === null || shown === undefined) return h("td", { role: "gridcell", class: "pt-score pt-unknown", title: "not measured" }, "–");
    const raw = score && this.view.scores === "raw";
    const text = shown.toFixed(decimals ?? (raw || !points ? 4 : 2));
    const best = key in this.best && normalised !== null && Math.abs(normalised - this.best[key]) < 1e-9;
    const about = score === null ? null : [
      `raw ${score.raw === null ? "unknown" : score.raw.toFixed(4)}`,
      points ? `normalised ${score.value === null ? "unknown" : score.value.toFixed(2)}${score.stderr === null ? "" : ` ± ${score.stderr.toFixed(2)} (standard error)`}` : `standard error ${score.stderr === null ? "unknown" : score.stderr.toFixed(decimals ?? 4)}`,
      `n = ${score.n === null ? "unknown" : count(score.n)}`].join("\n");
    const bar = points ? Math.max(0, Math.min(100, normalised ?? 0)) : 0;
    return h("td", { role: "gridcell", class: `pt-score ${best ? "pt-best" : ""}`, title: about, style: `--bar:${bar.toFixed(1)}%` }, text,
      score && !raw && score.stderr !== null && this.view.errors !== "false" ? h("span", { class: "pt-error" }, ` ±${score.stderr.toFixed(points ? 1 : decimals ?? 4)}`) : null);
  },

  card(at) {
    const row = this.row(at);
    if (!row) return h("tr", { class: "pt-wait", role: "row" }, h("td", {}, "…"));
    const scores = this.columns.filter((column) => column.kind === "score");
    const known = scores.filter((column) => row.scores[column.key].value !== null);
    const best = (scores.every((column) => column.points) ? known.sort((a, b) => row.scores[b.key].value - row.scores[a.key].value) : known).slice(0, 2);
    const open = this.expanded.has(row.id);
    const text = (column) => h("span", { class: "pt-pair" }, h("span", {}, column.title), " ", h("b", {}, this.cell(row, column).firstChild.textContent));
    const more = h("button", { type: "button", class: "pt-more", "aria-expanded": String(open), onclick: () => {
      if (!this.expanded.delete(row.id)) this.expanded.add(row.id);
      this.redraw();
    } }, open ? "less" : "more");
    return h("tr", { class: `pt-card ${open ? "pt-open" : ""}`, role: "row", "data-at": String(at), tabindex: "-1", "aria-rowindex": String(at + 2) },
      h("td", { role: "gridcell" },
        h("div", { class: "pt-top" }, this.box(row), h("span", { class: "pt-rank" }, ...this.rank(row), this.gained(row)), h("span", { class: "pt-cell" }, ...this.name(row)),
          this.about.average ? h("b", { class: "pt-average" }, row.average === null ? "–" : row.average.toFixed(2), this.averageError(row)) : null),
        h("div", { class: "pt-tasks" }, ...(open ? this.columns : best).map(text), more)));
  },
};
