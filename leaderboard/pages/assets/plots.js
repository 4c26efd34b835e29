// Draws every `.plot[data-figure]` of the page with plotly, which is fetched once, from this site, when there is one.
let plotly;
let prefix = "";
let script = "";

/** Draw what is there and what comes; `name` is plotly's file among our assets. */
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

function whenNear(place) {
  place.dataset.seen = "yes";
  near.observe(place);
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

async function draw(place) {
  try {
    const [Plotly, answer] = await Promise.all([load(), fetch(prefix + place.dataset.figure)]);
    if (!answer.ok) throw new Error((await answer.json()).error);
    const figure = coloured(await answer.json(), colours(place));
    narrow(figure.layout, place.clientWidth);
    place.replaceChildren();
    await Plotly.newPlot(place, figure.data, figure.layout, { displayModeBar: false, responsive: true, doubleClick: false });
    place.on("plotly_click", ({ points }) => open(points[0]?.customdata));
  } catch (error) {
    place.textContent = `${error.message} The table below has the data.`;
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

/** What a colour token is in the reader's theme. */
function colours(place) {
  const probe = document.createElement("span");
  probe.hidden = true;
  place.append(probe);
  const known = new Map();
  return (text) => {
    if (!known.has(text)) {
      probe.style.color = text;
      if (!probe.isConnected) place.append(probe);
      known.set(text, getComputedStyle(probe).color);
    }
    return known.get(text);
  };
}

function coloured(value, colour) {
  if (typeof value === "string") return value.startsWith("var(--") ? colour(value) : value;
  if (Array.isArray(value)) return value.map((one) => coloured(one, colour));
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, coloured(one, colour)]));
  return value;
}

function narrow(layout, width) {
  if (width > 560) return;
  layout.legend = { ...layout.legend, font: { size: 11 } };
  layout.font = { ...layout.font, size: 11 };
}
