"""data.taggrams: what the tagger said is read, or refused where it is unsound."""

import shutil
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genres import Refusal, files
from genres.data import folders, taggrams
from genres.run import runner
from genres.sound.tags import TAGS

NAMES = ["blues_00000.wav", "a b,'ü'.mp3", "pop_00001.wav"]
PUBLISHED = "{}_data_GTZAN_MSDmusicnn_taggram.npz"


def random(*shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).uniform(size=shape).astype(dtype)


@pytest.fixture
def made():
    """Arrays of a sound file."""
    return {
        "names": np.array(NAMES),
        "taggrams": random(3, 2, len(TAGS)),
        "embeddings": random(3, 2, taggrams.N_UNITS, dtype=np.float16),
    }


def save(path, arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)
    return path


def published(n_patches_by_id, seed=0):
    """Arrays as the network's authors published them."""
    ids = np.repeat(list(n_patches_by_id), list(n_patches_by_id.values()))
    return {"X": random(len(ids), len(TAGS), seed=seed), "IDS": ids, "Y": np.zeros(len(ids), int)}


def refusal(folder):
    with pytest.raises(Refusal) as refused:
        taggrams.load(folder)
    return str(refused.value)


# What was made here


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_what_is_written_is_read(tmp_path, made, dtype):
    made["taggrams"] = made["taggrams"].astype(dtype)
    taggrams.write(tmp_path / taggrams.FILE, *made.values())
    read = taggrams.load(tmp_path)
    assert (read.names, read.published) == (NAMES, False)
    assert all(one.dtype == np.float32 for one in (*read.taggrams, *read.embeddings))
    np.testing.assert_array_equal(read.taggrams, made["taggrams"])
    np.testing.assert_array_equal(read.embeddings, made["embeddings"])


def test_embeddings_may_be_left_out(tmp_path, made):
    taggrams.write(tmp_path / taggrams.FILE, NAMES, made["taggrams"])
    assert taggrams.load(tmp_path).embeddings is None


def test_the_same_taggrams_make_the_same_file(tmp_path, made):
    for name in ("one", "two"):
        taggrams.write(tmp_path / name, *made.values())
    assert files.sha256(tmp_path / "one") == files.sha256(tmp_path / "two")


def test_what_was_made_here_comes_before_what_was_published(tmp_path, made):
    save(tmp_path / PUBLISHED.format("training"), published({"blues/blues.00000.au": 2}))
    assert taggrams.load(tmp_path).published
    taggrams.write(tmp_path / taggrams.FILE, *made.values())
    assert not taggrams.load(tmp_path).published


def change(name, how):
    def changed(arrays):
        return arrays | {name: how(np.copy(arrays[name]))}

    return changed


def with_value(place, value):
    def put(array):
        array[place] = value
        return array

    return put


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (lambda a: {"names": a["names"]}, "holds no taggrams: it has no array 'taggrams'."),
        (lambda a: {"taggrams": a["taggrams"]}, "holds no taggrams: it has no array 'names'."),
        (change("names", lambda a: a[:, None]), "'names' has to be a list of text, not 3 x 1 of"),
        (change("names", lambda a: np.arange(3)), "'names' has to be a list of text, not 3 of"),
        (
            change("names", lambda a: a[[0, 1, 0]]),
            "names the clip blues_00000.wav twice.",
        ),
        (
            change("taggrams", lambda a: a[:2]),
            "'taggrams' has to be 3 x any x 50 numbers in float16 or float32, not 2 x 2 x 50 of "
            "float32.",
        ),
        (change("taggrams", lambda a: a[..., :49]), "not 3 x 2 x 49 of float32."),
        (change("taggrams", lambda a: a[0]), "not 2 x 50 of float32."),
        (change("taggrams", lambda a: np.float32(0.5)), "not one of float32."),
        (change("taggrams", lambda a: a.astype(np.float64)), "not 3 x 2 x 50 of float64."),
        (change("taggrams", lambda a: a.astype(complex)), "not 3 x 2 x 50 of complex128."),
        (
            change("taggrams", lambda a: a[:, :0]),
            "holds no taggrams: it has 3 clips without patches.",
        ),
        (
            lambda a: {name: array[:0] for name, array in a.items()},
            "holds no taggrams: it has 0 clips without patches.",
        ),
        (
            change("taggrams", with_value((2, 1, 9), np.nan)),
            "pop_00001.wav, patch 1, tag 'jazz': nan is no probability.",
        ),
        (change("taggrams", with_value((0, 0, 0), np.inf)), "tag 'rock': inf is no probability."),
        (change("taggrams", with_value((0, 1, 0), -1e-6)), "patch 1, tag 'rock': -1e-06 is no"),
        (change("taggrams", with_value((0, 1, 0), 1.5)), "patch 1, tag 'rock': 1.5 is no"),
        (
            change("embeddings", lambda a: a[..., :100]),
            "'embeddings' has to be 3 x 2 x 200 numbers in float16 or float32, not 3 x 2 x 100",
        ),
        (
            change("embeddings", with_value((2, 0, 5), np.inf)),
            "the embedding of pop_00001.wav has numbers that are not finite.",
        ),
    ],
)
def test_an_unsound_file_is_refused_where_it_is_unsound(tmp_path, made, how, told):
    path = save(tmp_path / taggrams.FILE, how(made))
    said = refusal(tmp_path)
    assert said.startswith(str(path))
    assert told in said


