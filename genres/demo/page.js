// What does the page show, and what moves it? It sends a file to /classify, shows what comes back
// message by message, and follows the sound.

import { clock, drawAxis, drawBands, drawMel, drawSwatch, drawTaggram, drawWave } from "./pictures.js";
import { abandon, post } from "./server.js";

const $ = (id) => document.getElementById(id);
const audio = $("audio");
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const N_TAGS = 6; // that are named at a moment
const MOST_ROWS = 10; // of the picture of tags
const NOTABLE = 0.15; // what a tag has to reach somewhere to get one

let limits = { most_bytes: Infinity, too_large: "" };
let track = null; // { name, sound, tags, timelines, order, nearest, nearestShown }
let chosen = { model: null, part: null };
let hovered = null; // s, where the pointer is

// ---- Small things

const percent = (share) => `${Math.round(100 * share)} %`;

function element(tag, text, properties = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  if (text !== undefined) made.textContent = text;
  return made;
}

function stepAt(timeline, seconds) {
  const { edges } = timeline;
  let low = 0;
  let high = edges.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (edges[middle] <= seconds) low = middle;
    else high = middle - 1;
  }
  return low;
}

function ranked(timeline, step) {
  return timeline.probabilities[step]
    .map((share, at) => ({ genre: timeline.genres[at], share }))
    .sort((one, other) => other.share - one.share);
}

function tagsAt(seconds, n = N_TAGS) {
  const { names, edges, taggram } = track.tags;
  return taggram[stepAt({ edges }, seconds)]
    .map((share, at) => ({ name: names[at], share }))
    .sort((one, other) => other.share - one.share)
    .slice(0, n);
}

const tagText = ({ name, share }) => `${name} ${percent(share)}`;
const spanText = (span) => span.genres.map((genre, at) => `${genre} ${percent(span.shares[at])}`).join(" and ");

function current() {
  return track && track.timelines.get(`${chosen.model}, ${chosen.part}`);
}

// ---- What is sent, and what comes back

function complain(sentence) {
  $("alert").textContent = sentence;
  working(null);
}

function working(label, share = 0) {
  $("working").hidden = label === null;
  if (label === null) return;
  if ($("step").textContent !== label) {
    $("step").textContent = label;
    $("status").textContent = label;
  }
  $("progress").value = share;
}

async function request(address, body, receive) {
  $("alert").textContent = "";
  const finished = await post(address, body, (message) => {
    if (message.refusal) complain(message.refusal);
    else if (message.step) working(message.step, message.share);
    else receive(message);
  });
  if (finished) working(null);
}

async function showState() {
  const state = await (await fetch("/state")).json();
  limits = state;
  $("model").textContent = state.model || "";
  $("how-to-train").textContent = state.how_to_train;
  $("training").hidden = Boolean(state.model);
  $("drop").hidden = !state.model;
  $("limits").textContent =
    `WAV, FLAC, MP3, M4A, Ogg and most others, up to ${state.most_bytes / 1e6} MB and ${state.longest / 60} min. It stays on this machine.`;
}

async function classify(file) {
  abandon();
  if (file.size > limits.most_bytes) return complain(limits.too_large);
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    return complain(`${file.name} cannot be read: is it a folder?`);
  }
  $("track").hidden = true;
  audio.pause();
  if (audio.src) URL.revokeObjectURL(audio.src);
  audio.src = URL.createObjectURL(file);
  $("no-sound").hidden = true;
  track = { name: file.name, sound: null, tags: null, timelines: new Map(), order: null };
  working("Sending the file");
  request(`/classify?name=${encodeURIComponent(file.name)}`, file, receive);
}

function receive(message) {
  if (message.sound) begin(message.sound);
  else if (message.tags) showTags(message.tags);
  else if (message.untagged) $("tags-note").textContent = `No tags. ${message.untagged}`;
  else if (message.timeline) addTimeline(message.timeline);
  else if (message.nearest) {
    track.nearest = message.nearest;
    showNearest();
  }
}

function begin(sound) {
  track.sound = sound;
  $("track").hidden = false;
  $("title").textContent = `${track.name}, ${clock(sound.seconds)}`;
  $("summary").textContent = sound.silent ? "This file is silent: its genres and tags mean nothing." : "";
  $("notes").textContent = [
    sound.cancelling ? "Its channels cancel each other: the loudest alone was taken." : "",
    sound.cut_off ? "It is cut off: the rest of it is lost." : "",
  ].join(" ").trim();
  for (const id of ["spans", "nearest", "rows", "values", "tag-values", "marks"]) $(id).replaceChildren();
  for (const id of ["nearest-note", "tags-note", "window", "when"]) $(id).textContent = "";
  hideTags(true);
  for (const id of ["models", "parts"]) $(id).querySelectorAll("label").forEach((label) => label.remove());
  chosen = { model: null, part: null };
  $("lanes").setAttribute("aria-valuemax", sound.seconds.toFixed(1));
  $("band").width = 0; // which empties it
  draw();
}

