"""data.catalogue: what is known, where it is, and how it is found."""

import re
import shlex
import subprocess
from dataclasses import FrozenInstanceError
from types import SimpleNamespace

import pytest

from genres import Refusal
from genres.data import catalogue
from genres.downloads import RemoteFile


def touch(*paths):
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """An empty data folder of the project, and no GENRE_DATA."""
    folder = tmp_path / "project" / "data"
    folder.mkdir(parents=True)
    monkeypatch.setattr("genres.project.DATA", folder)
    monkeypatch.delenv("GENRE_DATA", raising=False)
    return folder


PLACES = {
    "course": ("course", ["GenreClassData_30s.txt"]),
    "gtzan": ("gtzan/genres", ["blues/blues.00000.au"]),
    "gtzan-mini": ("gtzan-mini", ["blues/blues.00000.flac"]),
    "gtzan-excerpts": ("gtzan-excerpts", ["blues/blues.00001.flac"]),
    "fma-small": ("fma/fma_small", ["000/000002.mp3", "../fma_metadata/tracks.csv"]),
    "fma-medium": ("fma/fma_medium", ["000/000002.mp3", "../fma_metadata/tracks.csv"]),
    "magnatagatune": ("magnatagatune", ["clip_info_final.csv", "song_info.csv"]),
    "musicnn": (
        "musicnn",
        [
            "training_data_GTZAN_MSDmusicnn_taggram.npz",
            "evaluation_data_GTZAN_MSDmusicnn_taggram.npz",
        ],
    ),
    "synthetic": ("synthetic", ["GenreClassData_30s.parquet"]),
}


@pytest.mark.parametrize("name", ["course", "musicnn"])
def test_downloads_weigh_what_is_told_before_they_start(real_data, name):
    files = {file.name: file.megabytes for file in catalogue.CORPORA[name].files}
    here = {path.name: path.stat().st_size / 1e6 for path in (real_data / name).iterdir()}
    for file in files.keys() & here:
        assert files[file] == pytest.approx(here[file], abs=0.06)
    assert files.keys() & here


@pytest.mark.parametrize(("megabytes", "told"), [(999.9, "999.9 MB"), (1000, "1.0 GB")])
def test_from_a_thousand_megabytes_on_gigabytes_are_told(megabytes, told):
    assert catalogue._size([RemoteFile("a.zip", megabytes, {})]) == told


def test_the_known_collections_are_those_with_a_place():
    assert set(catalogue.CORPORA) == set(PLACES)


@pytest.mark.parametrize("name", PLACES)
def test_a_collection_is_where_all_that_proves_it_is(project, name):
    place, proofs = PLACES[name]
    for proof in proofs:
        with pytest.raises(Refusal, match=f"{name} is not here: "):
            catalogue.where(name)
        touch(project / place / proof)
    assert catalogue.where(name) == project / place
    assert catalogue.fetch(name) == project / place


