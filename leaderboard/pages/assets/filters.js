// The row of filter chips above the table. Each chip opens its choices with the number of rows that each would show.
import { count, h, popover } from "./dom.js";

const HIDE = {
  flagged: "flagged",
  merged: "merges",
  moe: "mixtures of experts",
  unavailable: "no longer on the Hub",
  chat: "with chat template",
  non_chat: "without chat template",
};
const PRECISIONS = ["bfloat16", "float16", "float32", "8bit", "4bit", "GPTQ"];
const list = (text) => (text && text !== "none" ? text.split(",") : []);
const encode = (value) => value.replaceAll("%", "%25").replaceAll(",", "%2C");

function check(label, checked, number, toggle) {
  const box = h("input", { type: "checkbox", onchange: () => toggle(box.checked) });
  box.checked = checked;
  const counted = number === undefined ? null : h("span", { class: "pt-count" }, count(number));
  return h("label", { class: "pt-choice" }, box, h("span", {}, label), counted);
}

/** Choices of one list filter: nothing ticked shows everything. */
function choices(board, name, options) {
  const chosen = list(board.view[name]);
  return options.map(({ value, label, number }) =>
    check(label, chosen.includes(value), number, (on) => {
      const next = list(board.view[name]).filter((one) => one !== value);
      board.change({ [name]: (on ? [...next, value] : next).join(",") || undefined });
    }),
  );
}

function typeChoices(board) {
  const numbers = board.facets.types || {};
  const options = board.about.types.map((type) => ({
    value: type.key,
    label: `${type.symbol} ${type.value}`,
    number: numbers[type.value] || 0,
  }));
  return choices(board, "types", options);
}

function valueChoices(board, name, first = []) {
  const numbers = board.facets[name] || {};
  const values = [...new Set([...first, ...Object.keys(numbers).sort((a, b) => numbers[b] - numbers[a])])];
  return choices(board, name, values.map((value) => ({ value: encode(value), label: value, number: numbers[value] || 0 })));
}

function sizeChoices(board, close) {
  const field = (name, label) =>
    h("label", { class: "pt-field" }, label,
      h("input", { type: "number", min: "0", step: "any", value: board.view[name] ?? "", name,
        onchange: (event) => board.change({ [name]: event.target.value || undefined }) }));
  const presets = Object.entries(board.about.sizes).map(([name, [low, high]]) =>
    h("button", { type: "button", class: "pt-option", onclick: () => {
      board.change({ size_min: low ?? undefined, size_max: high ?? undefined });
      close();
    } }, name, h("span", { class: "pt-count" }, bounds(low, high))));
  const all = h("button", { type: "button", class: "pt-option", onclick: () => {
    board.change({ size_min: undefined, size_max: undefined });
    close();
  } }, "all sizes, unknown ones too");
  return [h("div", { class: "pt-fields" }, field("size_min", "from (B)"), field("size_max", "below (B)")), ...presets, all];
}

const bounds = (low, high) => (low === null ? `below ${high} B` : high === null ? `from ${low} B` : `${low}–${high} B`);

function hideChoices(board) {
  const numbers = board.facets.hide || {};
  const hidden = board.hidden();
  const boxes = Object.entries(HIDE).map(([kind, label]) =>
    check(label, hidden.includes(kind), numbers[kind] || 0, (on) => {
      const next = board.hidden().filter((one) => one !== kind);
      board.change({ hide: (on ? [...next, kind] : next).join(",") || "none" });
    }));
  const official = check("Only official providers", board.view.official === "true", board.facets.official?.true || 0,
    (on) => board.change({ official: on ? "true" : undefined }));
  return [h("p", { class: "pt-note" }, "Leave out"), ...boxes, h("hr"), official];
}

function columnChoices(board) {
  const shown = board.shown();
  const groups = Map.groupBy ? Map.groupBy(board.about.columns, (one) => one.group) : grouped(board.about.columns);
  const presets = Object.entries(board.about.columnPresets).map(([name, keys]) =>
    h("button", { type: "button", class: "pt-option", onclick: () => board.change({ columns: keys.join(",") }) }, name));
  const boxes = [...groups].flatMap(([group, columns]) => [
    h("p", { class: "pt-note" }, group),
    ...columns.map((column) => check(column.title, shown.includes(column.key), undefined, (on) => {
      const order = board.about.columns.map((one) => one.key);
      const next = on ? [...board.shown(), column.key] : board.shown().filter((key) => key !== column.key);
      board.change({ columns: next.sort((a, b) => order.indexOf(a) - order.indexOf(b)).join(",") || undefined });
    })),
  ]);
  return [h("div", { class: "pt-row" }, presets), ...boxes];
}

function grouped(columns) {
  const groups = new Map();
  for (const column of columns) groups.set(column.group, [...(groups.get(column.group) || []), column]);
  return groups;
}

function modeChoices(board) {
  const pick = (name, title, options) =>
    h("fieldset", { class: "pt-set" }, h("legend", {}, title), ...Object.entries(options).map(([value, label], at) => {
      const box = h("input", { type: "radio", name: `pt-${name}`, onchange: () => board.change({ [name]: at ? value : undefined }) });
      box.checked = (board.view[name] || Object.keys(options)[0]) === value;
      return h("label", { class: "pt-choice" }, box, h("span", {}, label));
    }));
  return [
    pick("scores", "Scores", { normalised: "normalised (chance is 0)", raw: "raw, as measured" }),
    check("Standard errors beside normalised scores", board.view.errors === "true", undefined,
      (on) => board.change({ errors: on ? "true" : undefined })),
    pick("average", "Average over", { all: "all score columns", visible: "the visible score columns" }),
    pick("rank", "Rank among", { static: "all checkpoints", dynamic: "what is shown" }),
  ];
}

function exportChoices(board) {
  return ["csv", "json", "parquet"].map((format) =>
    h("a", { class: "pt-option", href: board.exportUrl(format), download: "" }, `${format.toUpperCase()} of what is shown`));
}

/** Make the chips; returns their elements and a function that brings labels and open panels up to date. */
export function makeFilters(board) {
  const chips = {
    types: popover("Type", () => typeChoices(board)),
    precisions: popover("Precision", () => valueChoices(board, "precisions", PRECISIONS)),
    size: popover("Size", (close) => sizeChoices(board, close)),
    licences: popover("Licence", () => valueChoices(board, "licences")),
    hide: popover("Hide", () => hideChoices(board)),
    columns: popover("Columns", () => columnChoices(board)),
    mode: popover("Scores", () => modeChoices(board)),
    export: popover("Export", () => exportChoices(board)),
  };
  const label = {
    types: () => number("Type", list(board.view.types).length),
    precisions: () => number("Precision", list(board.view.precisions).length),
    licences: () => number("Licence", list(board.view.licences).length),
    size: () => {
      const [low, high] = [board.view.size_min ?? null, board.view.size_max ?? null];
      return low === null && high === null ? "Size" : `Size ${bounds(low, high)}`;
    },
    hide: () => number("Hide", board.hidden().length + (board.view.official === "true" ? 1 : 0)),
    columns: () => "Columns",
    mode: () => (board.view.scores === "raw" ? "Raw scores" : "Scores"),
    export: () => "Export",
  };
  const number = (name, chosen) => (chosen ? `${name} · ${chosen}` : name);
  const update = () => {
    for (const [name, chip] of Object.entries(chips)) {
      chip.button.textContent = label[name]();
      chip.refresh();
    }
  };
  return { elements: Object.values(chips).map((chip) => chip.wrap), update };
}
