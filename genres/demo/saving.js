// How is what the page shows saved, as a table, as a document and as a picture?

import { $ } from "./elements.js";
import { meansOf, timelineOf } from "./tracks.js";

const quoted = (cell) => (/[",\r\n]/.test(cell) ? `"${String(cell).replaceAll('"', '""')}"` : cell);
// Shares have four digits, and those of float32 behind them.
const tidy = (value) => (typeof value === "number" ? Math.round(1e6 * value) / 1e6 : value);
const table = (rows) => rows.map((row) => `${row.map(tidy).map(quoted).join(",")}\n`).join("");
const stem = (name) => name.replace(/\.[^.]{1,5}$/, "");

// Each step of each timeline: the genre of its span and, by their names, all probabilities.
export function saveCsv(track) {
  const timelines = [...track.timelines.values()];
  const genres = [...timelines[0].genres].sort();
  const rows = timelines.flatMap((timeline) => {
    const places = genres.map((genre) => timeline.genres.indexOf(genre));
    return timeline.probabilities.map((shares, step) => {
      const [start, end] = [timeline.edges[step], timeline.edges[step + 1]];
      const [genre] = timeline.spans.find((span) => start < span.end).genres;
      const said = [track.name, timeline.model, timeline.part, start, end, genre, shares[timeline.genres.indexOf(genre)]];
      return [...said, ...places.map((at) => shares[at])];
    });
  });
  const head = ["file", "model", "part", "start", "end", "genre", "confidence", ...genres];
  save(`${stem(track.name)}-genres.csv`, "text/csv", table([head, ...rows]));
}

// A row for each file: its mean probabilities.
export function saveList(tracks) {
  const first = (track) => track.timelines.values().next().value;
  const genres = [...first(tracks[0]).genres].sort();
  const rows = tracks.map((track) => {
    const timeline = first(track);
    const means = meansOf(timeline);
    const best = track.order[0];
    return [track.name, timeline.genres[best], means[best], ...genres.map((genre) => means[timeline.genres.indexOf(genre)])];
  });
  save("genres.csv", "text/csv", table([["file", "genre", "confidence", ...genres], ...rows]));
}

export function saveJson(track) {
  const { low, high, mel, shape, ...sound } = track.sound; // less what only draws it
  const tags = track.tags && { names: track.tags.names, edges: track.tags.edges, taggram: track.tags.taggram };
  const timelines = [...track.timelines.values()].map(({ colours, ...timeline }) => timeline);
  const document = { file: track.name, ...sound, timelines, tags, nearest: track.nearest };
  save(`${stem(track.name)}-genres.json`, "application/json", `${JSON.stringify(document, (_, value) => tidy(value))}\n`);
}

function save(name, type, content) {
  const link = Object.assign(document.createElement("a"), {
    href: URL.createObjectURL(new Blob([content], { type })), download: name,
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// What stands on the stage: the captions and pictures, the places of changes, and the genres.
export async function savePng(track) {
  const stage = $("lanes");
  const style = getComputedStyle(stage);
  const ratio = devicePixelRatio || 1;
  const [margin, head, line] = [16, 56, 20];
  const timeline = timelineOf(track);
  const width = stage.clientWidth + 2 * margin;
  const keys = [...$("values").querySelectorAll("li")];
  const columns = Math.max(1, Math.floor((width - 2 * margin) / 150));
  const height = head + stage.clientHeight + line * (Math.ceil(keys.length / columns) + 1) + margin;
  const picture = new OffscreenCanvas(width * ratio, height * ratio);
  const pen = picture.getContext("2d");
  pen.scale(ratio, ratio);
  pen.fillStyle = style.getPropertyValue("--card");
  pen.fillRect(0, 0, width, height);
  pen.fillStyle = style.color;
  const write = (text, x, y, font) => {
    pen.font = `${font} ${style.fontFamily}`;
    pen.fillText(text, x, y, width - x - margin);
  };
  write($("title").textContent, margin, 26, "600 18px");
  write(`${timeline.model}, ${timeline.part}: ${$("summary").textContent}`, margin, 46, "14px");
  const box = stage.getBoundingClientRect();
  for (const part of stage.querySelectorAll(".caption, canvas, #marks i")) {
    const place = part.getBoundingClientRect();
    if (!place.height) continue;
    const [x, y] = [place.left - box.left + margin, place.top - box.top + head];
    if (part.matches("canvas")) pen.drawImage(part, x, y, place.width, place.height);
    else if (part.matches("i")) dash(pen, x, y, place.height, style.color);
    else write([...part.childNodes].map((node) => node.textContent.trim()).filter(Boolean).join(": "), x, y + 16, "600 14px");
  }
  keys.forEach((key, number) => {
    const [x, y] = [margin + 150 * (number % columns), head + stage.clientHeight + line * (1 + Math.floor(number / columns))];
    pen.drawImage(key.querySelector("canvas"), x, y - 12, 14, 14);
    write(key.querySelector("span").textContent, x + 20, y, "14px");
  });
  save(`${stem(track.name)}-genres.png`, "image/png", await picture.convertToBlob());
}

function dash(pen, x, y, height, colour) {
  pen.save();
  pen.strokeStyle = colour;
  pen.lineWidth = 2;
  pen.setLineDash([6, 4]);
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(x, y + height);
  pen.stroke();
  pen.restore();
}
