// What an audit found, a few items at a time: pairs of copies, doubtful labels, clips.
"use strict";

const audit = JSON.parse(document.getElementById("audit").textContent);
const $ = (id) => document.getElementById(id);

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const span = (text, className = "") => element("span", { className }, text);
const percent = (share) => `${(100 * share).toFixed(0)} %`;
const plural = (n, one, several = `${one}s`) => `${n.toLocaleString("en")} ${n === 1 ? one : several}`;

function clock(seconds) {
  const tenths = Math.round(10 * seconds);
  const minutes = Math.floor(tenths / 600);
  return `${minutes}:${(tenths / 10 - 60 * minutes).toFixed(1).padStart(4, "0")}`;
}

function open(id, ...children) {
  $(id).append(...children);
  $(id).closest("section").hidden = false;
}

// Sound

function player(place, start = 0, end = null) {
  const clip = audit.clips[place];
  const figure = element("figure", { className: "player" });
  const where = start >= 0.1 ? `${clip.name}, from ${clock(start)}` : clip.name;
  figure.append(element("figcaption", {}, where));
  if (!clip.path) {
    figure.append(element("p", { className: "silent" }, "Its sound is not at hand."));
    return figure;
  }
  const part = start >= 0.1 || end ? `#t=${start.toFixed(2)}${end ? `,${end.toFixed(2)}` : ""}` : "";
  const audio = element("audio", { controls: true, preload: "metadata", src: clip.path + part });
  audio.setAttribute("aria-label", where);
  audio.addEventListener("error", () => {
    const said = "Its sound is not at hand: the file is not where it was, or this browser does not play its format.";
    audio.replaceWith(element("p", { className: "silent" }, said));
  });
  audio.addEventListener("play", () => {
    for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
  });
  figure.append(audio);
  return figure;
}

const players = (...made) => element("div", { className: "players" }, ...made);

function described(place) {
  const { name, genre } = audit.clips[place];
  return name.includes(genre) ? name : `${name} (${genre})`;
}

// Long lists: only one page of them is in the document.

function pages(into, items, size, show, what) {
  let first = 0;
  const shown = element("span", { className: "quiet" });
  const turn = (text, by) => {
    const button = element("button", { type: "button" }, text);
    button.addEventListener("click", () => { first += by; draw(); into.scrollIntoView({ block: "start" }); });
    return button;
  };
  const back = turn("Back", -size), on = turn("Next", size);
  const turns = element("div", { className: "pages" }, back, on, shown);
  function draw() {
    first = Math.max(0, Math.min(first, size * Math.floor((items.length - 1) / size)));
    const last = Math.min(first + size, items.length);
    show(items.slice(first, last));
    back.disabled = first === 0;
    on.disabled = last === items.length;
    shown.textContent = items.length ? `${first + 1} to ${last} of ${plural(items.length, what)}` : "";
    turns.hidden = items.length <= size;
  }
  draw();
  return { turns, set: (others) => { items = others; first = 0; draw(); } };
}

function list(id, items, size, item, what) {
  const rows = element("ol", { className: "items" });
  const paged = pages($(id), items, size, (some) => rows.replaceChildren(...some.map(item)), what);
  open(id, rows, paged.turns);
}

// Copies, artists, labels, defects

function pair(match) {
  const { first, second, offset, overlap } = match;
  const starts = [Math.max(0, offset), Math.max(0, -offset)];
  const ends = starts.map((start) => (overlap === null ? null : start + overlap));
  const tags = match.across.map((what) => span(`across ${what}`, "tag bad"));
  const how = match.exact
    ? "equal in every sample"
    : `the same for ${overlap.toFixed(1)} s, ${percent(match.agreement)} of landmarks agree`;
  const said = element("p", {}, `${described(first)} and ${described(second)}: ${how}. `, ...tags);
  return element("li", {}, said, players(player(first, starts[0], ends[0]), player(second, starts[1], ends[1])));
}

function person({ kind, name, train, test }) {
  const said = `${plural(train, "clip")} for training, ${plural(test, "clip")} for testing`;
  return element("li", { className: "short" }, element("p", {}, span(kind, "tag"), `${name}: ${said}`));
}

function near(why, places) {
  if (!places.length) return [];
  return [element("p", { className: "quiet" }, why), players(...places.map((place) => player(place)))];
}

function doubt(entry) {
  const bars = element("div", { className: "scale" });
  for (const [genre, share, kind] of [[entry.suggested, entry.p_suggested, "bar"], [`${entry.given}, its label`, entry.p_given, "bar given"]]) {
    const track = element("div", { className: "track" }, mark(kind, 0, share));
    bars.append(span(genre), track, span(percent(share)));
  }
  const said = element("p", {}, `${audit.clips[entry.clip].name} is labelled ${entry.given}; ${entry.suggested} is more likely.`);
  const reasons = element("details", {}, element("summary", {}, "The clips that sound most like it"));
  reasons.addEventListener("toggle", () => reasons.append(
    ...near(`Of ${entry.suggested}`, entry.like_suggested),
    ...near(`Of ${entry.given}`, entry.like_given),
  ), { once: true });
  return element("li", {}, said, players(player(entry.clip), bars), reasons);
}

