"""Notebooks 08 and 09 on small collections in FMA's and MagnaTagATune's own formats."""

import csv
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import nbformat
import numpy as np
import pandas as pd
import pytest
import soundfile
from audio_collections import CLIP_COLUMNS, fma_path, write_tracks
from rehearsals import rehearsal_of, take_less, train_on_one_batch, write_project

from genres import files
from genres.data import folders
from genres.project import PROJECT
from genres.synth import corpus


class Collection(NamedTuple):
    """A collection on disk: clips of each genre, and of each reason not to use them."""

    folder: Path
    counts: dict
    rejected: dict


class Rehearsal(NamedTuple):
    """What a user finds after a quick run on a collection."""

    collection: Collection
    run: Path
    said: str


def write_mp3s(clips, seconds):
    """Write a clip for each (path, style, seed): five seconds of music, again and again.

    At half the rate that the library works at, they are encoded in half the time.
    """

    def write(path, style, seed):
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = corpus.render(style, seed, seconds=5).samples
        samples = np.resize(samples, round(seconds * corpus.SAMPLE_RATE))
        soundfile.write(path, samples[::2], corpus.SAMPLE_RATE // 2, format="MP3")

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, *zip(*clips, strict=True)))


def damage(path):
    path.write_bytes(b"\0" * 5000)


def write_fma(folder):
    """Write FMA small: clips of 29.98 s, two of each artist, with FMA's own split."""
    styles = {"Electronic": "disco", "Hip-Hop": "hiphop", "Rock": "metal"}
    counts = {"Electronic": 15, "Hip-Hop": 11, "Rock": 11}
    splits = ("training", "test", "validation", "training")
    of_clips = [(genre, number) for genre, n in counts.items() for number in range(n)]
    of_clips += [("", 0), ("Rock", 90)]
    clips, rows = [], []
    for track, (genre, number) in enumerate(of_clips, start=98):
        clips.append((fma_path(folder / "fma_small", track), styles.get(genre, "jazz"), number))
        artist, split = f"{genre} {number // 2}", splits[number % 4]
        rows.append([str(track), "Album", artist, split, "small", genre, "Title"])
    write_mp3s(clips, 29.98)
    damage(clips[-1][0])
    write_tracks(folder, tracks=rows)
    return Collection(folder, counts, {"no genre": 1, "not audio": 1})


def write_magnatagatune(folder):
    """Write MagnaTagATune and Magnatune's songs: clips of 29.1 s, two of each artist."""
    styles = {"Classical": "classical", "Hard Rock": "metal", "Jazz": "jazz"}
    counts = {"Classical": 13, "Hard Rock": 10, "Jazz": 11}
    of_clips = [(genre, number) for genre, n in counts.items() for number in range(n)]
    of_clips += [("Spoken Word", 0), ("Jazz", 90)]
    clips, rows, songs = [], [], []
    for clip, (genre, number) in enumerate(of_clips):
        artist, title = f"{genre} Artist {number // 2}", f"Song {number}"
        name = f"{artist}-a sampler of j s bach-{number:02d}-{title} in c minor i aria-30-59.mp3"
        path = f"{clip % 16:x}/{name.replace(' ', '_').lower()}"
        clips.append((folder / path, styles.get(genre, "jazz"), number))
        rows.append([clip, 1, title, artist, "Album", "", 30, 59, "", path])
        songs.append([artist, title, "Album", 1, f"{genre},Other"])
    write_mp3s(clips, 29.1)
    damage(clips[-1][0])
    table = pd.DataFrame(rows, columns=CLIP_COLUMNS)
    table.to_csv(folder / "clip_info_final.csv", sep="\t", index=False)
    with (folder / "song_info.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(["artist", "trackname", "albumname", "tracknum", "magnatunegenres"])
        writer.writerows(songs)
    return Collection(folder, counts, {"none of the ten genres": 1, "not audio": 1})


WRITERS = {"fma": write_fma, "magnatagatune": write_magnatagatune}


@pytest.fixture(scope="module")
def rehearsals(tmp_path_factory):
    """Rehearsals on both collections, started side by side as a user starts one.

    What is extracted of them, in the project's data folder, is taken away at the end.
    """
    out = tmp_path_factory.mktemp("runs")
    collections = {name: write(tmp_path_factory.mktemp(name)) for name, write in WRITERS.items()}
    write_project(out, train_on_one_batch, take_less)
    processes, found = {}, {}
    try:
        for name, collection in collections.items():
            command = rehearsal_of(out, collection.folder, out, name, "08", "09")
            streams = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
            processes[name] = subprocess.Popen(command, cwd=PROJECT, **streams)
        for name, collection in collections.items():
            said, _ = processes[name].communicate()
            found[name] = Rehearsal(collection, out / f"{name}-quick", said)
        yield found
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
        for collection in collections.values():
            shutil.rmtree(folders.extraction_of(collection.folder), ignore_errors=True)


@pytest.fixture(params=WRITERS)
def rehearsal(request, rehearsals):
    return rehearsals[request.param]


def read(rehearsal, name):
    """Give a notebook's results and all that it says; check that they are the collection's."""
    executed = rehearsal.run / "notebooks" / f"{name}.ipynb"
    assert executed.exists(), rehearsal.said
    cells = nbformat.read(executed, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    assert list((rehearsal.run / "figures").glob(f"{name}-*.png"))
    results = files.read_json(rehearsal.run / "results" / f"{name}.json")
    n_clips = sum(rehearsal.collection.counts.values())
    assert results["synthetic"] is False
    assert f"mel store mel.npz: {n_clips} clips" in results["sources"]
    assert n_clips / 2 < results["n_train"] + results["n_test"] <= n_clips
    said = [output.data.get("text/markdown", "") for output in outputs if "data" in output]
    return results, "\n".join(said)


def test_mel_and_mfcc_are_compared_on_the_collections_clips(rehearsal):
    results, _ = read(rehearsal, "08-mel-vs-mfcc")
    assert len(results["models"]) >= 8
    for scores in results["models"].values():
        values = np.array([scores["accuracies"], scores["macro_f1"]])
        assert ((values >= 0) & (values <= 1)).all()
    counts = rehearsal.collection.counts.values()
    assert results["largest_and_smallest"] == [max(counts), min(counts)]


def test_the_collections_genres_are_mapped(rehearsal):
    results, _ = read(rehearsal, "09-genre-maps")
    assert results["counts"] == rehearsal.collection.counts
    assert results["separation"]
    for shares in results["separation"].values():
        assert set(shares) == {"2", "3"}
        assert all(0 <= share <= 1 for share in shares.values())
    ways = {"balanced", "unbalanced", "unbalanced, class weights"}
    assert set(results["macro_f1_by_balance"]) == ways


def test_clips_that_cannot_be_used_are_left_out_and_listed(rehearsal):
    extracted = folders.extraction_of(rehearsal.collection.folder)
    rejected = pd.read_csv(extracted / "rejected.csv")
    assert rejected["reason"].value_counts().to_dict() == rehearsal.collection.rejected
    assert "2 rejected (rejected.csv)" in rehearsal.said
