"""Which tags does this file get, from moment to moment?"""

from typing import NamedTuple

from genres import printable
from genres.decoding import audio
from genres.demo import music
from genres.screen import spoken
from genres.sound.tags import TAGS

_N_SAID = 5  # tags in a line


class Tags(NamedTuple):
    """What the tagger says of a file: mean probabilities, the likeliest tag first; and all.

    A file is padded where it is repeated until it fills a patch of 3 s, silent where it stays below
    -80 dB, cancelling where its channels cancel each other, so that the loudest alone was taken,
    and cut off where it promises more than it holds. ``taggram`` has a row of probabilities, in the
    order of ``names``, for each second of ``starts``.
    """

    file: str
    seconds: float
    padded: bool
    silent: bool
    cancelling: bool
    cut_off: bool
    tags: dict
    names: list
    starts: list
    taggram: list

    def __str__(self):
        likeliest = list(self.tags.items())[:_N_SAID]
        said = ", ".join(f"{tag} {100 * share:.0f} %" for tag, share in likeliest)
        padded = ", padded with itself to 3 s" if self.padded else ""
        doubts = music.doubts(self)
        return printable(f"{self.file}: {said} ({spoken(self.seconds)}{padded}{doubts})")

    def document(self):
        """Give all as a dict."""
        return self._asdict()


def tag(names: list[str], *, as_json: bool = False) -> int:
    """Tag files, on standard output; what is skipped goes to standard error.

    Parameters
    ----------
    names : list of str
        As `music.find_files` has them.
    as_json : bool
        Whether to write one document, ``{"files": […], "skipped": […]}`` of `Tags` and
        `music.Skipped`, instead of a line a file.

    Returns
    -------
    int
        Exit status, as `music.describe_each` has it.

    Raises
    ------
    Refusal
        If the tagger's weights are missing, or are not those that are known.
    """
    found = music.find_files(names)
    if found.paths:
        from genres.sound import tagger  # which imports TensorFlow, and that takes seconds

        tagger.network()
    return music.describe_each(found, _tags_of, "tag", form="json" if as_json else None)


def _tags_of(path, sound, progress):
    from genres.sound import tagger

    tagged = tagger.tag(sound.samples, audio.SAMPLE_RATE, progress)
    means = zip(TAGS, map(float, tagged.taggram.mean(axis=0)), strict=True)
    seconds = len(sound.samples) / audio.SAMPLE_RATE
    return Tags(
        file=str(path),
        seconds=seconds,
        padded=seconds < tagger.SECONDS,
        silent=sound.silent,
        cancelling=sound.cancelling,
        cut_off=sound.cut_off,
        tags=dict(sorted(means, key=lambda pair: -pair[1])),
        names=list(TAGS),
        starts=tagged.starts.tolist(),
        taggram=tagged.taggram.tolist(),
    )
