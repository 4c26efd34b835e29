// Fetches a constant answer at every key and paints its rows: the least that a table can do that asks its server.
const body = document.querySelector("tbody");

function line(row, columns) {
  const cells = [row.rank, row.model, row.average, ...columns.map(({ key, kind }) => (kind === "score" ? row.scores[key].value : row[key]))];
  const drawn = document.createElement("tr");
  drawn.append(...cells.map((cell) => Object.assign(document.createElement("td"), { textContent: cell ?? "–" })));
  return drawn;
}

document.querySelector("input[type=search]").addEventListener("input", async ({ target }) => {
  const answer = await (await fetch(`constant.json?${encodeURIComponent(target.value)}`)).json();
  body.replaceChildren(...answer.rows.map((row) => line(row, answer.columns)));
  body.dataset.word = target.value;
});
