// The pictures of an audit: a map of copies, what shortcuts give away, bandwidth by genre.
"use strict";

function matrix(into) {
  const genres = audit.genres.filter((genre) => audit.copies.some((match) => [match.first, match.second].some((place) => audit.clips[place].genre === genre)));
  const counts = new Map();
  for (const match of audit.copies) {
    const key = [match.first, match.second].map((place) => audit.clips[place].genre).sort().join("\n");
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const head = element("tr", {}, element("td"), ...genres.map((genre) => element("th", { scope: "col" }, genre)));
  const rows = genres.map((own, at) => element("tr", {},
    element("th", { scope: "row" }, own),
    ...genres.map((other, beside) => {
      if (beside > at) return element("td");
      const n = counts.get([own, other].sort().join("\n")) ?? 0;
      return element("td", { className: n ? `some${beside < at ? " across" : ""}` : "" }, n ? String(n) : "");
    })));
  const drawn = element("table", { className: "matrix" }, element("thead", {}, head), element("tbody", {}, ...rows));
  const box = element("div", { className: "scroll", tabIndex: 0, role: "group" }, drawn);
  box.setAttribute("aria-label", "Map of copies");
  into.append(element("p", { className: "quiet" }, "Pairs of copies by the genres of both clips; framed: across genres."), box);
}

function mark(className, left, right = left) {
  const made = element("div", { className });
  made.style.left = `${100 * left}%`;
  if (right > left) made.style.width = `${100 * (right - left)}%`;
  return made;
}

function axis(texts) {
  const made = element("div", { className: "axis" });
  made.setAttribute("aria-hidden", "true");
  texts.forEach((text, at) => {
    const label = span(text);
    label.style.left = `${(100 * at) / (texts.length - 1)}%`;
    made.append(label);
  });
  return made;
}

const KINDS = [
  ["recording", "Of the recording and its file, not of the music"],
  ["music too", "Of the music, too, which may explain them"],
  ["unheard", "Not in the sound, so that no classifier hears them"],
];

function causes(into) {
  into.closest("section").hidden = false;
  const scale = element("div", { className: "scale" });
  for (const [kind, meaning] of KINDS) {
    const own = audit.shortcuts.causes.filter((cause) => cause.kind === kind);
    if (own.length) scale.append(element("h4", { className: "wide" }, meaning));
    for (const { cause, accuracy, low, high, p, sentence } of own) {
      const track = element("div", { className: "track" }, mark("span", low, high), mark("point", accuracy), mark("level", audit.shortcuts.chance));
      const name = element("span", {}, element(p <= 0.05 ? "strong" : "span", {}, cause.replaceAll("_", " ")));
      scale.append(name, track, span(`${percent(accuracy)} (${percent(low)} to ${percent(high)})`, "quiet"));
      if (p <= 0.05) scale.append(span(sentence, "quiet wide"));
    }
  }
  scale.append(span(""), axis(["0 %", "50 %", "100 %"]), span(""));
  into.append(element("h3", {}, "Accuracy of each cause alone"), element("p", { className: "quiet" }, `Points with 95 % intervals; dashed: what guessing gives, ${percent(audit.shortcuts.chance)}. In bold: more than chance explains.`), scale);
}

function bandwidth(into) {
  into.closest("section").hidden = false;
  const most = 1000 * Math.ceil(Math.max(...audit.bandwidth.map(({ quantiles }) => quantiles[4])) / 1000);
  const scale = element("div", { className: "scale" });
  for (const { genre, quantiles } of audit.bandwidth) {
    const [least, low, middle, high, top] = quantiles.map((frequency) => frequency / most);
    const track = element("div", { className: "track" }, mark("span", least, top), mark("middle", low, high), mark("point", middle));
    scale.append(span(genre), track, span(`${(quantiles[2] / 1000).toFixed(1)} kHz`, "quiet"));
  }
  scale.append(span(""), axis(["0", `${most / 2000} kHz`, `${most / 1000} kHz`]), span(""));
  into.append(element("h3", {}, "Bandwidth by genre"), element("p", { className: "quiet" }, "Where the spectrum ends: median, middle half, and 5 to 95 % of the clips. A genre that ends elsewhere may have been recorded or encoded otherwise."), scale);
}
