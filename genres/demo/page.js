// What does the page show of a track, and what moves it? It shows what is known of one file after
// another, message by message, and follows the sound.

import { fetchClip, playButton, quiet } from "./clips.js";
import { $, button, element } from "./elements.js";
import * as files from "./files.js";
import { clock, drawAxis, drawBands, drawMel, drawOverview, drawSwatch, drawTaggram, drawWave } from "./pictures.js";
import { saveCsv, saveJson, saveList, savePng } from "./saving.js";
import { asked, post } from "./server.js";
import { percent, ranked, spanText, stepAt, tagText, tagsAt, timelineOf } from "./tracks.js";
import * as view from "./view.js";

const audio = $("audio");
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const N_TAGS = 6; // that are named at a moment
const MOST_ROWS = 10; // of the picture of tags
const NOTABLE = 0.15; // what a tag has to reach somewhere to get one

let state = { most_bytes: Infinity, too_large: "" }; // of the demo
let track = null; // that is shown, as tracks.js has it
let nearestShown = null; // the span whose nearest tracks are shown
let doing = null; // what the bar is about
let hovered = null; // s, where the pointer is

const current = () => track && timelineOf(track);

// ---- What the demo says

function complain(sentence, how = "") {
  $("alert").className = how;
  $("alert").textContent = sentence;
}

// One bar for all that is done for a file, or for a model; `left` is in s.
function progress(label, share = 0, left = null) {
  $("working").hidden = label === null;
  if (label === null) return;
  if (doing !== label) $("status").textContent = label;
  doing = label;
  $("step").textContent = left === null ? label : `${label}, about ${left < 90 ? `${left} s` : `${Math.round(left / 60)} min`} left`;
  if (share) $("progress").value = share;
  else $("progress").removeAttribute("value"); // it goes on, nobody knows how far
}

async function showState() {
  state = await (await asked("/state")).json();
  $("model").textContent = state.model || "";
  $("how-to-train").textContent = state.how_to_train;
  $("training").hidden = Boolean(state.model);
  $("drop").hidden = $("examples").hidden = !state.model;
  $("limits").textContent =
    `Read are ${state.formats}; up to ${state.most_bytes / 1e6} MB and ${state.longest / 60} min a file. They stay on this machine.`;
  $("example-clips").replaceChildren(...Object.entries(state.examples).map(([name, heard]) => {
    const item = element("li");
    const run = button("Classify", `Classify ${heard}`, () => addExample(name));
    item.append(element("span", heard), playing("example", name, heard), run);
    return item;
  }));
}

const playing = (kind, name, label) => playButton(kind, name, label, { start: () => audio.pause(), fail: complain });

async function addExample(name) {
  try {
    add([await fetchClip("example", name)]);
  } catch (error) {
    complain(error.message);
  }
}

function add(chosen) {
  if (!chosen.length) return;
  if ($("examples").contains(document.activeElement)) $("examples").querySelector("summary").focus();
  $("examples").open = false;
  files.add([...chosen]);
}

async function train() {
  $("train").disabled = true;
  complain("");
  await post("/train", null, (message) => {
    if (message.refusal) complain(message.refusal);
    else if (message.step) progress(message.step, message.share, message.left);
  });
  progress(null);
  $("train").disabled = false;
  await showState();
}

// ---- One track

function hide() {
  quiet();
  audio.pause();
  if (audio.src) URL.revokeObjectURL(audio.src);
  audio.removeAttribute("src");
  $("track").hidden = true;
  track = null;
}

function show(chosen) {
  if (chosen === track) return;
  if (track) track.at = audio.currentTime;
  hide();
  track = chosen;
  audio.src = URL.createObjectURL(track.file);
  audio.currentTime = track.at;
  const { sound } = track;
  $("track").hidden = false;
  $("no-sound").hidden = true;
  $("title").textContent = `${track.name}, ${clock(sound.seconds)}`;
  $("summary").textContent = sound.silent ? "This file is silent: its genres and tags mean nothing." : "";
  $("notes").textContent = [
    sound.cancelling ? "Its channels cancel each other: the loudest alone was taken." : "",
    sound.cut_off ? "It is cut off: the rest of it is lost." : "",
  ].join(" ").trim();
  for (const id of ["spans", "nearest", "rows", "values", "tag-values", "marks"]) $(id).replaceChildren();
  for (const id of ["nearest-note", "tags-note", "window", "when"]) $(id).textContent = "";
  hideTags(true);
  for (const id of ["save-csv", "save-json", "save-png"]) $(id).disabled = true;
  for (const id of ["models", "parts"]) $(id).querySelectorAll("label").forEach((label) => label.remove());
  $("lanes").setAttribute("aria-valuemax", sound.seconds.toFixed(1));
  $("band").width = 0; // which empties it
  view.begin(sound.seconds);
  nearestShown = null;
  for (const timeline of track.timelines.values()) addTimeline(timeline);
  update(track);
}

