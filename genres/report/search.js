// Search over all pages. The index is a script, which a page opened from the disk can load as well.
"use strict";

const search = document.querySelector("form.search");
const field = search.querySelector("input");
const panel = search.querySelector(".found");
const told = panel.querySelector("[role=status]");
const hits = document.getElementById("hits");
const MOST = 30;
let index = null; // sections: where each is, and its texts
let cameFrom = null; // what had the focus before "/"
let showing = null; // a promise, until what is typed was looked up

function receiveIndex(pages) {
  index = pages.flatMap(([page, title, sections]) =>
    sections.map(([anchor, heading, text, code]) => ({
      page, anchor, title, text, code,
      heading: heading || title,
      folded: [heading, title, text, code].map(fold),
    })),
  );
}

function loadIndex() {
  loadIndex.begun ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = "search-index.js";
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
  return loadIndex.begun;
}

// Without accents and capitals; each character stays where it was.
function fold(text) {
  const plain = (character) => character.normalize("NFD")[0].toLowerCase()[0];
  return text.replace(/[^\x00-\x7f]/g, plain).toLowerCase();
}

// "knn" finds "k-NN", and "cross-validation" finds "cross validation".
function pattern(word) {
  const parts = [...word].map((one) =>
    /[-‐-–]/.test(one) ? "" : one.replace(/[.*+?^${}()|[\]\\\/]/g, "\\$&"),
  );
  return new RegExp(parts.join(/[-‐-–]/.test(word) ? "[-‐-–\\s]?" : "[-‐-–]?"), "gu");
}

function patterns(query) {
  const words = fold(query.normalize("NFC")).split(/\s+/).filter((word) => /[\p{L}\p{N}]/u.test(word));
  return words.map(pattern);
}

function starts(text, at) {
  return at === 0 || !/[\p{L}\p{N}]/u.test(text[at - 1]);
}

// How well a section fits; 0 if one of the words is missing.
function score(section, wanted) {
  let total = 0;
  let own = false; // whether a word is in the section itself, not only in its page's title
  for (const word of wanted) {
    let best = 0;
    [12, 4, 3, 1].forEach((weight, part) => {
      const text = section.folded[part];
      let n = 0;
      let whole = 0;
      for (const match of text.matchAll(word)) {
        n += 1;
        whole += starts(text, match.index);
        if (n === 20) break;
      }
      if (!n) return;
      own ||= part !== 1 || section.anchor === "";
      best += (whole ? weight : weight / 4) * (1 + Math.log(1 + whole) / 4);
    });
    if (!best) return 0;
    total += best;
  }
  return own ? total : 0;
}

function lookUp(query) {
  const wanted = patterns(query);
  if (!wanted.length) return null;
  return index
    .map((section) => ({ section, wanted, score: score(section, wanted) }))
    .filter((one) => one.score > 0)
    .sort((one, other) => other.score - one.score);
}

// Append a text in which the words that were searched are marked.
function appendMarked(place, text, wanted) {
  const folded = fold(text);
  const spans = wanted
    .flatMap((word) => [...folded.matchAll(word)].map((m) => [m.index, m.index + m[0].length]))
    .sort((one, other) => one[0] - other[0]);
  let at = 0;
  for (const [from, to] of spans) {
    if (from < at) continue;
    const mark = document.createElement("mark");
    mark.textContent = text.slice(from, to);
    place.append(text.slice(at, from), mark);
    at = to;
  }
  place.append(text.slice(at));
}

// Some words around the place where most of those searched are near each other.
function snippet({ text, code }, wanted) {
  const counts = (one) => wanted.filter((word) => fold(one).search(word) >= 0).length;
  const source = counts(code) > counts(text) ? code : text || code;
  const folded = fold(source);
  const places = wanted.flatMap((word, of) => [...folded.matchAll(word)].map((m) => [m.index, of]));
  const near = (at) => new Set(places.filter(([p]) => p >= at && p < at + 140).map(([, of]) => of)).size;
  let best = 0;
  let most = 0;
  for (const [at] of places.slice(0, 200)) {
    if (near(at) > most) [best, most] = [at, near(at)];
  }
  let from = Math.max(0, best - 50);
  if (from > 0) from = source.indexOf(" ", from) + 1;
  if (from > best) from = best;
  const cut = source.slice(from, from + 180);
  const to = from + 180 < source.length ? Math.max(cut.lastIndexOf(" "), 100) : cut.length;
  return (from > 0 ? "… " : "") + cut.slice(0, to) + (to < cut.length ? " …" : "");
}

function line(kind, text, wanted) {
  const made = document.createElement("span");
  made.className = kind;
  appendMarked(made, text, wanted);
  return made;
}