def test_nothing_is_unpickled(tmp_path, made):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("unpickled",)

    made["names"] = np.array([Trap()] * 3)
    save(tmp_path / taggrams.FILE, made)
    assert "taggrams.npz is damaged" in refusal(tmp_path)


def test_a_file_that_unpacks_to_far_more_is_not_read(tmp_path, made, monkeypatch):
    taggrams.write(tmp_path / taggrams.FILE, NAMES, np.zeros((3, 20_000, len(TAGS)), np.float32))
    monkeypatch.setattr(taggrams, "_MOST_BYTES", 1 << 20)
    assert "claims to hold more than 1 MiB." in refusal(tmp_path)


def test_a_file_that_claims_more_than_four_gibibytes_is_not_read(tmp_path, made):
    for size, told in (((4 << 30) + 1, "more than 4096 MiB"), (4 << 30, "is damaged|no array")):
        with zipfile.ZipFile(tmp_path / taggrams.FILE, "w") as archive:
            archive.writestr("names.npy", b"")
            archive.getinfo("names.npy").file_size = size
        with pytest.raises(Refusal, match=told):
            taggrams.load(tmp_path)


def test_what_is_certain_or_impossible_is_a_probability_too(tmp_path, made):
    made["taggrams"][:] = np.arange(50) % 2
    taggrams.write(tmp_path / taggrams.FILE, *made.values())
    np.testing.assert_array_equal(taggrams.load(tmp_path).taggrams, made["taggrams"])


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / taggrams.FILE).write_bytes(content)
    assert "taggrams.npz is damaged" in refusal(tmp_path)


def test_an_array_that_promises_more_than_it_holds_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / taggrams.FILE, "w") as archive:
        for name, kind in {"names": "<U9", "taggrams": "<f4"}.items():
            with archive.open(f"{name}.npy", "w") as member:
                header = {"descr": kind, "fortran_order": False, "shape": (1 << 40,)}
                np.lib.format.write_array_header_1_0(member, header)
    assert "taggrams.npz is damaged" in refusal(tmp_path)


@settings(deadline=None)  # a busy machine may take longer
@given(place=st.integers(0, 10_000), value=st.integers(1, 255))
def test_a_changed_byte_is_refused_or_changes_nothing(tmp_path_factory, place, value):
    folder = tmp_path_factory.mktemp("damaged")
    taggrams.write(folder / taggrams.FILE, ["a"], random(1, 2, len(TAGS)))
    before = taggrams.load(folder)
    content = bytearray((folder / taggrams.FILE).read_bytes())
    content[place % len(content)] ^= value
    (folder / taggrams.FILE).write_bytes(content)
    try:
        after = taggrams.load(folder)
    except Refusal:
        return
    assert after.names == before.names
    np.testing.assert_array_equal(after.taggrams, before.taggrams)


# What was published


