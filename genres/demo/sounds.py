"""Which sounds has the demo to play, besides the user's files?

Examples, which the built-in corpus makes, and the training tracks of a champion whose sound is at
hand. Nothing else is read: a sound is asked for by its name, never by a path.
"""

import io
from contextlib import suppress
from pathlib import Path

import soundfile

from genres import Refusal, files
from genres.data import datasets, folders
from genres.decoding import audio
from genres.project import RunFolder
from genres.synth import corpus

LONGEST = 600.0
"""Seconds that a training track may last to be played."""

_EXAMPLES = (  # test clips of the corpus: no model that is trained on it knows them
    "synthetic_classical_00012.wav",
    "synthetic_disco_00059.wav",
    "synthetic_rock_00077.wav",
)


def examples() -> dict[str, str]:
    """Say what is to be heard in each example, by its name."""
    clips = _built_in()
    return {name: _heard(clips[name]).capitalize() for name in _EXAMPLES}


class Known:
    """The sound of the training tracks of a champion, as far as it is at hand.

    That is the sound of the built-in corpus, which is made when it is asked for, and of the data
    that the champion's run worked on, where they have some. A link that leads out of their folders
    is not followed.

    Parameters
    ----------
    champion : Path
        Folder of a champion, in that of a run.
    """

    def __init__(self, champion):
        self._folders = []
        self._found = dict(_built_in())
        run = RunFolder(champion.resolve().parent.parent)
        with suppress(Refusal, KeyError, TypeError):  # what is not at hand is not played
            data = folders.find(_data_of(run), offline=True)
            for folder in filter(None, (data.excerpts, data.audio)):  # rather whole than excerpts
                clips = datasets.read(folder).clips
                self._folders.append(folder.resolve())
                self._found |= {clip.name: Path(clip.path) for clip in clips}

    def __contains__(self, name):
        source = self._found.get(name)
        if isinstance(source, Path):
            return any(map(source.resolve().is_relative_to, self._folders))
        return source is not None

    def wav(self, name: str) -> bytes:
        """Give the sound of a track, as the models get it: mono, 22,050 samples per second.

        Raises
        ------
        KeyError
            If it is not at hand.
        Refusal
            If its file is not sound any more, or lasts longer than `LONGEST`.
        """
        if name not in self:
            raise KeyError(name)
        source = self._found[name]
        if isinstance(source, Path):
            return _as_wav(audio.read_whole(source, 0, LONGEST).samples)
        return _as_wav(source.render().samples)


def example(name: str) -> bytes:
    """Make the sound of an example, a WAV file.

    Raises
    ------
    KeyError
        If there is none of that name.
    """
    if name not in _EXAMPLES:
        raise KeyError(name)
    return _as_wav(_built_in()[name].render().samples)


def _built_in():
    return {entry.name: entry for entry in corpus.entries()}


def _heard(entry):
    if entry.kind == "plain":
        return entry.genre
    if entry.kind == "crossing":
        return f"the rhythm of {entry.genre} below the melody of {entry.second_genre}"
    in_turn = [entry.genre, entry.second_genre]
    if entry.change_seconds < corpus.SECONDS / 2:
        in_turn.reverse()
    return ", then ".join(in_turn)


def _data_of(run):
    """Give the data folder that a run worked on: its notebooks have it among their parameters."""
    executed = sorted(run.folder.glob("notebooks/[0-9]*.ipynb"))
    if not executed:
        raise KeyError(run.folder)
    return files.read_json(executed[0])["metadata"]["papermill"]["parameters"]["DATA"]


def _as_wav(samples):
    wav = io.BytesIO()
    soundfile.write(wav, samples, audio.SAMPLE_RATE, "PCM_16", format="WAV")
    return wav.getvalue()
