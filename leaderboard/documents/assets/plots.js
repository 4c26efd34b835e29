// Makes a plot interactive when a reader touches it. Until then the server's drawing is shown, and plotly is not fetched.
let plotly;
const prefix = document.documentElement.dataset.root;

/** Plots take the reader's first touch, also those drawn later. */
function start() {
  const look = () => document.querySelectorAll(".plot[data-figure]:not([data-seen])").forEach(wait);
  new MutationObserver(look).observe(document, { childList: true, subtree: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.querySelectorAll(".js-plotly-plot").forEach(draw));
  look();
}

function wait(plot) {
  plot.dataset.seen = "yes";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "small-button plot-touch";
  button.textContent = "Make interactive";
  plot.append(button);
  const touched = () => {
    plot.removeEventListener("pointerenter", touched);
    button.remove();
    draw(plot);
  };
  plot.addEventListener("pointerenter", touched);
  button.addEventListener("click", touched);
}

function load() {
  plotly ??= new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = document.querySelector("[data-plotly]").dataset.plotly;
    element.onload = () => resolve(window.Plotly);
    element.onerror = () => reject(new Error("The plotting library could not be loaded."));
    document.head.append(element);
  });
  return plotly;
}

async function draw(plot) {
  try {
    const [Plotly, answer] = await Promise.all([load(), fetch(plot.dataset.figure)]);
    if (!answer.ok) throw new Error((await answer.json()).error);
    const figure = coloured(await answer.json(), colours(plot));
    narrow(figure.layout, plot.clientWidth);
    plot.replaceChildren(); // the server's drawing
    await Plotly.newPlot(plot, figure.data, figure.layout, { displayModeBar: false, responsive: true, doubleClick: false });
    plot.on("plotly_click", ({ points }) => open(points[0]?.customdata));
  } catch (error) {
    plot.append(`${error.message} The table below has the data.`);
  }
}

// A click opens the model's page, in the same benchmark. Only paths of this site are followed.
function open(path) {
  if (typeof path !== "string" || !path.startsWith("/model/")) return;
  const target = new URL(prefix + path.split("/").map(encodeURIComponent).join("/"), location.origin);
  const benchmark = new URLSearchParams(location.search).get("benchmark");
  if (benchmark) target.searchParams.set("benchmark", benchmark);
  location.assign(target);
}

/** Returns a function that resolves a colour token in the reader's theme. */
function colours(plot) {
  const probe = document.createElement("span");
  probe.hidden = true;
  plot.append(probe);
  const resolved = new Map();
  return (text) => {
    if (!resolved.has(text)) {
      probe.style.color = text;
      if (!probe.isConnected) plot.append(probe);
      resolved.set(text, getComputedStyle(probe).color);
    }
    return resolved.get(text);
  };
}

function coloured(value, colour) {
  if (typeof value === "string") return value.startsWith("var(--") ? colour(value) : value;
  if (Array.isArray(value)) return value.map((item) => coloured(item, colour));
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item, colour)]));
  return value;
}

function narrow(layout, width) {
  if (width > 560) return;
  layout.legend = { ...layout.legend, font: { size: 11 } };
  layout.font = { ...layout.font, size: 11 };
}

start();