function hideTags(hidden) {
  for (const part of document.querySelectorAll(".tagged")) part.hidden = hidden;
}

function showTags(tags) {
  track.tags = tags;
  const peaks = tags.names.map((_, at) => Math.max(...tags.taggram.map((row) => row[at])));
  const ranks = tags.names.map((_, at) => at).sort((one, other) => peaks[other] - peaks[one]);
  const notable = ranks.filter((at) => peaks[at] >= NOTABLE);
  tags.rows = (notable.length ? notable : ranks.slice(0, 3)).slice(0, MOST_ROWS);
  const which = notable.length > MOST_ROWS
    ? `the ${MOST_ROWS} that get likeliest`
    : notable.length ? `those that reach ${percent(NOTABLE)} somewhere` : `none reaches ${percent(NOTABLE)}; these come nearest`;
  $("tags-shown").textContent = `${which}; brighter is likelier`;
  $("tags-note").textContent =
    "Tags are those of musicnn, a network that was trained on 200,000 songs of the Million Song Dataset and not on these genres: fifty words that listeners use, with a probability for each three seconds. They do not exclude each other, so they do not add up to 100 %.";
  $("tag-values").replaceChildren(...Array.from({ length: N_TAGS }, () => {
    const item = element("li");
    item.append(element("b"), element("span"), element("span"));
    return item;
  }));
  hideTags(false);
  draw();
  showTime();
}

function addTimeline(timeline) {
  track.timelines.set(`${timeline.model}, ${timeline.part}`, timeline);
  addChoice("models", "model", timeline.model);
  addChoice("parts", "part", timeline.part);
  if (!track.order) {
    // The genres that matter most at the bottom, in every picture of this track.
    const sum = timeline.genres.map((_, at) => timeline.probabilities.reduce((all, row) => all + row[at], 0));
    track.order = timeline.genres.map((_, at) => at).sort((one, other) => sum[other] - sum[one]);
    chosen = { model: timeline.model, part: timeline.part };
  }
  enableChoices();
  if (timeline === current()) showTimeline();
}

function addChoice(place, kind, value) {
  if ($(place).querySelector(`input[value="${value}"]`)) return;
  const input = element("input", undefined, { type: "radio", name: kind, value });
  input.addEventListener("change", () => {
    chosen[kind] = value;
    enableChoices();
    showTimeline();
  });
  const label = element("label");
  label.append(input, element("span", value));
  $(place).append(label);
}

function enableChoices() {
  for (const input of document.querySelectorAll("fieldset input")) {
    const would = { ...chosen, [input.name]: input.value };
    input.disabled = !track.timelines.has(`${would.model}, ${would.part}`);
    input.checked = chosen[input.name] === input.value;
  }
}

// ---- What is written

function showTimeline() {
  const timeline = current();
  if (!timeline) return;
  const said = timeline.spans.map((span) => `${spanText(span)} from ${clock(span.start)}`);
  if (!track.sound.silent) {
    $("summary").textContent = said.length === 1
      ? `${spanText(timeline.spans[0])}, throughout.`
      : `${said.slice(0, 6).join("; ")}${said.length > 6 ? `; and ${said.length - 6} more changes` : ""}.`;
  }
  $("spans").replaceChildren(...timeline.spans.map((span) => {
    const item = element("li");
    const jump = element("button", `${clock(span.start)} – ${clock(span.end)}`, { type: "button" });
    jump.setAttribute("aria-label", `Go to ${clock(span.start)}`);
    jump.addEventListener("click", () => seek(span.start));
    item.append(jump, element("span", spanText(span)));
    return item;
  }));
  $("window").textContent = `Each step of the timeline is predicted from the ${Math.round(timeline.window)} s of sound around it, so a change is located to within a few seconds.`;
  $("rows").replaceChildren(...timeline.probabilities.map((_, step) => {
    const row = element("tr");
    const [first, second] = ranked(timeline, step);
    const when = [timeline.edges[step], timeline.edges[step + 1]].map(clock);
    const shares = [first, second].map(({ genre, share }) => `${genre} ${percent(share)}`);
    const middle = (timeline.edges[step] + timeline.edges[step + 1]) / 2;
    const tags = track.tags ? [tagsAt(middle, 3).map(tagText).join(", ")] : [];
    row.append(...[...when, ...shares, ...tags].map((text) => element("td", text)));
    return row;
  }));
  $("values").replaceChildren(...track.order.map((at, number) => {
    const item = element("li");
    const swatch = element("canvas", undefined, { width: 18, height: 18 });
    drawSwatch(swatch, timeline.colours[at], number);
    item.append(element("b"), swatch, element("span", timeline.genres[at]), element("span"));
    return item;
  }));
  $("marks").replaceChildren(...timeline.changes.map((seconds) => {
    const mark = element("i");
    mark.style.left = `${(100 * seconds) / track.sound.seconds}%`;
    return mark;
  }));
  draw();
  showTime();
}

