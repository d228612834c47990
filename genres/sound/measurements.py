"""What is measured of a clip, for classifiers to read?"""

from collections.abc import Sequence
from numbers import Integral

import numpy as np
from threadpoolctl import threadpool_limits

from genres.decoding import audio
from genres.sound import features, melstore, tags, texture

SECONDS = 30
"""Length of a clip."""


class Tracks:
    """What is measured of clips: one axis of tracks, which scikit-learn can index and split.

    Parameters
    ----------
    segments : array of float32, shape (n_tracks, n_steps, 63)
        Features of a clip's segments, in time order.
    mel : array of uint8, shape (n_tracks, n_mels, n_columns), optional
        Its log-mel spectrogram, as a mel store has it.
    names : array of str, shape (n_tracks,), optional
        What the clips are called.
    tags : array of float32, shape (n_tracks, 50), optional
        What the tagger says of a clip, as `genres.sound.tags.summary` has it.

    Raises
    ------
    ValueError
        If these are not of as many tracks.
    """

    def __init__(self, segments, mel=None, names=None, tags=None):
        self.segments, self.mel, self.tags = segments, mel, tags
        self.names = None if names is None else np.asarray(names)
        lengths = [len(part) for part in self._parts() if part is not None]
        if len(set(lengths)) > 1:
            raise ValueError(f"parts of different numbers of tracks: {lengths}")

    def _parts(self):
        return self.segments, self.mel, self.names, self.tags

    def __len__(self):
        return len(self.segments)

    @property
    def shape(self):
        """The number of tracks, as the length of the only axis."""
        return (len(self),)

    def __getitem__(self, rows):
        """Give some of the tracks, by an array of places, a mask or a slice."""
        rows = rows[0] if isinstance(rows, tuple) else rows  # scikit-learn says [rows, ...]
        if rows is None or isinstance(rows, Integral):
            raise TypeError("tracks are indexed by an array of places, a mask or a slice")
        return Tracks(*(None if part is None else part[rows] for part in self._parts()))

    @classmethod
    def concatenate(cls, several):
        """Join tracks end to end."""
        parts = zip(*(tracks._parts() for tracks in several), strict=True)
        return cls(*(None if part[0] is None else np.concatenate(part) for part in parts))

    def _spectrograms(self):
        if self.mel is None:
            raise ValueError("these tracks have no mel spectrograms")
        return self.mel

    def textures(self):
        """Give what `genres.sound.texture.statistics` finds in the spectrogram of each segment.

        Returns
        -------
        dict of str to array of float32, shape (n_tracks, n_steps, n_numbers)
            By family of numbers.
        """
        mel, n_steps = self._spectrograms(), self.segments.shape[1]
        width = mel.shape[2] // n_steps
        of_steps = [
            texture.statistics(melstore.decibels(mel[:, :, at * width : (at + 1) * width]))
            for at in range(n_steps)
        ]
        return {name: np.stack([step[name] for step in of_steps], axis=1) for name in of_steps[0]}

    def paired_bands(self):
        """Average pairs of mel bands, in dB; time first, (n_tracks, n_columns, n_mels / 2)."""
        decibels = melstore.decibels(self._spectrograms())
        n_tracks, n_mels, n_columns = decibels.shape
        paired = decibels[:, : n_mels // 2 * 2]
        return paired.reshape(n_tracks, -1, 2, n_columns).mean(axis=2).transpose(0, 2, 1)


def windows(samples):
    """Cut sound into clips of 30 s.

    Parameters
    ----------
    samples : array of float32, shape (n_samples,)
        Mono, 22,050 samples per second; at least a second.

    Returns
    -------
    list of array of float32, shape (661500,)
        One clip after the other; the last one ends where the sound ends, and overlaps the one
        before. A rest of less than a second counts for nothing; what is shorter than 30 s is
        repeated until it is as long.
    """
    length = SECONDS * audio.SAMPLE_RATE
    if len(samples) < length:
        return [np.resize(samples, length)]
    n_clips = max(1, -(-(len(samples) - audio.SAMPLE_RATE) // length))
    starts = np.linspace(0, len(samples) - length, n_clips).round().astype(int)
    return [samples[start : start + length] for start in starts]


@threadpool_limits.wrap(limits=1)  # segments are so small that threads would wait for each other
def measure(clips, n_steps: int, names: Sequence[str] | None = None, *, tagged: bool = False):
    """Measure clips of 30 s.

    Parameters
    ----------
    clips : sequence of array of float32, shape (661500,)
        As `windows` cuts them.
    n_steps : int
        Segments of a clip.
    names : sequence of str, optional
        What the clips are called.
    tagged : bool, optional
        Whether to tag them, too.

    Returns
    -------
    Tracks

    Raises
    ------
    Refusal
        If they are to be tagged, and the tagger's weights are missing or damaged.
    """
    segments = [
        [
            features.course_features(segment, audio.SAMPLE_RATE)
            for segment in features.segments(clip, SECONDS / n_steps, audio.SAMPLE_RATE)
        ]
        for clip in clips
    ]
    mel = [melstore.encode(clip, audio.SAMPLE_RATE) for clip in clips]
    return Tracks(np.array(segments, np.float32), np.stack(mel), names, _tags_of(clips, tagged))


def _tags_of(clips, tagged):
    if not tagged:
        return None
    from genres.sound import tagger  # which imports TensorFlow, and that takes seconds

    return np.stack([tags.summary(tagger.tag(clip, audio.SAMPLE_RATE).taggram) for clip in clips])
