"""Which sounds has the demo to play, besides the user's files?"""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import write_table

from genres.demo import sounds
from genres.synth import corpus


@pytest.fixture
def model(tmp_path):
    """Folder of a champion, of a run on data of three files: sound, none, and a link out of it."""
    audio = tmp_path / "data" / "gtzan-mini" / "blues"
    audio.mkdir(parents=True)
    tone = np.sin(np.arange(2 * corpus.SAMPLE_RATE) / 20)
    soundfile.write(audio / "blues.00000.wav", tone, corpus.SAMPLE_RATE)
    (audio / "blues.00002.wav").write_text("no sound")
    soundfile.write(tmp_path / "private.wav", tone, corpus.SAMPLE_RATE)
    (audio / "blues.00003.wav").symlink_to(tmp_path / "private.wav")
    write_table(tmp_path / "data" / "GenreClassData_30s.txt", 1)
    executed = tmp_path / "run" / "notebooks" / "11-champion.ipynb"
    executed.parent.mkdir(parents=True)
    parameters = {"DATA": str(tmp_path / "data")}
    executed.write_text(json.dumps({"metadata": {"papermill": {"parameters": parameters}}}))
    return tmp_path / "run" / "models" / "champion"


def test_examples_are_test_clips_of_the_corpus_and_say_what_is_to_be_heard():
    clips = {entry.name: entry for entry in corpus.entries()}
    for name, heard in sounds.examples().items():
        assert clips[name].split == "Test"
        for genre in filter(None, (clips[name].genre, clips[name].second_genre)):
            assert genre in heard.lower()
        samples, _ = soundfile.read(io.BytesIO(sounds.example(name)))
        assert len(samples) == corpus.SECONDS * corpus.SAMPLE_RATE
    with pytest.raises(KeyError):
        sounds.example("synthetic_pop_00000.wav")


def test_training_tracks_are_played_from_the_data_of_the_run_and_from_nowhere_else(model):
    known = sounds.Known(model)
    samples, _ = soundfile.read(io.BytesIO(known.wav("blues_00000.wav")))
    assert len(samples) == 2 * corpus.SAMPLE_RATE
    assert "blues_00002.wav" in known
    with pytest.raises(sounds.Refusal, match="not audio"):
        known.wav("blues_00002.wav")
    for elsewhere in (
        "blues_00003.wav",
        "../../private.wav",
        str(Path(model, "champion.json")),
        "",
    ):
        assert elsewhere not in known
        with pytest.raises(KeyError):
            known.wav(elsewhere)


def test_of_a_model_without_a_run_only_the_corpus_is_at_hand(tmp_path):
    known = sounds.Known(tmp_path / "models" / "champion")
    assert "blues_00000.wav" not in known
    samples, _ = soundfile.read(io.BytesIO(known.wav("synthetic_jazz_00007.wav")))
    assert len(samples) == corpus.SECONDS * corpus.SAMPLE_RATE
