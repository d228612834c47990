// What is known of a track, and how is it said in words?

export const percent = (share) => `${Math.round(100 * share)} %`;
export const tagText = ({ name, share }) => `${name} ${percent(share)}`;
export const spanText = (span) => span.genres.map((genre, at) => `${genre} ${percent(span.shares[at])}`).join(" and ");

const key = ({ model, part }) => `${model}, ${part}`;
const byShare = (one, other) => other.share - one.share;

// Of a file of which nothing is known yet: `order` has the genres that matter most first, `chosen`
// is the timeline to show, and `at` is where it was left, in s.
export const newTrack = (file) => ({
  name: file.name, file, sound: null, tags: null, untagged: "", timelines: new Map(), order: null,
  nearest: null, chosen: { model: null, part: null }, at: 0,
});

// Add what a message of the demo says.
export function learn(track, message) {
  if (message.sound) track.sound = message.sound;
  if (message.tags) track.tags = message.tags;
  if (message.untagged) track.untagged = message.untagged;
  if (message.nearest) track.nearest = message.nearest;
  if (!message.timeline) return;
  const { timeline } = message;
  track.timelines.set(key(timeline), timeline);
  if (track.order) return;
  const means = meansOf(timeline);
  track.order = means.map((_, at) => at).sort((one, other) => means[other] - means[one]);
  track.chosen = { model: timeline.model, part: timeline.part };
}

export const timelineOf = (track, chosen = track.chosen) => track.timelines.get(key(chosen));

// The mean probability of each genre.
export function meansOf({ genres, edges, probabilities }) {
  const of = (at) => probabilities.reduce((sum, row, step) => sum + row[at] * (edges[step + 1] - edges[step]), 0);
  return genres.map((_, at) => of(at) / edges.at(-1));
}

// The step of some edges in which a moment is.
export function stepAt(edges, seconds) {
  let low = 0;
  let high = edges.length - 2;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (edges[middle] <= seconds) low = middle;
    else high = middle - 1;
  }
  return low;
}

export function ranked(shares, genres) {
  return genres.map((genre, at) => ({ genre, share: shares[at] })).sort(byShare);
}

export function tagsAt({ names, edges, taggram }, seconds, n) {
  return taggram[stepAt(edges, seconds)].map((share, at) => ({ name: names[at], share })).sort(byShare).slice(0, n);
}

// What a track is on the whole, in a few words.
export function mostly(track) {
  if (track.sound?.silent) return "silent";
  const [timeline] = track.timelines.values();
  if (!timeline) return "";
  const likeliest = ranked(meansOf(timeline), timeline.genres).slice(0, 2);
  return likeliest.filter(({ share }) => share >= 0.01).map(({ genre, share }) => `${genre} ${percent(share)}`).join(", ");
}
