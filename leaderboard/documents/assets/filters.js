// The row of chips above the table. Each filter's chip opens its choices with the number of rows that each would show.
// Which filters there are, how addresses write them and what they offer comes from `about.filters`, which is made from
// the table of columns (leaderboard/columns/__init__.py): this script knows kinds of filters, and no filter by name.
import { count, h, popover } from "./dom.js";

const list = (text) => (text && text !== "none" ? text.split(",") : []);
const encode = (value) => value.replaceAll("%", "%25").replaceAll(",", "%2C");

function check(label, checked, number, toggle) {
  const box = h("input", { type: "checkbox", onchange: () => toggle(box.checked) });
  box.checked = checked;
  const counted = number === undefined ? null : h("span", { class: "pt-count" }, count(number));
  return h("label", { class: "pt-choice" }, box, h("span", {}, label), counted);
}

// -- kinds of filters ---------------------------------------------------------------------------------------------

/** A list of values: nothing ticked shows everything. */
const listFilter = {
  panel(board, filter) {
    const numbers = board.facets[filter.name] || {};
    const listed = filter.choices.map((choice) => choice.cell);
    const others = Object.keys(numbers).filter((cell) => !listed.includes(cell)).sort((a, b) => numbers[b] - numbers[a]);
    const choices = [...filter.choices, ...others.map((cell) => ({ address: encode(cell), cell, label: cell }))];
    const chosen = list(board.view[filter.name]);
    if (!choices.length) return h("p", { class: "pt-note" }, "Unknown for every checkpoint.");
    return choices.map(({ address, cell, label }) =>
      check(label, chosen.includes(address), numbers[cell] || 0, (on) => {
        const next = list(board.view[filter.name]).filter((value) => value !== address);
        board.change({ [filter.name]: (on ? [...next, address] : next).join(",") || undefined });
      }));
  },
  label: (board, filter) => numbered(filter.title, list(board.view[filter.name]).length),
  parameters: (filter) => [filter.name],
};

/** A number from a lowest to a highest one, with named ranges. */
const rangeFilter = {
  panel(board, filter, close) {
    const field = (name, label) =>
      h("label", { class: "pt-field" }, label,
        h("input", { type: "number", min: "0", step: "any", value: board.view[name] ?? "", name,
          onchange: (event) => board.change({ [name]: event.target.value || undefined }) }));
    const choose = (low, high) => () => {
      board.change({ [filter.low]: low ?? undefined, [filter.high]: high ?? undefined });
      close();
    };
    const ranges = Object.entries(filter.ranges).map(([name, [low, high]]) =>
      h("button", { type: "button", class: "pt-option", onclick: choose(low, high) }, name,
        h("span", { class: "pt-count" }, bounds(low, high, filter.unit))));
    const all = h("button", { type: "button", class: "pt-option", onclick: choose() }, `all ${filter.name}s, including unknown`);
    const fields = [field(filter.low, `from (${filter.unit})`), field(filter.high, `below (${filter.unit})`)];
    return [h("div", { class: "pt-fields" }, fields), ...ranges, all];
  },
  label(board, filter) {
    const [low, high] = [board.view[filter.low] ?? null, board.view[filter.high] ?? null];
    return low === null && high === null ? filter.title : `${filter.title} ${bounds(low, high, filter.unit)}`;
  },
  parameters: (filter) => [filter.low, filter.high],
};

/** Kinds of rows to leave out, and switches that show only some. */
const hideFilter = {
  panel(board, filter) {
    const numbers = board.facets[filter.name] || {};
    const boxes = filter.choices.map(({ kind, label }) =>
      check(label, hidden(board, filter).includes(kind), numbers[kind] || 0, (on) => board.change(hiding(board, filter, kind, on))));
    const only = filter.only.map(({ name, label }) =>
      check(label, board.view[name] === "true", board.facets[name]?.true || 0, (on) => board.change({ [name]: on ? "true" : undefined })));
    return [h("p", { class: "pt-note" }, "Hide these rows"), ...boxes, h("hr"), ...only];
  },
  label: (board, filter) =>
    numbered(filter.title, hidden(board, filter).length + filter.only.filter(({ name }) => board.view[name] === "true").length),
  parameters: (filter) => [filter.name, ...filter.only.map(({ name }) => name)],
};