function showNearest() {
  const at = Math.min(audio.currentTime, track.sound.seconds - 0.1);
  const span = track.nearest?.find(({ start, end }) => start <= at && at < end);
  if (!span || span === track.nearestShown) return;
  track.nearestShown = span;
  $("nearest-note").textContent = span.known.length
    ? `The champion's training tracks most similar to ${clock(span.start)} – ${clock(span.end)}; 100 % is the same sound.`
    : "This model does not name its training tracks: execute notebook 11 again for one that does.";
  $("nearest").replaceChildren(...span.known.map(({ name, genre, similarity }) => {
    const item = element("li");
    item.append(element("span", name), element("span", genre), element("span", percent(similarity)));
    return item;
  }));
}

// While it plays, a screen reader is told nothing unless one moves.
function showTime(moved = audio.paused) {
  const timeline = current();
  if (!track?.sound) return;
  const at = hovered ?? Math.min(audio.currentTime, track.sound.seconds);
  const share = Math.min(audio.currentTime / track.sound.seconds, 1);
  $("cursor").style.left = `${100 * share}%`;
  showNearest();
  $("when").textContent = hovered === null ? `At ${clock(at)}` : `At ${clock(at)}, under the pointer`;
  if (track.tags) {
    tagsAt(at).forEach(({ name, share }, row) => {
      const [bar, tag, value] = $("tag-values").children[row].children;
      bar.style.width = `${100 * share}%`;
      tag.textContent = name;
      value.textContent = percent(share);
    });
  }
  if (!timeline) return;
  const step = stepAt(timeline, at);
  track.order.forEach((genre, row) => {
    const [bar, , , value] = $("values").children[row].children;
    const probability = timeline.probabilities[step][genre];
    bar.style.width = `${100 * probability}%`;
    value.textContent = percent(probability);
  });
  if (moved) {
    const best = ranked(timeline, stepAt(timeline, audio.currentTime)).slice(0, 3);
    const text = best.map((entry) => `${entry.genre} ${percent(entry.share)}`).join(", ");
    $("lanes").setAttribute("aria-valuenow", audio.currentTime.toFixed(1));
    const tags = track.tags ? `; tags: ${tagsAt(audio.currentTime, 3).map(tagText).join(", ")}` : "";
    $("lanes").setAttribute("aria-valuetext", `${clock(audio.currentTime)}: ${text}${tags}`);
  }
  [...$("spans").children].forEach((item, number) => {
    const span = timeline.spans[number];
    item.classList.toggle("now", span.start <= audio.currentTime && audio.currentTime < span.end);
  });
}

function draw() {
  if (!track?.sound || $("track").hidden) return;
  drawWave($("wave"), track.sound);
  drawMel($("mel"), track.sound);
  drawAxis($("axis"), track.sound.seconds);
  const timeline = current();
  if (timeline) drawBands($("band"), timeline, track.order);
  if (track.tags) drawTaggram($("taggram"), track.tags);
}

// ---- Moving about

function seek(seconds) {
  audio.currentTime = Math.max(0, Math.min(seconds, track.sound.seconds - 0.05));
  showTime(true);
}

function follow() {
  showTime();
  if (!audio.paused && !calm.matches) requestAnimationFrame(follow);
}

function pointed(event) {
  const box = $("lanes").getBoundingClientRect();
  return Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) * track.sound.seconds;
}

const MOVES = {
  ArrowLeft: (now) => now - 1, ArrowDown: (now) => now - 1,
  ArrowRight: (now) => now + 1, ArrowUp: (now) => now + 1,
  PageDown: (now) => now - 10, PageUp: (now) => now + 10,
  Home: () => 0, End: () => track.sound.seconds,
};

$("lanes").addEventListener("keydown", (event) => {
  if (event.key === " ") audio.paused ? audio.play().catch(() => {}) : audio.pause();
  else if (MOVES[event.key]) seek(MOVES[event.key](audio.currentTime));
  else return;
  event.preventDefault();
});
$("lanes").addEventListener("click", (event) => seek(pointed(event)));
$("lanes").addEventListener("pointermove", (event) => { hovered = pointed(event); showTime(); });
$("lanes").addEventListener("pointerleave", () => { hovered = null; showTime(); });
audio.addEventListener("play", follow);
for (const name of ["timeupdate", "seeked", "pause"]) audio.addEventListener(name, () => showTime());
audio.addEventListener("error", () => { $("no-sound").hidden = false; });
new ResizeObserver(draw).observe($("lanes"));

$("file").addEventListener("change", () => {
  if ($("file").files.length) classify($("file").files[0]);
  $("file").value = ""; // so that the same file can be chosen again
});
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", name === "dragover");
    if (name === "drop" && !$("drop").hidden && event.dataTransfer.files.length) classify(event.dataTransfer.files[0]);
  });
}
$("train").addEventListener("click", async () => {
  $("train").disabled = true;
  await request("/train", null, () => {});
  $("train").disabled = false;
  await showState();
});
showState().catch(() => complain("The demo does not respond: is it running?"));
