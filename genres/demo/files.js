// Which files wait, which one is analysed, and what came of each? They take turns, in a list.

import { $, button, element } from "./elements.js";
import { abandon, post } from "./server.js";
import { learn, mostly, newTrack } from "./tracks.js";

const entries = []; // { file, track, state, said, batch, row }
let working = null; // the one that is analysed
let wanted = null; // files that came together: the first of which there is something to see is shown
let shown = null;
let page; // { limits, show, update, hide, plays, progress, complain }

// `page` shows what there is to see, and says what is wrong.
export function open(hooks) {
  page = hooks;
}

export function add(files) {
  page.complain("");
  wanted = {};
  const before = entries.length;
  for (const file of files) {
    const there = entries.find((entry) => isSame(entry.file, file) && !["refused", "stopped"].includes(entry.state));
    if (!there) entries.push(listed({ file, track: newTrack(file), state: "waiting", said: "", batch: wanted }));
    else if (there.track.sound) show(there);
    else there.batch = wanted;
  }
  const first = entries[before];
  next();
  if (first?.state === "waiting") $("status").textContent = `${first.file.name} ${first.row.said.textContent}`;
}

const isSame = (one, other) =>
  one.name === other.name && one.size === other.size && one.lastModified === other.lastModified;

function listed(entry) {
  const item = element("li");
  const name = button(entry.file.name, undefined, () => { wanted = null; show(entry); });
  const said = element("span");
  const end = button("Remove", `Remove ${entry.file.name}`, () => (entry === working ? stop() : remove(entry)));
  item.append(name, said, end);
  entry.row = { item, name, said, end };
  $("files").append(item);
  return entry;
}

// The tracks that have a timeline.
export const classified = () => entries.map(({ track }) => track).filter((track) => track.order);

function write() {
  $("list").hidden = !entries.length;
  $("save-list").hidden = classified().length < 2;
  let before = 0; // how many are
  for (const entry of entries) {
    const { file, row, state, track } = entry;
    if (state === "waiting") entry.said = before === 1 ? "waits for 1 file before it" : `waits for ${before} files before it`;
    if (state === "working") entry.said = "is being analysed";
    if (state === "done") entry.said = mostly(track);
    if (state === "waiting" || state === "working") before += 1;
    row.item.className = state;
    row.said.textContent = entry.said;
    row.name.disabled = !track.sound;
    row.name.setAttribute("aria-current", entry === shown);
    const verb = state === "working" ? "Stop" : "Remove";
    row.end.textContent = verb;
    row.end.setAttribute("aria-label", `${verb} ${file.name}`);
  }
}

function show(entry) {
  shown = entry;
  page.show(entry.track);
  write();
}

function remove(entry) {
  const at = entries.indexOf(entry);
  if (entry.state === "refused") page.complain("");
  entries.splice(at, 1);
  entry.row.item.remove();
  if (entry === shown) {
    shown = null;
    page.hide();
  }
  write();
  (entries[Math.min(at, entries.length - 1)]?.row.end || $("file")).focus();
}

function stop() {
  const { track } = working;
  abandon();
  Object.assign(working, { state: "stopped", said: [mostly(track), "stopped"].filter(Boolean).join(", ") });
  working = null;
  page.progress(null);
  next();
}

function next() {
  working ||= entries.find((entry) => entry.state === "waiting") || null;
  const turn = working?.state === "waiting" ? working : null;
  if (turn) turn.state = "working";
  write();
  if (turn) analyse(turn);
}

async function analyse(entry) {
  const { file, track } = entry;
  const refuse = (sentence) => {
    Object.assign(entry, { state: "refused", said: sentence });
    page.complain(sentence, "unseen"); // who sees has it in the list
  };
  page.progress("Sending the file", 0);
  if (file.size > page.limits().most_bytes) refuse(page.limits().too_large);
  else if (!(await isReadable(file))) refuse(`${file.name} cannot be read: is it a folder?`);
  else if (entry === working) {
    await post(`/classify?name=${encodeURIComponent(file.name)}`, file, (message) => {
      if (message.refusal) refuse(message.refusal);
      else if (message.step) page.progress(message.step, message.share, message.left);
      else take(entry, message);
    });
  }
  if (entry !== working) return; // it was stopped
  if (entry.state === "working") entry.state = "done";
  working = null;
  page.progress(null);
  next();
}

async function isReadable(file) {
  try {
    await file.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

function take(entry, message) {
  learn(entry.track, message);
  if (entry === shown) page.update(message);
  else if (message.sound && (!shown || (entry.batch === wanted && !page.plays()))) {
    wanted = null;
    show(entry);
  }
}
