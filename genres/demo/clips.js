// Which sounds does the demo have to play, besides the user's files? One at a time.

import { button } from "./elements.js";
import { asked } from "./server.js";

const player = new Audio();
let playing = null; // { button, label } of the clip that plays or is fetched

export async function fetchClip(kind, name) {
  const response = await asked(`/sound/${kind}?name=${encodeURIComponent(name)}`);
  return new File([await response.blob()], name, { type: "audio/wav", lastModified: 0 });
}

export function quiet() {
  if (!playing) return;
  player.pause();
  URL.revokeObjectURL(player.src);
  show(playing, false);
  playing = null;
}

// A button that plays a clip, and stops it. `start` is called before it plays, `fail` with what is wrong.
export function playButton(kind, name, label, { start, fail }) {
  const made = button("Play", `Play ${label}`, async () => {
    const again = playing?.button === made;
    quiet();
    if (again) return;
    const own = (playing = { button: made, label });
    show(own, true);
    try {
      const clip = await fetchClip(kind, name);
      if (playing !== own) return;
      start();
      player.src = URL.createObjectURL(clip);
      await player.play();
    } catch (error) {
      if (playing !== own) return;
      quiet();
      fail(error.message);
    }
  });
  return made;
}

function show({ button: shown, label }, plays) {
  shown.textContent = plays ? "Stop" : "Play";
  shown.setAttribute("aria-label", `${plays ? "Stop" : "Play"} ${label}`);
}

player.addEventListener("ended", quiet);
