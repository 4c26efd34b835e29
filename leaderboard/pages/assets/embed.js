// The table alone, in a frame of another site: it asks the public API.
import { mount } from "./table.js";

const options = JSON.parse(document.querySelector("#options").textContent);
const rows = `${options.prefix}/api/v1/benchmarks/${encodeURIComponent(options.about.benchmark)}/rows`;

async function ask(payload) {
  const answer = await fetch(`${rows}?${new URLSearchParams(payload)}`);
  return answer.json();
}

mount(document.querySelector("#table"), { ...options, ask });
