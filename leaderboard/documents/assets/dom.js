// Small helpers around the DOM. Text from the server is only ever set as text: model ids and licences are user input.

/** Make an element: h("td", {class: "score", onclick: f}, "text", child, ...). */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Only http(s) addresses and paths of this site become links. */
export function safeHref(address) {
  return /^(https?:\/\/|\/(?!\/))/.test(address) ? address : "#";
}

export function ago(utc) {
  const seconds = Math.max(0, (Date.now() - Date.parse(utc)) / 1000);
  for (const [size, name] of [[86400, "day"], [3600, "hour"], [60, "minute"]]) {
    const count = Math.floor(seconds / size);
    if (count) return `${count} ${name}${count > 1 ? "s" : ""} ago`;
  }
  return "just now";
}

export const count = (number) => number.toLocaleString("en-GB");

export function debounce(call, wait) {
  let timer;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...args), wait);
  };
}

/** A button that opens a panel under it; Escape or a click elsewhere closes it. */
export function popover(label, build, attributes = {}) {
  const panel = h("div", { class: "pt-panel", hidden: true, role: "group", "aria-label": attributes.title || label });
  const button = h("button", { type: "button", class: "pt-chip", "aria-expanded": "false", ...attributes }, label);
  const wrap = h("div", { class: "pt-pop" }, button, panel);
  const close = () => {
    panel.hidden = true;
    button.setAttribute("aria-expanded", "false");
  };
  const refresh = () => panel.replaceChildren(...[build(close)].flat());
  const position = () => {
    panel.style.left = "0";
    const beyond = panel.getBoundingClientRect().right + 8 - document.documentElement.clientWidth;
    if (beyond > 0) panel.style.left = `${-beyond}px`;
  };
  button.addEventListener("click", () => {
    const opening = panel.hidden;
    if (!opening) return close();
    refresh();
    panel.hidden = false;
    position();
    button.setAttribute("aria-expanded", "true");
    panel.querySelector("input, button, select")?.focus({ preventScroll: true });
  });
  wrap.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !panel.hidden) {
      event.stopPropagation();
      close();
      button.focus();
    }
  });
  document.addEventListener("pointerdown", (event) => {
    if (!event.composedPath().includes(wrap)) close();
  });
  return { wrap, button, close, refresh: () => panel.hidden || refresh() };
}