const KINDS = { list: listFilter, range: rangeFilter, hide: hideFilter };
const numbered = (title, chosen) => (chosen ? `${title} · ${chosen}` : title);
const bounds = (low, high, unit) =>
  low === null ? `below ${high} ${unit}` : high === null ? `from ${low} ${unit}` : `${low}–${high} ${unit}`;

function hidden(board, filter) {
  const byDefault = filter.choices.filter((choice) => choice.by_default).map((choice) => choice.kind);
  return board.view[filter.name] === undefined ? byDefault : list(board.view[filter.name]);
}

/** The change of the view that hides rows of a kind or shows them again. */
function hiding(board, filter, kind, on) {
  const next = hidden(board, filter).filter((other) => other !== kind);
  return { [filter.name]: (on ? [...next, kind] : next).join(",") || "none" };
}

/** The words of the status line for a kind of rows that is left out. */
export function hiddenWord(board, kind) {
  const choices = board.about.filters.flatMap((filter) => (filter.kind === "hide" ? filter.choices : []));
  return choices.find((choice) => choice.kind === kind).word;
}

/** The label for dropping a filter that hides all rows, and the change of the view. */
export function dropping(board, blamed) {
  if (blamed === "search") return { label: "the search", change: { search: undefined } };
  const [name, kind] = blamed.split(".");
  const filter = board.about.filters.find((filter) => filter.name === name);
  if (kind) return { label: `hiding ${hiddenWord(board, kind)}`, change: hiding(board, filter, kind, false) };
  if (filter) return { label: `the ${filter.title.toLowerCase()} filter`, change: without(KINDS[filter.kind].parameters(filter)) };
  const only = board.about.filters.flatMap((filter) => filter.only || []).find((choice) => choice.name === name);
  return { label: `“${only.label.toLowerCase()}”`, change: without([name]) };
}

/** The change of the view that drops the search and every filter. */
export function droppingAll(board) {
  return without(["search", ...board.about.filters.flatMap((filter) => KINDS[filter.kind].parameters(filter))]);
}

const without = (names) => Object.fromEntries(names.map((name) => [name, undefined]));

// -- other chips --------------------------------------------------------------------------------------------------

function columnChoices(board) {
  const shown = board.shown();
  const groups = Map.groupBy ? Map.groupBy(board.about.columns, (column) => column.group) : grouped(board.about.columns);
  const presets = Object.entries(board.about.columnPresets).map(([name, keys]) =>
    h("button", { type: "button", class: "pt-option", onclick: () => board.change({ columns: keys.join(",") }) }, name));
  const boxes = [...groups].flatMap(([group, columns]) => [
    h("p", { class: "pt-note" }, group),
    ...columns.map((column) => check(column.title, shown.includes(column.key), undefined, (on) => {
      const order = board.about.columns.map((column) => column.key);
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
    check("Standard errors beside normalised scores", board.view.errors !== "false", undefined,
      (on) => board.change({ errors: on ? undefined : "false" })),
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
  const filters = board.about.filters.map((filter) => {
    const kind = KINDS[filter.kind];
    return { chip: popover(filter.title, (close) => kind.panel(board, filter, close)), label: () => kind.label(board, filter) };
  });
  const chips = [
    ...filters,
    { chip: popover("Columns", () => columnChoices(board)), label: () => "Columns" },
    { chip: popover("Scores", () => modeChoices(board)), label: () => (board.view.scores === "raw" ? "Raw scores" : "Scores") },
    { chip: popover("Export", () => exportChoices(board)), label: () => "Export" },
  ];
  const update = () => {
    for (const { chip, label } of chips) {
      chip.button.textContent = label();
      chip.refresh();
    }
  };
  return { elements: chips.map(({ chip }) => chip.wrap), update };
}
