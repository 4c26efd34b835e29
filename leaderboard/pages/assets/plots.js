// Draws every `.plot[data-figure]` of the page with plotly, which is fetched once, from this site, when there is one.
let plotly;
let prefix = "";
let script = "";

/** Draw all plots of the page, also those added later; `name` is plotly's file among our assets. */
export function start(root, name) {
  prefix = root;
  script = `${root}/podium-assets/${name}`;
  const look = () => document.querySelectorAll(".plot[data-figure]:not([data-seen])").forEach(whenNear);
  new MutationObserver(look).observe(document, { childList: true, subtree: true });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.querySelectorAll(".plot[data-seen]").forEach(draw));
  look();
}

const near = new IntersectionObserver((entries) => {
  entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
    near.unobserve(entry.target);
    draw(entry.target);
  });
}, { rootMargin: "400px" });

function whenNear(plot) {
  plot.dataset.seen = "yes";
  near.observe(plot);
}

function load() {
  plotly ??= new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = script;
    element.onload = () => resolve(window.Plotly);
    element.onerror = () => reject(new Error("The plotting library could not be loaded."));
    document.head.append(element);
  });
  return plotly;
}

async function draw(plot) {
  try {
    const [Plotly, answer] = await Promise.all([load(), fetch(prefix + plot.dataset.figure)]);
    if (!answer.ok) throw new Error((await answer.json()).error);
    const figure = coloured(await answer.json(), colours(plot));
    narrow(figure.layout, plot.clientWidth);
    plot.replaceChildren();
    await Plotly.newPlot(plot, figure.data, figure.layout, { displayModeBar: false, responsive: true, doubleClick: false });
    plot.on("plotly_click", ({ points }) => open(points[0]?.customdata));
  } catch (error) {
    plot.textContent = `${error.message} The table below has the data.`;
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
