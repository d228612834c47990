// What do a track and its timeline look like? Pictures on canvases, each of the part of the track
// between two moments, `from` and `to`, in s.

import { stepAt } from "./tracks.js";

const LABEL_HEIGHT = 17; // px that a name needs in its band
const NAME_HEIGHT = 20; // px of a tag's name
const STRIP_HEIGHT = 12; // and of the strip below it
const ROOM = 8; // px that a step of a timeline needs to be drawn for itself, with its outline
const FONT = "system-ui, 'DejaVu Sans', sans-serif";
const VIRIDIS = ["440154", "472c7a", "3b518b", "2c718e", "21908d", "27ad81", "5cc863", "aadc32", "fde725"];

export function clock(seconds) {
  const whole = Math.floor(seconds + 1e-6);
  const minutes = Math.floor(whole / 60);
  return `${minutes}:${String(whole % 60).padStart(2, "0")}`;
}

// Empty a canvas, and make it as fine as the screen; give the colours of text and of what is behind it.
function cleared(canvas) {
  const ratio = devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  return { context, width, height, ink: style.color, card: style.getPropertyValue("--card") };
}

export function drawWave(canvas, { low, high, seconds }, { from, to }) {
  const { context, width, height, ink } = cleared(canvas);
  const peak = Math.max(...high, ...low.map((value) => -value), 1e-3);
  context.fillStyle = ink;
  for (let x = 0; x < width; x += 1) {
    const [first, end] = [x, x + 1].map((at) => Math.floor(((from + (at / width) * (to - from)) / seconds) * low.length));
    const last = Math.max(first + 1, end);
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

const coloured = new WeakMap(); // the whole picture of each spectrogram, a pixel a value

function colour(sound) {
  const [bands, columns] = sound.shape;
  const steps = Uint8Array.from(atob(sound.mel), (char) => char.charCodeAt(0));
  const colours = Array.from({ length: 256 }, (_, level) => viridis(level / 255));
  const picture = new ImageData(columns, bands);
  steps.forEach((level, at) => {
    const row = bands - 1 - Math.floor(at / columns);
    picture.data.set([...colours[level], 255], 4 * (row * columns + (at % columns)));
  });
  const made = new OffscreenCanvas(columns, bands);
  made.getContext("2d").putImageData(picture, 0, 0);
  return made;
}

export function drawMel(canvas, sound, { from, to }) {
  const { context, width, height } = cleared(canvas);
  if (!coloured.has(sound)) coloured.set(sound, colour(sound));
  const [bands, columns] = sound.shape;
  const [left, right] = [from, to].map((at) => (at / sound.seconds) * columns);
  context.imageSmoothingQuality = "high";
  context.drawImage(coloured.get(sound), left, 0, right - left, bands, 0, 0, width, height);
}

// A row for each of some tags: its name, and below it how likely it is from moment to moment.
// Few tags ever get above 50 %, so brightness goes with the root.
export function drawTaggram(canvas, { names, edges, taggram, rows }, { from, to }) {
  canvas.style.height = `${rows.length * (NAME_HEIGHT + STRIP_HEIGHT)}px`;
  const { context, width, ink } = cleared(canvas);
  context.font = `13px ${FONT}`;
  context.textBaseline = "middle";
  rows.forEach((tag, number) => {
    const top = number * (NAME_HEIGHT + STRIP_HEIGHT);
    context.fillStyle = ink;
    context.fillText(names[tag], 0, top + NAME_HEIGHT - 9);
    let step = stepAt(edges, from);
    for (let x = 0; x < width; x += 1) {
      let share = 0; // the most of those that share this pixel
      for (;; step += 1) {
        share = Math.max(share, taggram[step][tag]);
        if (step === taggram.length - 1 || edges[step + 1] > from + ((x + 1) / width) * (to - from)) break;
      }
      context.fillStyle = `rgb(${viridis(Math.sqrt(share)).map(Math.round)})`;
      context.fillRect(x, top + NAME_HEIGHT, 1, STRIP_HEIGHT);
    }
  });
}

export function drawAxis(canvas, { from, to }) {
  const { context, width, height, ink } = cleared(canvas);
  const room = ((to - from) * 64) / width;
  const every = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200].find((step) => step >= room) || 1800;
  context.font = `12px ${FONT}`;
  context.fillStyle = ink;
  for (let at = Math.ceil(from / every) * every; at <= to; at += every) {
    const x = ((at - from) / (to - from)) * width;
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

// What of a timeline is drawn: its steps between two moments; or, where these have no room each,
// the mean probabilities of stretches that have.
export function inView({ edges, probabilities }, { from, to }, width) {
  const inside = edges.filter((edge) => from < edge && edge < to);
  const single = (inside.length + 1) * ROOM <= width;
  const n = Math.max(1, Math.floor(width / ROOM));
  const borders = single ? [from, ...inside, to] : Array.from({ length: n + 1 }, (_, at) => from + (at / n) * (to - from));
  const rows = borders.slice(1).map((end, at) => {
    const start = borders[at];
    const sum = probabilities[0].map(() => 0);
    for (let step = stepAt(edges, start); step < probabilities.length && edges[step] < end; step += 1) {
      const share = (Math.min(end, edges[step + 1]) - Math.max(start, edges[step])) / (end - start);
      probabilities[step].forEach((probability, genre) => { sum[genre] += share * probability; });
    }
    return sum;
  });
  return { single, borders, rows };
}

// The genres of `order` above each other, the first at the bottom.
export function drawBands(canvas, timeline, order, range) {
  const { context, width, height, card } = cleared(canvas);
  const { genres, colours } = timeline;
  const { single, borders, rows } = inView(timeline, range, width);
  const x = borders.map((moment) => ((moment - range.from) / (range.to - range.from)) * width);
  const y = (share) => height * (1 - share);
  const floor = rows.map(() => 0);
  order.forEach((genre, number) => {
    const lower = [...floor];
    rows.forEach((row, step) => { floor[step] += row[genre]; });
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
    fill(context, colours[genre], number);
    if (single) {
      context.strokeStyle = card;
      context.lineWidth = 1;
      context.stroke();
    }
    label(context, genres[genre], colours[genre], x, lower.map(y), floor.map(y));
  });
}

// The most probable genre of each stretch of the whole track, in a strip; what is shown, in a frame.
export function drawOverview(canvas, timeline, order, { from, to }) {
  const { context, width, height, ink, card } = cleared(canvas);
  const seconds = timeline.edges.at(-1);
  const { borders, rows } = inView(timeline, { from: 0, to: seconds }, width);
  rows.forEach((row, step) => {
    const number = order.reduce((best, genre, at) => (row[genre] > row[order[best]] ? at : best), 0);
    const [left, right] = [borders[step], borders[step + 1]].map((moment) => (moment / seconds) * width);
    context.beginPath();
    context.rect(left, 4, right - left + 0.5, height - 8);
    fill(context, timeline.colours[order[number]], number);
  });
  const [left, right] = [from, to].map((moment) => (moment / seconds) * width);
  context.globalAlpha = 0.6;
  context.fillStyle = card;
  context.fillRect(0, 0, left, height);
  context.fillRect(right, 0, width - right, height);
  context.globalAlpha = 1;
  context.strokeStyle = ink;
  context.lineWidth = 2;
  context.strokeRect(left + 1, 1, Math.max(right - left - 2, 2), height - 2);
}

export function drawSwatch(canvas, colour, number) {
  const { width, height } = canvas;
  const context = canvas.getContext("2d");
  context.rect(0, 0, width, height);
  fill(context, colour, number);
}

function fill(context, colour, number) {
  for (const style of [colour, hatch(context, number)]) {
    context.fillStyle = style;
    context.fill();
  }
}

// Write a name into its band, once in each stretch where it fits: in the middle of where the band is
// about as thick as anywhere in that stretch.
function label(context, name, colour, x, bottom, top) {
  context.font = `600 13px ${FONT}`;
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
