// Makes the board of the page live, and of the frame /embed: it asks the public API, and knows the page's first answer.
import { mount } from "./table.js";

const options = JSON.parse(document.querySelector("#options").textContent);
const rows = `${options.prefix}/api/v1/benchmarks/${encodeURIComponent(options.about.benchmark)}/rows`;

async function ask(payload) {
  const answer = await fetch(`${rows}?${new URLSearchParams(payload)}`);
  return answer.json();
}

function askNow(payload) {
  const request = new XMLHttpRequest();
  request.open("GET", `${rows}?${new URLSearchParams(payload)}`, false);
  request.send();
  return request.status === 200 ? JSON.parse(request.responseText) : null;
}

// After the rows that the server wrote are painted.
requestAnimationFrame(() => setTimeout(() => mount(document.querySelector(".board"), { ...options, ask, askNow })));
