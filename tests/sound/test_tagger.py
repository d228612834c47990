"""sound.tagger: the tags are those that the network's authors got, and its weights are theirs."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genres import Refusal
from genres.decoding import audio
from genres.sound import tagger, tags
from genres.synth import corpus

# Predictions of the package musicnn's own code, under TensorFlow 2.15 through its interface of
# version 1, for the patches of two built-in clips: of float32, and after its cast to float16.
THEIRS = Path(__file__).parent / "musicnn" / "taggrams.npz"
CLIPS = {"jazz": 1, "metal": 2}


@pytest.fixture(scope="module", params=CLIPS)
def spectrogram(request):
    clip = corpus.render(request.param, CLIPS[request.param])
    return request.param, tagger.log_mel(clip.samples)


def test_the_network_is_the_packages_own(spectrogram):
    genre, of_clip = spectrogram
    ours, theirs = tagger.predict(of_clip), np.load(THEIRS)
    np.testing.assert_allclose(ours.taggram, theirs[f"{genre}_float32"], rtol=0, atol=1e-4)
    assert ours.embedding.shape == (len(tagger.patches(of_clip)), 200)
    assert ours.starts[:2].tolist() == [0, tagger.STEP * tagger.HOP_LENGTH / tagger.SAMPLE_RATE]


def test_a_patch_gets_the_same_tags_alone_as_among_others(spectrogram):
    _, of_clip = spectrogram
    among_others = tagger.predict(of_clip).taggram
    for number in (0, 7, 20):
        start = number * tagger.STEP
        alone = tagger.predict(of_clip[start : start + tagger.N_FRAMES]).taggram
        np.testing.assert_allclose(alone[0], among_others[number], rtol=0, atol=1e-5)


def test_what_the_packages_cast_to_half_precision_changes_is_small(spectrogram):
    genre, _ = spectrogram
    theirs = np.load(THEIRS)
    change = np.abs(theirs[f"{genre}_float32"] - theirs[f"{genre}_float16"]).max()
    assert 1e-4 < change < 1e-3


def read_published(folder):
    """Read the taggrams that the network's authors published, by file."""
    published = {}
    for path in sorted(folder.glob("*_taggram.npz")):
        held = np.load(path)
        published |= {str(name): held["X"][held["IDS"] == name] for name in np.unique(held["IDS"])}
    return published


def test_taggrams_of_real_clips_are_those_that_were_published(real_data):
    published = read_published(real_data / "musicnn")
    correlations = []
    for path in sorted((real_data / "gtzan-mini").glob("*/*.flac")):
        theirs = published.get(f"{path.parent.name}/{path.stem}.au")
        if theirs is not None:
            samples = audio.read(path).samples[: 12 * audio.SAMPLE_RATE]  # ten of 28 patches
            ours = tagger.tag(samples).taggram
            both = theirs[: len(ours)].ravel(), ours.ravel()
            correlations.append(np.corrcoef(*both)[0, 1])
    assert len(correlations) == 44
    assert np.median(correlations) >= 0.98
    assert min(correlations) >= 0.95


@given(n_frames=st.integers(1, 1000))
def test_patches_begin_every_second_and_end_within_the_sound(n_frames):
    spectrogram = np.arange(n_frames)[:, None].repeat(2, axis=1)
    batch = tagger.patches(spectrogram)
    n = max(n_frames, tagger.N_FRAMES)
    assert batch.shape == (1 + (n - tagger.N_FRAMES) // tagger.STEP, tagger.N_FRAMES, 2)
    assert (batch[:, 0, 0] == tagger.STEP * np.arange(len(batch))).all()


def test_a_spectrogram_made_in_pieces_is_that_of_the_whole(monkeypatch):
    samples = corpus.render("disco", 3, seconds=7).samples
    whole = tagger.log_mel(samples)
    monkeypatch.setattr(tagger, "_FRAMES_AT_ONCE", 100)
    np.testing.assert_allclose(tagger.log_mel(samples), whole, atol=1e-6)


def copy_weights(folder):
    copy = folder / "weights"
    shutil.copytree(tags.find_weights(), copy)
    return copy


def test_weights_that_were_tampered_with_are_refused(tmp_path):
    copy = copy_weights(tmp_path)
    assert len(tagger.read_weights(copy)) > 60
    data = copy / ".data-00000-of-00001"
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)
    with pytest.raises(Refusal, match=r"00001 is damaged or of another version: remove it, then "):
        tagger.read_weights(copy)


