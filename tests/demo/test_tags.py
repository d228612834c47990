"""demo.tags: files are tagged on the command line, and what is no music is skipped."""

import json

import pytest

from genres import Refusal
from genres.__main__ import main
from genres.sound import tagger
from genres.sound.tags import TAGS
from genres.synth import corpus


@pytest.fixture
def folder(tmp_path):
    corpus.write_wav(corpus.render("jazz", 1, seconds=10), tmp_path / "jazz.wav")
    corpus.write_wav(corpus.render("jazz", 1, seconds=2), tmp_path / "short.wav")
    (tmp_path / "text.mp3").write_text("no music")
    return tmp_path


def test_files_are_tagged_and_others_named(folder, capfd):
    assert main(["tags", str(folder)]) == 0
    said, skipped = capfd.readouterr()
    first, second = said.splitlines()
    assert first.startswith(f"{folder / 'jazz.wav'}: jazz ")
    assert first.endswith("(10 s)")
    assert second.endswith("(2 s, padded with itself to 3 s)")
    assert skipped.startswith(f"{folder / 'text.mp3'} is not audio")


def test_json_has_the_taggram(folder, capfd):
    assert main(["tags", "--json", str(folder / "jazz.wav"), str(folder / "text.mp3")]) == 1
    document = json.loads(capfd.readouterr().out)
    (tags,) = document["files"]
    assert len(tags["taggram"]) == len(tags["starts"]) == 8
    assert tags["names"] == list(TAGS)
    assert next(iter(tags["tags"])) == "jazz"
    assert [len(row) for row in tags["taggram"]] == [50] * 8
    assert [skipped["file"] for skipped in document["skipped"]] == [str(folder / "text.mp3")]


def test_missing_weights_are_said_before_a_file_is_read(folder, capfd, monkeypatch):
    def refuse():
        raise Refusal("no weights")

    monkeypatch.setattr(tagger, "network", refuse)
    assert main(["tags", str(folder)]) == 2
    assert capfd.readouterr().err == "no weights\n"


def test_a_folder_without_music_is_status_2(tmp_path, capfd):
    assert main(["tags", str(tmp_path)]) == 2
    assert capfd.readouterr().err == f"{tmp_path} holds no file.\n"