// Show what a message has added.
function update({ tags, untagged, timeline }) {
  if (tags) writeTags(tags);
  if (untagged) $("tags-note").textContent = `No tags. ${untagged}`;
  if (timeline) addTimeline(timeline);
  draw();
  showTime();
}

function hideTags(hidden) {
  for (const part of document.querySelectorAll(".tagged")) part.hidden = hidden;
}

function writeTags(tags) {
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
}

function addTimeline(timeline) {
  addChoice("models", "model", timeline.model);
  addChoice("parts", "part", timeline.part);
  enableChoices();
  for (const id of ["save-csv", "save-json", "save-png"]) $(id).disabled = false;
  if (timeline === current()) writeTimeline();
}

function addChoice(place, kind, value) {
  if ($(place).querySelector(`input[value="${value}"]`)) return;
  const input = element("input", undefined, { type: "radio", name: kind, value });
  input.addEventListener("change", () => {
    track.chosen[kind] = value;
    enableChoices();
    writeTimeline();
    draw();
    showTime();
  });
  const label = element("label");
  label.append(input, element("span", value));
  $(place).append(label);
}

function enableChoices() {
  for (const input of document.querySelectorAll("fieldset input")) {
    input.disabled = !timelineOf(track, { ...track.chosen, [input.name]: input.value });
    input.checked = track.chosen[input.name] === input.value;
  }
}

// ---- What is written