def test_clips_of_published_files_get_the_names_of_tables(tmp_path):
    parts = {
        "training": published({"pop/pop.00007.au": 3, "blues/blues.00029.au": 2}),
        "evaluation": published({"blues/blues.00001.au": 1}, seed=1),
    }
    for part, arrays in parts.items():
        save(tmp_path / PUBLISHED.format(part), arrays)
    read = taggrams.load(tmp_path)
    assert read.names == ["blues_00001.wav", "pop_00007.wav", "blues_00029.wav"]
    assert (read.published, read.embeddings) == (True, None)
    rows = parts["evaluation"]["X"], *np.split(parts["training"]["X"], [3])
    for ours, theirs in zip(read.taggrams, rows, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_clip_that_two_files_tell_alike_is_there_once(tmp_path):
    for part in ("training", "evaluation"):
        save(tmp_path / PUBLISHED.format(part), published({"pop/pop.00007.au": 3}))
    assert taggrams.load(tmp_path).names == ["pop_00007.wav"]


def test_two_files_that_contradict_each_other_are_refused(tmp_path):
    for seed, part in enumerate(["training", "evaluation"]):
        save(tmp_path / PUBLISHED.format(part), published({"pop/pop.00007.au": 3}, seed))
    said = f"{PUBLISHED.format('evaluation')} and {PUBLISHED.format('training')}: the clip "
    assert f"{said}pop_00007.wav is there twice, with different numbers." in refusal(tmp_path)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (lambda a: {"X": a["X"]}, "holds no taggrams: it has no array 'IDS'."),
        (
            change("X", lambda a: a[1:]),
            "'X' has to be 5 x 50 numbers in float16 or float32, not 4 x 50 of float32.",
        ),
        (
            change("IDS", with_value(3, "blues.00029.au")),
            "row 3: 'blues.00029.au' names no clip, as blues/blues.00029.au does.",
        ),
        (
            change("IDS", with_value(4, "pop/blues.00029.au")),
            "row 4: 'pop/blues.00029.au' names no clip",
        ),
        (change("IDS", lambda a: a.astype(bytes)), "'IDS' has to be a list of text, not 5 of |S"),
        (
            change("IDS", lambda a: a[[0, 3, 1, 4, 2]]),
            "the clip pop_00007.wav is there twice, with different numbers.",
        ),
        (
            change("X", with_value((4, 2), np.nan)),
            "blues_00029.wav, patch 1, tag 'alternative': nan is no probability.",
        ),
        (lambda a: {name: array[:0] for name, array in a.items()}, "it has no rows."),
    ],
)
def test_an_unsound_published_file_is_refused_where_it_is_unsound(tmp_path, how, told):
    arrays = how(published({"pop/pop.00007.au": 3, "blues/blues.00029.au": 2}))
    path = save(tmp_path / PUBLISHED.format("training"), arrays)
    said = refusal(tmp_path)
    assert said.startswith(str(path))
    assert told in said


def test_the_published_taggrams_are_those_of_the_fault_filtered_clips(real_data):
    data = folders.find(real_data)
    read = taggrams.load(data.taggrams)
    kinds = folders.fault_filtered(data).loc[read.names].value_counts()
    assert kinds.to_dict() == {"train": 443, "test": 290}
    assert sorted({len(taggram) for taggram in read.taggrams}) == [28, 29]


# Where they lie


def test_a_folder_without_taggrams_is_refused_with_the_names_of_what_it_wants(tmp_path):
    save(tmp_path / "taggrams (1).npz", {"X": np.zeros(1)})
    said = "holds no taggrams: neither taggrams.npz nor *_MSDmusicnn_taggram.npz."
    assert said in refusal(tmp_path)


def test_unsound_taggrams_are_refused_before_anything_is_executed(tmp_path, made):
    data = tmp_path / "data"
    shutil.copytree(folders.find("synthetic").folder, data, ignore=shutil.ignore_patterns("*/"))
    made["taggrams"][0, 0, 0] = np.nan
    save(data / taggrams.FOLDER / taggrams.FILE, made)
    with pytest.raises(Refusal, match="tag 'rock': nan is no probability"):
        runner.run_report(str(data), only=["10"], out=tmp_path / "runs")
    assert not list(tmp_path.rglob("*.ipynb"))
