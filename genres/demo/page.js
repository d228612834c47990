"use strict";

// The page of ./run_all.sh demo: it sends a file to /hear and draws what comes back, line by line.

const LABEL_HEIGHT = 17; // px that a name needs in its band
const VIRIDIS = ["440154", "472c7a", "3b518b", "2c718e", "21908d", "27ad81", "5cc863", "aadc32", "fde725"];

const $ = (id) => document.getElementById(id);
const audio = $("audio");
const calm = matchMedia("(prefers-reduced-motion: reduce)");

let limits = { most_bytes: Infinity, too_large: "" };
let request = null; // what would end the request in flight
let track = null; // { name, sound, timelines, order, nearest, nearestShown }
let chosen = { model: null, part: null };
let hovered = null; // s, where the pointer is

// ---- Small things

const percent = (share) => `${Math.round(100 * share)} %`;

function clock(seconds) {
  const whole = Math.floor(seconds + 1e-6);
  const minutes = Math.floor(whole / 60);
  return `${minutes}:${String(whole % 60).padStart(2, "0")}`;
}

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

const spanText = (span) => span.genres.map((genre, at) => `${genre} ${percent(span.shares[at])}`).join(" and ");

function current() {
  return track && track.timelines.get(`${chosen.model}, ${chosen.part}`);
}

// ---- Talking to the server

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

async function* lines(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const line of parts) yield JSON.parse(line);
  }
}

function abandon() {
  request?.abort();
  request = null;
}

async function post(address, body, receive) {
  abandon();
  const own = (request = new AbortController());
  $("alert").textContent = "";
  try {
    const response = await fetch(address, { method: "POST", body, signal: own.signal });
    if (!response.ok) throw new Error((await response.text()).trim());
    for await (const message of lines(response)) {
      if (request !== own) return;
      if (message.refusal) complain(message.refusal);
      else if (message.step) working(message.step, message.share);
      else receive(message);
    }
    if (request === own) working(null);
  } catch (error) {
    if (request !== own) return;
    const lost = error instanceof TypeError;
    complain(lost ? "The demo does not answer any more: start it again with ./run_all.sh demo." : error.message);
  }
}

async function showState() {
  const state = await (await fetch("/state")).json();
  limits = state;
  $("model").textContent = state.model || "";
  $("how-to-train").textContent = state.how_to_train;
  $("training").hidden = Boolean(state.model);
  $("drop").hidden = !state.model;
  $("limits").textContent =
    `WAV, FLAC, MP3, Ogg, AIFF or AU, up to ${state.most_bytes / 1e6} MB and ${state.longest / 60} min. It stays on this machine.`;
}

async function hear(file) {
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
  track = { name: file.name, sound: null, timelines: new Map(), order: null };
  working("Sending the file");
  post(`/hear?name=${encodeURIComponent(file.name)}`, file, receive);
}