def test_the_command_that_a_refusal_names_works_as_typed(project, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # where there is no .venv
    with pytest.raises(Refusal, match="fma-small is not here: ") as refused:
        catalogue.where("fma-small")
    *command, _ = re.search(r"here: (.+) downloads it", str(refused.value))[1].split(" data fetch ")
    asked = [*shlex.split(*command), "data", "fetch", "--help"]
    assert subprocess.run(asked, capture_output=True).returncode == 0


def test_the_folder_in_the_environment_is_looked_into_first(tmp_path, project, monkeypatch):
    for folder in (project, tmp_path / "mine"):
        touch(folder / "gtzan" / "blues" / "blues.00000.wav")
    monkeypatch.setenv("GENRE_DATA", str(tmp_path / "mine"))
    assert catalogue.where("gtzan") == tmp_path / "mine" / "gtzan"
    monkeypatch.setenv("GENRE_DATA", "course")
    assert catalogue.where("gtzan") == project / "gtzan"


@pytest.mark.parametrize("look_up", [catalogue.where, catalogue.fetch])
def test_an_unknown_collection_is_refused_with_the_names_of_those_known(look_up):
    with pytest.raises(Refusal, match=r"no collection 'gtzan2': known are course, gtzan, .*\.$"):
        look_up("gtzan2")


def test_what_is_not_here_is_refused_with_the_way_to_get_it(project):
    with pytest.raises(Refusal, match=r"data fetch fma-small downloads it, 8\.1 GB\."):
        catalogue.where("fma-small")


@pytest.mark.parametrize("look_up", [catalogue.where, catalogue.fetch])
def test_without_known_hashes_the_user_is_sent_for_a_copy_and_nothing_is_downloaded(
    project, look_up
):
    with pytest.raises(Refusal) as refusal:
        look_up("magnatagatune")
    sentence = str(refusal.value)
    assert f"put your own copy into {project / 'magnatagatune'}" in sentence
    for part in ("clip_info_final.csv", "song_info.csv"):
        assert part in sentence
    assert not list(project.iterdir())


def test_the_list_says_of_each_what_it_is_how_large_whose_and_where_from(project):
    touch(project / "gtzan" / "blues" / "blues.00000.wav")
    paragraphs = dict(part.split(": ", 1) for part in catalogue.listing().split("\n\n"))
    assert list(paragraphs) == list(catalogue.CORPORA)
    assert f"{project / 'gtzan'} (downloads 1.2 GB)" in paragraphs["gtzan"]
    assert "not here (downloads 24.0 GB)" in paragraphs["fma-medium"]
    assert "not here (no download is offered)" in paragraphs["magnatagatune"]
    for paragraph in paragraphs.values():
        assert "licence: " in paragraph
        assert "source: " in paragraph


def test_the_real_clips_are_found(real_data, monkeypatch):
    monkeypatch.setenv("GENRE_DATA", str(real_data))
    assert catalogue.where("gtzan-mini") == real_data / "gtzan-mini"
    assert catalogue.where("course") == real_data / "course"


MEGABYTES = {
    "course": [7.3, 3.7, 1.2],
    "gtzan": [1200],
    "gtzan-mini": [120],
    "gtzan-excerpts": [],
    "musicnn": [4.0, 2.6],
    "fma-small": [358, 7700],
    "fma-medium": [358, 23_600],
    "magnatagatune": [],
    "synthetic": [],
}


def test_the_sizes_of_downloads_are_known():
    sizes = {name: [file.megabytes for file in c.files] for name, c in catalogue.CORPORA.items()}
    assert sizes == MEGABYTES


def test_what_is_known_does_not_change():
    with pytest.raises(FrozenInstanceError):
        catalogue.CORPORA["course"].licence = "none"


@pytest.mark.parametrize("name", ["gtzan", "fma-small"])
def test_room_is_needed_for_archives_and_as_much_for_what_is_in_them(project, monkeypatch, name):
    unpacked = []

    def unpack(archive, target, max_bytes):
        unpacked.append((archive.name, max_bytes))
        touch(*(project / PLACES[name][0] / proof for proof in PLACES[name][1]))

    def have(megabytes):
        usage = SimpleNamespace(free=megabytes * 1e6)
        monkeypatch.setattr(catalogue.shutil, "disk_usage", lambda folder: usage)

    monkeypatch.setattr(catalogue, "download", lambda *_, announce: announce())
    monkeypatch.setattr(catalogue, "unpack", unpack)
    needed = 2 * sum(MEGABYTES[name])
    have(needed - 0.1)
    with pytest.raises(Refusal, match=f"no room for the .* {needed - 0.1:.1f} MB are free"):
        catalogue.fetch(name)
    assert unpacked == []
    have(needed)
    catalogue.fetch(name)
    files = catalogue.CORPORA[name].files
    assert unpacked == [(file.name, round(file.megabytes) * 10_000_000) for file in files]


def test_an_archive_that_is_there_needs_room_for_its_content_alone(project, monkeypatch):
    touch(project / "gtzan" / "genres.tar.gz")
    for free, told in ((1199, "no room"), (1200, "does not hold what gtzan should")):
        usage = SimpleNamespace(free=free * 1e6)
        monkeypatch.setattr(catalogue.shutil, "disk_usage", lambda folder, usage=usage: usage)
        monkeypatch.setattr(catalogue, "download", lambda *_, **__: None)
        monkeypatch.setattr(catalogue, "unpack", lambda *_, **__: None)
        with pytest.raises(Refusal, match=told):
            catalogue.fetch("gtzan")
