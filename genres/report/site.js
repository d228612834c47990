// What the pages do beyond being read: open all code at once, copy it, say where one is, sort a
// table, turn a map.
"use strict";

for (const button of document.querySelectorAll("button.all-code")) {
  const folded = [...document.querySelectorAll("details.code")];
  const label = () => {
    const open = folded.every((one) => one.open);
    button.textContent = open ? "Hide all code" : "Show all code";
    button.setAttribute("aria-pressed", open);
    return open;
  };
  button.hidden = folded.length === 0;
  button.addEventListener("click", () => {
    const open = !label();
    for (const one of folded) one.open = open;
    label();
  });
  for (const one of folded) one.addEventListener("toggle", label);
  label();
}

const copied = document.createElement("p");
copied.className = "copied";
copied.setAttribute("role", "status");
document.body.append(copied);

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea"); // where a page of the disk has no clipboard
  area.value = text;
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("no clipboard");
}

for (const code of document.querySelectorAll(".code > pre, .sample > pre")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  const of = code.parentNode.querySelector("summary")?.textContent;
  if (of) button.setAttribute("aria-label", `Copy: ${of}`);
  button.addEventListener("click", async () => {
    let said = "Copied";
    try {
      await copy(code.textContent);
    } catch {
      said = "Press Ctrl+C";
      getSelection().selectAllChildren(code);
    }
    button.textContent = copied.textContent = said;
    button.focus();
    clearTimeout(button.timer);
    button.timer = setTimeout(() => {
      button.textContent = "Copy";
      copied.textContent = "";
    }, 2000);
  });
  (code.parentNode.matches(".sample") ? code.parentNode : code).before(button);
}

// A link to what is folded up, or lies in it, unfolds it.
function unfoldTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const box = target?.closest("details");
  if (box) box.open = true;
}
addEventListener("hashchange", unfoldTarget);
unfoldTarget();

// The section that is read is marked among the contents.
const entries = new Map(
  [...document.querySelectorAll(".contents ul ul a")].map((a) => [a.hash.slice(1), a]),
);
const headings = [...entries.keys()].map((id) => document.getElementById(id));

function markSection() {
  const read = headings.filter((one) => one.getBoundingClientRect().top < innerHeight / 4).at(-1);
  for (const [id, entry] of entries) {
    if (id !== read?.id) {
      entry.removeAttribute("aria-current");
    } else if (!entry.hasAttribute("aria-current")) {
      entry.setAttribute("aria-current", "location");
      const box = document.querySelector(".contents");
      const { top, bottom } = entry.getBoundingClientRect();
      const frame = box.getBoundingClientRect();
      if (top < frame.top) box.scrollTop += top - frame.top - 40;
      if (bottom > frame.bottom) box.scrollTop += bottom - frame.bottom + 40;
    }
  }
}
if (headings.length) {
  addEventListener("scroll", () => requestAnimationFrame(markSection), { passive: true });
  markSection();
}

// Each column of a table sorts it: numbers by their data-value, words by the alphabet, no value last.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows].at(-1).cells;
  const number = new Intl.Collator("en", { numeric: true });
  for (const [column, head] of [...heads].entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const first = head.dataset.first ?? "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      const order = now === first ? other : first;
      const value = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
      const sign = order === "ascending" ? 1 : -1;
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        return (x === "") - (y === "") || sign * number.compare(x, y);
      });
      body.append(...rows);
      for (const one of heads) one.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", order);
    });
  }
}

function loadPlotly() {
  return new Promise((resolve, reject) => {
    if (window.Plotly) return resolve();
    const script = document.createElement("script");
    script.src = "plotly.js";
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
}

for (const map of document.querySelectorAll(".turnable")) {
  const button = map.querySelector("button");
  button.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    const figure = JSON.parse(map.querySelector("script").textContent);
    const place = document.createElement("div");
    place.className = "turning";
    try {
      await loadPlotly();
      map.prepend(place);
      const modebar = { orientation: "v", color: "#55606b", activecolor: "#0b5394", bgcolor: "#fff0" };
      const layout = { ...figure.layout, autosize: true, width: undefined, modebar };
      const options = { displaylogo: false, displayModeBar: true, responsive: true };
      await Plotly.newPlot(place, figure.data, layout, options);
      map.querySelector(".picture")?.setAttribute("hidden", "");
      button.parentNode.remove();
    } catch (error) {
      place.remove();
      button.replaceWith("This browser cannot draw maps in three dimensions.");
    }
  });
}