def test_weights_that_are_cut_off_are_refused(tmp_path):
    copy = copy_weights(tmp_path)
    os.truncate(copy / ".index", 1000)
    with pytest.raises(Refusal, match=r"index is damaged or of another version"):
        tagger.read_weights(copy)


def test_weights_that_are_missing_are_refused(tmp_path, monkeypatch):
    with pytest.raises(Refusal, match=r"index cannot be read \(No such file or directory\)"):
        tagger.read_weights(tmp_path)
    monkeypatch.setattr(tags, "_PACKAGE", "no_such_package")
    with pytest.raises(Refusal, match=r"weights are not installed: \S*pip install .+ \(29 MB\)\.$"):
        tags.find_weights()


def test_a_folder_where_a_file_should_be_is_refused(tmp_path):
    (tmp_path / ".index").mkdir()
    with pytest.raises(Refusal, match="Is a directory"):
        tagger.read_weights(tmp_path)


# What is made of tags


def test_patches_are_told_by_their_middles():
    tagged = tagger.Tagged(np.arange(6.0)[:, None], np.arange(6.0)[:, None] * 10)
    np.testing.assert_allclose(tagged.starts, np.arange(6) * 0.976)
    np.testing.assert_allclose(tagged.middles, np.arange(6) * 0.976 + 1.5)
    for start, end, patches in (
        (0, 30, [0, 1, 2, 3, 4, 5]),
        (1.5, 3.452, [0, 1]),  # the end is not in it
        (1.51, 3.46, [1, 2]),
        (2, 2.1, [1]),  # none is in it: the next one
        (0, 1, [0]),
        (20, 30, [5]),  # or the last
    ):
        part = tagged.between(start, end)
        assert part.taggram[:, 0].tolist() == patches
        assert part.embedding[:, 0].tolist() == [10 * patch for patch in patches]


def test_the_share_of_patches_that_are_tagged_is_told(monkeypatch):
    class Output(list):
        def numpy(self):
            return np.array(self)

    class Model:
        def tag(self, batch):
            return Output(batch[:, 0, :1]), Output(batch[:, 0, 1:])

    monkeypatch.setattr(tagger, "network", Model)
    spectrogram = np.arange(187 + 29 * 61)[:, None].repeat(3, axis=1)
    shares = []
    tagged = tagger.predict(spectrogram, shares.append)
    assert shares == [14 / 30, 28 / 30, 1]
    assert tagged.taggram[:, 0].tolist() == list(range(0, 30 * 61, 61))
    assert tagged.embedding.shape == (30, 2)


def test_log_odds_end_where_no_tag_is_quite_certain():
    odds = tags.log_odds([0, 1e-6, 1e-5, 0.2, 0.5, 0.99999, 1])
    least = np.log(1e-5 / (1 - 1e-5))
    np.testing.assert_allclose(
        odds, [least, least, least, np.log(0.25), 0, -least, -least], rtol=1e-6
    )
    assert odds.dtype == np.float32
    np.testing.assert_allclose(
        tags.summary([[0.2, 0.5], [0.5, 1 / 3]]), np.log([0.5, 0.5**0.5]), rtol=1e-6
    )


def test_fifty_tags_are_known_and_some_name_genres():
    assert len(set(tags.TAGS)) == len(tags.TAGS) == 50
    assert set(tags.NAMES_OF_GENRES) < set(tags.TAGS)
    assert (tags.TAGS[0], tags.TAGS[-1]) == ("rock", "happy")