function option({ section, wanted }, number) {
  const link = document.createElement("a");
  link.setAttribute("role", "option");
  link.setAttribute("aria-selected", "false");
  link.id = `hit-${number}`;
  link.tabIndex = -1;
  const asked = encodeURIComponent(field.value.trim());
  link.href = `${section.page}.html?q=${asked}${section.anchor && `#${section.anchor}`}`;
  link.append(line("heading", section.heading, wanted));
  if (section.heading !== section.title) link.append(line("where", section.title, wanted));
  link.append(line("snippet", snippet(section, wanted), wanted));
  return link;
}

function choose(link) {
  for (const other of hits.children) other.setAttribute("aria-selected", other === link);
  if (link) {
    field.setAttribute("aria-activedescendant", link.id);
    link.scrollIntoView({ block: "nearest" });
  } else {
    field.removeAttribute("aria-activedescendant");
  }
}

function unfold(isOpen) {
  panel.hidden = !isOpen;
  field.setAttribute("aria-expanded", isOpen && hits.children.length > 0);
  if (!isOpen) choose(null);
}

async function show() {
  try {
    await loadIndex();
  } catch {
    told.textContent = "The index of this report, search-index.js, cannot be read.";
    return unfold(true);
  }
  const found = lookUp(field.value);
  hits.replaceChildren(...(found ?? []).slice(0, MOST).map(option));
  choose(null);
  if (found) {
    const n = found.length;
    const said = n === 1 ? "One section" : `${n || "No"} sections`;
    const all = patterns(field.value).length > 1 ? "all these words" : "this word";
    const shown = n > MOST ? `; the best ${MOST} are shown` : "";
    told.textContent = `${said} with ${all}${shown}.`;
  }
  unfold(found !== null);
}

const MOVES = {
  ArrowDown: (at, last) => (at < last ? at + 1 : 0),
  ArrowUp: (at, last) => (at > 0 ? at - 1 : last),
  PageDown: (at, last) => Math.min(at + 5, last),
  PageUp: (at) => Math.max(at - 5, 0),
};

if (matchMedia("(min-width: 40rem) and (any-pointer: fine)").matches) field.placeholder += ": press /";
search.hidden = false;
field.addEventListener("input", () => (showing = show()));
field.addEventListener("focus", () => {
  loadIndex().catch(() => {}); // that it cannot be read is said when something is searched
  if (field.value) showing = show();
});
search.addEventListener("focusout", (event) => {
  if (!search.contains(event.relatedTarget)) unfold(false);
});
search.addEventListener("submit", (event) => event.preventDefault());
field.addEventListener("keydown", async (event) => {
  if (event.isComposing) return;
  const chosen = () => [...hits.children].findIndex((one) => one.ariaSelected === "true");
  if (event.key in MOVES && hits.children.length && !panel.hidden) {
    event.preventDefault();
    choose(hits.children[MOVES[event.key](chosen(), hits.children.length - 1)]);
  } else if (event.key === "Enter") {
    event.preventDefault();
    await showing;
    hits.children[Math.max(chosen(), 0)]?.click();
  } else if (event.key === "Escape") {
    event.preventDefault();
    field.value = "";
    hits.replaceChildren();
    unfold(false);
    if (cameFrom) cameFrom.focus({ preventScroll: true });
    else field.blur();
    cameFrom = null;
  }
});

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || event.ctrlKey || event.altKey || event.metaKey || typing) return;
  event.preventDefault();
  cameFrom = event.target === document.body ? null : event.target;
  field.focus();
  field.select();
});

// On a page that was found: mark the words, and unfold what holds them in the section found.
function markFound() {
  const wanted = patterns(new URLSearchParams(location.search).get("q") ?? "");
  if (!wanted.length) return;
  const ranges = [];
  const folded = new Set(); // boxes with a word, in the section that was found
  let isInSight = false; // whether that section has one outside of them
  const target = decodeURIComponent(location.hash.slice(1));
  let section = "";
  const walker = document.createTreeWalker(
    document.getElementById("text"), NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT,
  );
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.nodeType === Node.ELEMENT_NODE) {
      if (node.id && node.matches("h2, h3, details")) section = node.id;
      continue;
    }
    if (node.parentNode.closest("script, style, .anchor, button, .traceback")) continue;
    const text = fold(node.data);
    for (const match of wanted.flatMap((word) => [...text.matchAll(word)])) {
      const range = new Range();
      range.setStart(node, match.index);
      range.setEnd(node, match.index + match[0].length);
      ranges.push(range);
      const box = node.parentNode.closest("details");
      if (box && section === target) folded.add(box);
      else isInSight ||= section === target && !node.parentNode.closest("h1, h2, h3");
    }
  }
  if (!isInSight) for (const box of folded) box.open = true;
  if (window.Highlight) CSS.highlights.set("found", new Highlight(...ranges));
  document.getElementById(target)?.scrollIntoView();
}

markFound();