function receive(message) {
  if (message.sound) begin(message.sound);
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
  $("summary").textContent = sound.silent ? "It is silent: what is said of it says nothing." : "";
  for (const id of ["spans", "nearest", "rows", "values", "marks"]) $(id).replaceChildren();
  for (const id of ["nearest-note", "window", "when"]) $(id).textContent = "";
  for (const id of ["models", "parts"]) $(id).querySelectorAll("label").forEach((label) => label.remove());
  chosen = { model: null, part: null };
  $("lanes").setAttribute("aria-valuemax", sound.seconds.toFixed(1));
  draw();
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
  const now = timeline.model === chosen.model && timeline.part === chosen.part;
  enableChoices();
  if (now) showTimeline();
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
  $("window").textContent = `Each step of the timeline is heard in ${Math.round(timeline.window)} s of sound around it, so a change is placed to within a few seconds.`;
  $("rows").replaceChildren(...timeline.probabilities.map((_, step) => {
    const row = element("tr");
    const [first, second] = ranked(timeline, step);
    const when = [timeline.edges[step], timeline.edges[step + 1]].map(clock);
    const shares = [first, second].map(({ genre, share }) => `${genre} ${percent(share)}`);
    row.append(...[...when, ...shares].map((text) => element("td", text)));
    return row;
  }));
  $("values").replaceChildren(...track.order.map((at) => {
    const item = element("li");
    const swatch = element("canvas", undefined, { width: 18, height: 18 });
    const context = swatch.getContext("2d");
    context.fillStyle = timeline.colours[at];
    context.fillRect(0, 0, 18, 18);
    context.fillStyle = hatch(context, track.order.indexOf(at));
    context.fillRect(0, 0, 18, 18);
    item.append(element("b"), swatch, element("span", timeline.genres[at]), element("span"));
    return item;
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
    ? `Of the tracks that the champion learnt from, those most like ${clock(span.start)} – ${clock(span.end)}; 100 % is the same sound.`
    : "This model does not keep which tracks it learnt from: ./run_all.sh --only 11 makes one that does.";
  $("nearest").replaceChildren(...span.known.map(({ name, genre, likeness }) => {
    const item = element("li");
    item.append(element("span", name), element("span", genre), element("span", percent(likeness)));
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
  if (!timeline) return;
  const step = stepAt(timeline, at);
  $("when").textContent = hovered === null ? `At ${clock(at)}` : `At ${clock(at)}, under the pointer`;
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
    $("lanes").setAttribute("aria-valuetext", `${clock(audio.currentTime)}: ${text}`);
  }
  [...$("spans").children].forEach((item, number) => {
    const span = timeline.spans[number];
    item.classList.toggle("now", span.start <= audio.currentTime && audio.currentTime < span.end);
  });
}

// ---- What is drawn

function canvas(id) {
  const place = $(id);
  const ratio = devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = place;
  place.width = Math.round(width * ratio);
  place.height = Math.round(height * ratio);
  const context = place.getContext("2d");
  context.scale(ratio, ratio);
  return { context, width, height };
}

function draw() {
  if (!track?.sound || $("track").hidden) return;
  drawWave();
  drawMel();
  drawAxis();
  drawBand();
}

function drawWave() {
  const { context, width, height } = canvas("wave");
  const { low, high } = track.sound;
  const peak = Math.max(...high, ...low.map((value) => -value), 1e-3);
  context.fillStyle = "#48566e";
  for (let x = 0; x < width; x += 1) {
    const first = Math.floor((x / width) * low.length);
    const last = Math.max(first + 1, Math.floor(((x + 1) / width) * low.length));
    const top = Math.max(...high.slice(first, last)) / peak;
    const bottom = Math.min(...low.slice(first, last)) / peak;
    context.fillRect(x, (height / 2) * (1 - top), 1, Math.max(1, (height / 2) * (top - bottom)));
  }
}

function viridis(level) {
  const place = Math.min(level * (VIRIDIS.length - 1), VIRIDIS.length - 1.001);
  const channels = (hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const [from, to] = [channels(VIRIDIS[Math.floor(place)]), channels(VIRIDIS[Math.floor(place) + 1])];
  return from.map((value, at) => value + (to[at] - value) * (place % 1));
}

function drawMel() {
  const { context, width, height } = canvas("mel");
  const [bands, columns] = track.sound.shape;
  const steps = Uint8Array.from(atob(track.sound.mel), (char) => char.charCodeAt(0));
  const colours = Array.from({ length: 256 }, (_, level) => viridis(level / 255));
  const picture = new ImageData(columns, bands);
  steps.forEach((level, at) => {
    const row = bands - 1 - Math.floor(at / columns);
    picture.data.set([...colours[level], 255], 4 * (row * columns + (at % columns)));
  });
  const small = new OffscreenCanvas(columns, bands);
  small.getContext("2d").putImageData(picture, 0, 0);
  context.drawImage(small, 0, 0, width, height);
}

function drawAxis() {
  const { context, width, height } = canvas("axis");
  const { seconds } = track.sound;
  const room = (seconds * 64) / width;
  const every = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200].find((step) => step >= room) || 1800;
  context.font = "12px system-ui, 'DejaVu Sans', sans-serif";
  context.fillStyle = "#1d2433";
  for (let at = 0; at <= seconds; at += every) {
    const x = (at / seconds) * width;
    context.fillRect(Math.min(x, width - 1), 0, 1, 5);
    context.textAlign = x < 12 ? "left" : x > width - 16 ? "right" : "center";
    context.fillText(clock(at), x, height - 6);
  }
}

// Bands differ in more than colour: every other one is hatched, each time in another way.
function hatch(context, number) {
  const tile = new OffscreenCanvas(8, 8);
  const pen = tile.getContext("2d");
  pen.strokeStyle = pen.fillStyle = "rgba(0, 0, 0, 0.22)";
  pen.lineWidth = 1.2;
  const line = (...points) => {
    pen.beginPath();
    for (let at = 0; at < points.length; at += 4) {
      pen.moveTo(points[at], points[at + 1]);
      pen.lineTo(points[at + 2], points[at + 3]);
    }
    pen.stroke();
  };
  if (number % 5 === 1) line(-2, 10, 10, -2, -2, 2, 2, -2, 6, 10, 10, 6);
  if (number % 5 === 2) pen.fillRect(3, 3, 2, 2);
  if (number % 5 === 3) line(-2, -2, 10, 10, 6, -2, 10, 2, -2, 6, 2, 10);
  if (number % 5 === 4) line(0, 4, 8, 4);
  return context.createPattern(tile, "repeat");
}

function inkOn(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 ? "#000" : "#fff";
}

function drawBand() {
  const timeline = current();
  const { context, width, height } = canvas("band");
  $("marks").replaceChildren();
  if (!timeline) return;
  const x = timeline.edges.map((edge) => (edge / track.sound.seconds) * width);
  const floor = timeline.probabilities.map(() => 0);
  track.order.forEach((genre, number) => {
    const lower = [...floor];
    timeline.probabilities.forEach((row, step) => { floor[step] += row[genre]; });
    const y = (share) => height * (1 - share);
    context.beginPath();
    floor.forEach((share, step) => {
      context.lineTo(x[step], y(share));
      context.lineTo(x[step + 1], y(share));
    });
    for (let step = lower.length - 1; step >= 0; step -= 1) {
      context.lineTo(x[step + 1], y(lower[step]));
      context.lineTo(x[step], y(lower[step]));
    }
    context.closePath();
    const colour = timeline.colours[genre];
    context.fillStyle = colour;
    context.fill();
    context.fillStyle = hatch(context, number);
    context.fill();
    context.strokeStyle = "#fff";
    context.lineWidth = 1;
    context.stroke();
    label(context, timeline.genres[genre], colour, x, lower.map(y), floor.map(y));
  });
  $("marks").replaceChildren(...timeline.changes.map((seconds) => {
    const mark = element("i");
    mark.style.left = `${(100 * seconds) / track.sound.seconds}%`;
    return mark;
  }));
}

// Write a name into its band, once in each stretch where it fits: in the middle of where the band is
// about as thick as anywhere in that stretch.
function label(context, name, colour, x, bottom, top) {
  context.font = "600 13px system-ui, 'DejaVu Sans', sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  const wide = context.measureText(name).width + 12;
  let places = [];
  const write = () => {
    const thickest = Math.max(...places.map((place) => place.thick));
    const good = places.filter((place) => place.thick >= 0.9 * thickest);
    const { left, middle } = good[good.length >> 1];
    context.fillStyle = colour;
    context.fillRect(left, middle - 9, wide, 18); // no hatching behind the letters
    context.fillStyle = inkOn(colour);
    context.fillText(name, left + wide / 2, middle);
    places = [];
  };
  for (let first = 0; first < top.length; first += 1) {
    let [last, high, low] = [first, top[first], bottom[first]];
    for (; last < top.length && x[last] < x[first] + wide; last += 1) {
      high = Math.max(high, top[last]);
      low = Math.min(low, bottom[last]);
    }
    const fits = x[first] + wide <= x[last] + 1e-6 && low - high >= LABEL_HEIGHT;
    if (fits) places.push({ left: x[first], middle: (low + high) / 2, thick: low - high });
    else if (places.length && x[first] > places.at(-1).left + wide) write();
  }
  if (places.length) write();
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
  if ($("file").files.length) hear($("file").files[0]);
  $("file").value = ""; // so that the same file can be chosen again
});
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", name === "dragover");
    if (name === "drop" && !$("drop").hidden && event.dataTransfer.files.length) hear(event.dataTransfer.files[0]);
  });
}
$("train").addEventListener("click", async () => {
  $("train").disabled = true;
  await post("/train", null, () => {});
  $("train").disabled = false;
  await showState();
});
showState().catch(() => complain("The demo does not answer: is it running?"));
