// Which part of a track do the pictures show, and what moves it? Wheel, pointer, fingers, keys and
// buttons; `from` and `to` are in s.

import { $ } from "./elements.js";
import { clock } from "./pictures.js";

const SHORTEST = 10; // s that are shown at least, of a track that is as long
const STEP = 2; // what a key or a button zooms by
const DRAGGED = 5; // px from which on a press is no click

const lanes = $("lanes");
const overview = $("overview");
const pressed = new Map(); // the last place of each finger or button that is down, px
let seconds = 1;
let range = { from: 0, to: 1 };
let begun = null; // where a mouse was pressed, px
let dragged = false;
let changed = () => {};

export const inView = () => range;
export const isWhole = () => range.to - range.from >= seconds - 1e-6;

// Where a moment is in the pictures: 0 is their left end, 1 their right one.
export const placeOf = (moment) => (moment - range.from) / (range.to - range.from);

const shareAt = (x, place = lanes) => {
  const box = place.getBoundingClientRect();
  return Math.max(0, Math.min(1, (x - box.left) / box.width));
};

// The moment at a place on the screen, px.
export const momentAt = (x) => range.from + shareAt(x) * (range.to - range.from);

function set(from, length) {
  const shown = Math.min(seconds, Math.max(length, Math.min(SHORTEST, seconds)));
  const start = Math.max(0, Math.min(from, seconds - shown));
  range = { from: start, to: start + shown };
  const whole = isWhole();
  $("whole").disabled = $("out").disabled = whole;
  $("in").disabled = shown <= Math.min(SHORTEST, seconds);
  overview.hidden = whole;
  $("shown").textContent = whole ? "" : `Shown: ${clock(range.from)} – ${clock(range.to)} of ${clock(seconds)}`;
}

function show(from, length) {
  set(from, length);
  changed();
}

// Let the whole of another track be shown, when it is drawn.
export function begin(length) {
  seconds = length;
  set(0, length);
}

// Show `factor` times less, with a moment staying where it is.
export function zoom(factor, around) {
  const length = Math.max(Math.min(SHORTEST, seconds), Math.min(seconds, (range.to - range.from) / factor));
  show(around - placeOf(around) * length, length);
}

// Let a moment be seen, if it is not: at the left, as what comes next is read.
export function reveal(moment) {
  const length = range.to - range.from;
  if (moment < range.from || moment > range.to) show(moment - length / 10, length);
}

const KEYS = { "+": STEP, "=": STEP, "-": 1 / STEP };

// Do what a key says, if it is about zooming; say whether it was.
export function zoomByKey(key, around) {
  if (key === "0") show(0, seconds);
  else if (KEYS[key]) zoom(KEYS[key], Math.max(range.from, Math.min(around, range.to)));
  else return false;
  return true;
}

function wheel(event) {
  if (event.ctrlKey || event.metaKey) zoom(2 ** (-event.deltaY / 200), momentAt(event.clientX));
  else if (event.deltaX && Math.abs(event.deltaX) > Math.abs(event.deltaY) && !isWhole()) moveBy(event.deltaX);
  else return;
  event.preventDefault();
}

function moveBy(pixels) {
  const length = range.to - range.from;
  show(range.from + (pixels / lanes.clientWidth) * length, length);
}

function press(event) {
  if (event.button) return;
  pressed.set(event.pointerId, event.clientX);
  begun = event.pointerType === "mouse" ? event.clientX : null;
  if (pressed.size === 1) dragged = false;
}

function move(event) {
  if (!pressed.has(event.pointerId)) return;
  const before = [...pressed.values()];
  const last = pressed.get(event.pointerId);
  if (begun !== null) {
    dragged ||= Math.abs(event.clientX - begun) >= DRAGGED;
    if (dragged) select(begun, event.clientX);
    return;
  }
  if (before.length === 1 && !dragged && Math.abs(event.clientX - last) < DRAGGED) return;
  dragged = true;
  pressed.set(event.pointerId, event.clientX);
  if (before.length === 1) moveBy(last - event.clientX);
  else pinch(before, [...pressed.values()]);
}

function pinch(before, now) {
  const between = ([one, other]) => Math.max(1, Math.abs(one - other));
  const middle = ([one, other]) => (one + other) / 2;
  const around = momentAt(middle(before));
  zoom(between(now) / between(before), around);
  moveBy(middle(before) - middle(now));
}

function select(one, other) {
  const [left, right] = [one, other].map((x) => 100 * shareAt(x)).sort((a, b) => a - b);
  $("selection").hidden = false;
  $("selection").style.left = `${left}%`;
  $("selection").style.width = `${right - left}%`;
}

function release(event) {
  if (!pressed.delete(event.pointerId)) return;
  $("selection").hidden = true;
  if (begun !== null && dragged && event.type === "pointerup") {
    const [from, to] = [begun, event.clientX].map(momentAt).sort((a, b) => a - b);
    show((from + to - Math.max(to - from, SHORTEST)) / 2, to - from);
  }
  begun = null;
}

function moveTo(event) {
  const length = range.to - range.from;
  show(shareAt(event.clientX, overview) * seconds - length / 2, length);
}

// Begin to listen. `draw` is called when another part is to be seen, `go` with a moment that was
// clicked; `now` gives the moment that plays.
export function open({ draw, go, now }) {
  changed = draw;
  lanes.addEventListener("wheel", wheel, { passive: false });
  lanes.addEventListener("pointerdown", press);
  for (const name of ["pointerup", "pointercancel"]) window.addEventListener(name, release);
  window.addEventListener("pointermove", move);
  lanes.addEventListener("click", (event) => { if (!dragged) go(momentAt(event.clientX)); });
  overview.addEventListener("pointerdown", (event) => {
    overview.setPointerCapture(event.pointerId);
    moveTo(event);
  });
  overview.addEventListener("pointermove", (event) => { if (event.buttons) moveTo(event); });
  $("in").addEventListener("click", () => zoomByKey("+", now()));
  $("out").addEventListener("click", () => zoomByKey("-", now()));
  $("whole").addEventListener("click", () => show(0, seconds));
}