function writeTimeline() {
  const timeline = current();
  const said = timeline.spans.map((span) => `${spanText(span)} from ${clock(span.start)}`);
  if (!track.sound.silent) {
    $("summary").textContent = said.length === 1
      ? `${spanText(timeline.spans[0])}, throughout.`
      : `${said.slice(0, 6).join("; ")}${said.length > 6 ? `; and ${said.length - 6} more changes` : ""}.`;
  }
  $("spans").replaceChildren(...timeline.spans.map((span) => {
    const item = element("li");
    const jump = button(`${clock(span.start)} – ${clock(span.end)}`, `Go to ${clock(span.start)}`, () => seek(span.start));
    item.append(jump, element("span", spanText(span)));
    return item;
  }));
  $("window").textContent = `Each step of the timeline is predicted from the ${Math.round(timeline.window)} s of sound around it, so a change is located to within a few seconds.`;
  $("rows").replaceChildren(...timeline.probabilities.map((_, step) => {
    const row = element("tr");
    const [first, second] = ranked(timeline.probabilities[step], timeline.genres);
    const when = [timeline.edges[step], timeline.edges[step + 1]].map(clock);
    const shares = [first, second].map(({ genre, share }) => `${genre} ${percent(share)}`);
    const middle = (timeline.edges[step] + timeline.edges[step + 1]) / 2;
    const tags = track.tags ? [tagsAt(track.tags, middle, 3).map(tagText).join(", ")] : [];
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
}

function showNearest() {
  const at = Math.min(audio.currentTime, track.sound.seconds - 0.1);
  const span = track.nearest?.find(({ start, end }) => start <= at && at < end);
  if (!span || span === nearestShown) return;
  nearestShown = span;
  quiet();
  $("nearest-note").textContent = span.known.length
    ? `The champion's training tracks most similar to ${clock(span.start)} – ${clock(span.end)}; 100 % is the same sound.`
    : "This model does not name its training tracks: execute notebook 11 again for one that does.";
  $("nearest").replaceChildren(...span.known.map(({ name, genre, similarity, playable }) => {
    const item = element("li");
    item.append(element("span", name), element("span", genre), element("span", percent(similarity)));
    if (playable) item.append(playing("known", name, name));
    return item;
  }));
}

// While it plays, a screen reader is told nothing unless one moves.
function showTime(moved = audio.paused) {
  const timeline = current();
  if (!track?.sound) return;
  const at = hovered ?? Math.min(audio.currentTime, track.sound.seconds);
  const share = view.placeOf(Math.min(audio.currentTime, track.sound.seconds));
  $("cursor").hidden = share < 0 || share > 1;
  $("cursor").style.left = `${100 * share}%`;
  showNearest();
  $("when").textContent = hovered === null ? `At ${clock(at)}` : `At ${clock(at)}, under the pointer`;
  if (track.tags) {
    tagsAt(track.tags, at, N_TAGS).forEach(({ name, share }, row) => {
      const [bar, tag, value] = $("tag-values").children[row].children;
      bar.style.width = `${100 * share}%`;
      tag.textContent = name;
      value.textContent = percent(share);
    });
  }
  if (!timeline) return;
  const step = stepAt(timeline.edges, at);
  track.order.forEach((genre, row) => {
    const [bar, , , value] = $("values").children[row].children;
    const probability = timeline.probabilities[step][genre];
    bar.style.width = `${100 * probability}%`;
    value.textContent = percent(probability);
  });
  if (moved) {
    const now = timeline.probabilities[stepAt(timeline.edges, audio.currentTime)];
    const best = ranked(now, timeline.genres).slice(0, 3);
    const text = best.map((entry) => `${entry.genre} ${percent(entry.share)}`).join(", ");
    $("lanes").setAttribute("aria-valuenow", audio.currentTime.toFixed(1));
    const tags = track.tags ? `; tags: ${tagsAt(track.tags, audio.currentTime, 3).map(tagText).join(", ")}` : "";
    $("lanes").setAttribute("aria-valuetext", `${clock(audio.currentTime)}: ${text}${tags}`);
  }
  [...$("spans").children].forEach((item, number) => {
    const span = timeline.spans[number];
    item.classList.toggle("now", span.start <= audio.currentTime && audio.currentTime < span.end);
  });
}

function draw() {
  if (!track?.sound || $("track").hidden) return;
  const range = view.inView();
  drawWave($("wave"), track.sound, range);
  drawMel($("mel"), track.sound, range);
  drawAxis($("axis"), range);
  if (track.tags) drawTaggram($("taggram"), track.tags, range);
  const timeline = current();
  if (!timeline) return;
  drawBands($("band"), timeline, track.order, range);
  if (!view.isWhole()) drawOverview($("overview"), timeline, track.order, range);
  const places = timeline.changes.map(view.placeOf).filter((place) => 0 <= place && place <= 1);
  $("marks").replaceChildren(...places.map((place) => {
    const mark = element("i");
    mark.style.left = `${100 * place}%`;
    return mark;
  }));
}

// ---- Moving about

function seek(seconds) {
  audio.currentTime = Math.max(0, Math.min(seconds, track.sound.seconds - 0.05));
  view.reveal(audio.currentTime);
  showTime(true);
}

function follow() {
  if (hovered === null) view.reveal(audio.currentTime);
  showTime();
  if (!audio.paused && !calm.matches) requestAnimationFrame(follow);
}

const MOVES = {
  ArrowLeft: (now) => now - 1, ArrowDown: (now) => now - 1,
  ArrowRight: (now) => now + 1, ArrowUp: (now) => now + 1,
  PageDown: (now) => now - 10, PageUp: (now) => now + 10,
  Home: () => 0, End: () => track.sound.seconds,
};

$("lanes").addEventListener("keydown", (event) => {
  if (event.key === " ") audio.paused ? audio.play().catch(() => {}) : audio.pause();
  else if (event.ctrlKey || event.metaKey || event.altKey) return;
  else if (view.zoomByKey(event.key, audio.currentTime)) showTime();
  else if (MOVES[event.key]) seek(MOVES[event.key](audio.currentTime));
  else return;
  event.preventDefault();
});
$("lanes").addEventListener("pointermove", (event) => { hovered = view.momentAt(event.clientX); showTime(); });
$("lanes").addEventListener("pointerleave", () => { hovered = null; showTime(); });
audio.addEventListener("play", () => {
  quiet();
  follow();
});
for (const name of ["timeupdate", "seeked", "pause"]) audio.addEventListener(name, () => showTime());
audio.addEventListener("error", () => { $("no-sound").hidden = false; });
view.open({ draw: () => { draw(); showTime(); }, go: seek, now: () => audio.currentTime });
new ResizeObserver(draw).observe($("lanes"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

$("save-csv").addEventListener("click", () => saveCsv(track));
$("save-json").addEventListener("click", () => saveJson(track));
$("save-png").addEventListener("click", () => savePng(track));
$("save-list").addEventListener("click", () => saveList(files.classified()));

$("file").addEventListener("change", () => {
  add($("file").files);
  $("file").value = ""; // so that the same file can be chosen again
});
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", name === "dragover");
    if (name === "drop" && !$("drop").hidden) add(event.dataTransfer.files);
  });
}
$("train").addEventListener("click", train);
files.open({ limits: () => state, show, update, hide, plays: () => !audio.paused, progress, complain });
showState().catch((error) => complain(error.message));