function defect(entry) {
  const clip = audit.clips[entry.clip];
  const parts = [element("p", {}, span(entry.defect, "tag"), `${clip.name}: ${entry.sentence}`)];
  return element("li", {}, ...parts, ...(clip.path ? [players(player(entry.clip))] : []));
}

// All clips

const HEADS = [
  ["name", "Clip"], ["genre", "Genre"], ["artist", "Artist"], ["album", "Album"], ["split", "Split"],
  ["n", "Findings"],
].filter(([key]) => key === "n" || audit.clips.some((clip) => clip[key]));
const COLUMNS = [...HEADS, ...audit.facts.flatMap((fact, at) => (fact.column ? [[at, fact.label]] : []))];

function value(clip, key) {
  if (key === "n") return clip.found.length;
  return typeof key === "number" ? (clip.facts[key] ?? null) : (clip[key] ?? "");
}

function written(fact, number) {
  if (number === null || number === undefined || number === "") return "–";
  const text = typeof number === "number" ? number.toLocaleString("en", { maximumFractionDigits: fact.digits }) : number;
  return fact.unit ? `${text} ${fact.unit}` : text;
}

function details(clip, place) {
  const facts = element("dl", { className: "facts" });
  audit.facts.forEach((fact, at) => {
    const said = written(fact, clip.facts[at]);
    if (said !== "–") facts.append(element("div", {}, element("dt", {}, fact.label), element("dd", {}, said)));
  });
  const found = clip.found.map(([, sentence]) => element("li", {}, sentence));
  const cell = element("td", { colSpan: COLUMNS.length }, element("ul", {}, ...found), players(player(place)), facts);
  return element("tr", { className: "details" }, cell);
}

function row(place) {
  const clip = audit.clips[place];
  const more = element("button", { type: "button" }, clip.name);
  more.setAttribute("aria-expanded", "false");
  const line = element("tr");
  COLUMNS.forEach(([key], at) => {
    if (at === 0) line.append(element("td", {}, more));
    else if (key === "n") line.append(element("td", {}, ...[...new Set(clip.found.map(([kind]) => kind))].map((kind) => span(kind, "tag"))));
    else if (typeof key === "number") line.append(element("td", { className: "number" }, written(audit.facts[key], clip.facts[key])));
    else line.append(element("td", {}, value(clip, key)));
  });
  more.addEventListener("click", () => {
    const isOpen = more.getAttribute("aria-expanded") === "true";
    more.setAttribute("aria-expanded", String(!isOpen));
    if (isOpen) line.nextElementSibling.remove();
    else line.after(details(clip, place));
  });
  return line;
}

function table() {
  const order = { key: "n", falling: true };
  const paged = pages($("clips"), [], 25, (some) => $("rows").replaceChildren(...some.map(row)), "clip");
  const collator = new Intl.Collator("en", { numeric: true });
  const compare = (a, b) => {
    const [one, two] = [value(audit.clips[a], order.key), value(audit.clips[b], order.key)];
    if (one === two) return a - b;
    if (one === null || one === "") return 1; // what is not known comes last, either way
    if (two === null || two === "") return -1;
    const by = typeof one === "number" ? one - two : collator.compare(one, two);
    return order.falling ? -by : by;
  };
  function draw() {
    const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    const [genre, kind] = [$("genre").value, $("finding").value];
    const places = [...audit.clips.keys()].filter((place) => {
      const clip = audit.clips[place];
      const text = [clip.name, clip.artist, clip.album, clip.title].join(" ").toLowerCase();
      return (!genre || clip.genre === genre) && words.every((word) => text.includes(word))
        && (!kind || clip.found.some(([found]) => kind === "*" || found === kind));
    });
    $("shown").textContent = `${plural(places.length, "clip")} of ${audit.clips.length.toLocaleString("en")}`;
    paged.set(places.sort(compare));
    for (const head of $("heads").children) {
      const own = head.dataset.key === String(order.key);
      if (own) head.setAttribute("aria-sort", order.falling ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
  }
  for (const [key, label] of COLUMNS) {
    const button = element("button", { type: "button" }, label);
    button.addEventListener("click", () => {
      order.falling = order.key === key ? !order.falling : key === "n";
      order.key = key;
      draw();
    });
    const head = element("th", { scope: "col", className: typeof key === "number" ? "number" : "" }, button);
    head.dataset.key = key;
    $("heads").append(head);
  }
  for (const genre of audit.genres) $("genre").append(element("option", { value: genre }, genre));
  const kinds = new Set(audit.clips.flatMap((clip) => clip.found.map(([kind]) => kind)));
  for (const kind of [...kinds].sort()) $("finding").append(element("option", { value: kind }, kind));
  $("filters").addEventListener("input", draw);
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  open("pages", paged.turns);
  draw();
}

if (audit.copies.length) {
  matrix($("matrix"));
  list("pairs", audit.copies, 5, pair, "pair");
}
if (audit.across.length) list("people", audit.across, 10, person, "name");
if (audit.labels.length) list("doubtful", audit.labels, 5, doubt, "clip");
if (audit.shortcuts?.causes.length) causes($("causes"));
if (audit.bandwidth.length) bandwidth($("bandwidth"));
if (audit.defects.length) list("defective", audit.defects, 5, defect, "defect");
table();
