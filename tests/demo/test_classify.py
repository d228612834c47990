"""Which genre is this file?"""

import csv
import io
import json
import os
import subprocess
import sys
import weakref
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import soundfile
from scipy.special import softmax

from genres import Refusal, project
from genres.__main__ import main
from genres.changes import timeline
from genres.data import tables
from genres.decoding import audio
from genres.decoding.audio import SAMPLE_RATE
from genres.demo import classify, music
from genres.lab import plots
from genres.models import champion
from genres.models.champion import Champion, Effort
from genres.sound import measurements, tags
from genres.sound.measurements import Tracks

PROJECT = Path(__file__).resolve().parents[2]
NAMES = ["pop", "rock", "jazz", "blues"]


class ByPitch:
    """A champion that takes low sound for pop and high sound for blues."""

    genres_, n_steps_, reads_tags = NAMES, 3, False

    def predict_proba(self, tracks):
        bands = tracks.mel.reshape(len(tracks), len(NAMES), -1)
        return softmax(bands.mean(axis=2) / 32, axis=1)


def write_sound(path, seconds):
    """Write a tone that rises for a minute and a half, so that no two windows are alike."""
    time = np.arange(seconds * SAMPLE_RATE) / SAMPLE_RATE
    noise = np.random.default_rng(0).normal(size=len(time))
    samples = 0.3 * np.sin(2 * np.pi * (200 + 40 * time) * time) + 0.001 * noise
    path.parent.mkdir(exist_ok=True)
    soundfile.write(path, samples, SAMPLE_RATE)
    return path


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.setattr(project, "RUNS", tmp_path / "runs")
    return tmp_path / "runs"


@pytest.fixture
def make_model(runs):
    def make(run, age=0, tagged=False, **results):
        folder = runs / run / "models" / ("champion-with-tags" if tagged else "champion")
        folder.mkdir(parents=True)
        (folder / "champion.json").write_text(json.dumps({"reads_tags": tagged}))
        os.utime(folder / "champion.json", (1e9 - age, 1e9 - age))
        if results:
            (runs / run / "results").mkdir(exist_ok=True)
            notebook = "13-transfer" if tagged else "11-champion"
            (runs / run / "results" / f"{notebook}.json").write_text(json.dumps(results))
        return folder

    return make


@pytest.fixture
def model(make_model, monkeypatch):
    monkeypatch.setattr(champion, "load", lambda folder: ByPitch())
    return make_model("course")


@pytest.fixture
def untouched(model, monkeypatch):
    """A model that must not be loaded."""
    monkeypatch.setattr(champion, "load", lambda folder: pytest.fail("loaded for nothing"))


def lines_of(capsys):
    printed = capsys.readouterr()
    return printed.out.splitlines(), printed.err.splitlines()


def test_a_short_clip_is_padded_and_that_is_said(model, tmp_path, capsys):
    path = write_sound(tmp_path / "short.wav", 12)
    assert main(["classify", str(path)]) == 0
    (line,), said = lines_of(capsys)
    assert line.startswith(f"{path}: pop ")
    assert line.count(" %") == 3
    assert line.endswith("(12 s, padded with itself to 30 s)")
    assert said == [f"Model: {model}"]


def test_a_long_one_is_the_mean_over_the_windows_of_the_whole(model, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(classify, "_AT_ONCE", 2)
    path = write_sound(tmp_path / "long.wav", 75)
    assert main(["classify", str(path), "--json"]) == 0
    (prediction,) = json.loads(capsys.readouterr().out)["files"]
    samples, _ = soundfile.read(path, dtype="float32")
    tracks = measurements.measure(measurements.windows(samples), 3)
    expected = ByPitch().predict_proba(tracks)
    assert np.ptp(expected, axis=0).max() > 0.01  # windows differ, so each of them counts
    given = [prediction["genres"][genre] for genre in NAMES]
    np.testing.assert_allclose(given, expected.mean(axis=0), rtol=1e-5)

    assert main(["classify", str(path)]) == 0
    (line,), _ = lines_of(capsys)
    assert line.endswith("(75 s, mean of 3 windows of 30 s)")


def test_a_folder_is_searched_and_what_is_no_music_is_named(model, tmp_path, capsys):
    folder = tmp_path / "my music"
    for name in ("b.wav", "inner/a.mp3", ".hidden/c.wav", ".d.wav"):
        write_sound(folder / name, 3)
    (folder / "a.wav").write_text("no music\n")
    assert main(["classify", str(folder), str(folder / "b.wav"), "nowhere.wav"]) == 1
    predictions, said = lines_of(capsys)
    assert [line.split(": ")[0] for line in predictions] == [
        str(folder / "b.wav"),
        str(folder / "inner" / "a.mp3"),
    ]
    assert said == [
        f"{folder / 'a.wav'} is a text file, not audio.",
        f"Model: {model}",
        "nowhere.wav does not exist.",
    ]


def test_odd_names_take_one_line_and_stop_nothing(model, tmp_path, capsys):
    odd = tmp_path / "two\nlines \x1b[31m.wav"
    write_sound(odd, 2)
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav")).write_bytes(odd.read_bytes())
    write_sound(tmp_path / "zoë.wav", 2)
    assert main(["classify", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines() + printed.err.splitlines()
    assert all(line.isprintable() for line in lines)
    for name in ("two\\nlines \\x1b[31m.wav", "caf\\udce9.wav", "zoë.wav"):
        assert sum(f"{tmp_path / name}" in line for line in lines) == 1
    assert main(["classify", str(tmp_path), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    named = [entry["file"] for entry in document["files"] + document["skipped"]]
    assert str(odd) in named
    assert all(Path(name).exists() for name in named)


def test_silence_is_classified_and_said_to_be_silent(model, tmp_path, capsys):
    soundfile.write(tmp_path / "silence.flac", np.zeros(30 * SAMPLE_RATE), SAMPLE_RATE)
    assert main(["classify", str(tmp_path / "silence.flac")]) == 0
    (line,), _ = lines_of(capsys)
    assert line.endswith("(30 s, silent: this means nothing)")


def test_channels_that_cancel_are_said(model, real_data, capsys):
    assert main(["classify", str(real_data / "cases" / "opposite-phase.wav")]) == 0
    (line,), _ = lines_of(capsys)
    assert line.endswith("(31 s, its channels cancel: the loudest alone was taken)")


def test_a_file_that_is_cut_off_is_classified_and_that_is_said(model, tmp_path, capsys):
    path = write_sound(tmp_path / "part.wav", 20)
    os.truncate(path, 12 * SAMPLE_RATE * 2 + 44)
    assert main(["classify", str(path)]) == 0
    (line,), _ = lines_of(capsys)
    assert line.endswith("(12 s, padded with itself to 30 s, cut off: the rest of it is lost)")


def test_a_pipe_or_a_device_is_refused_and_not_waited_for(untouched, tmp_path, capsys):
    folder = tmp_path / "music"
    folder.mkdir()
    os.mkfifo(folder / "pipe.wav")
    (folder / "endless.wav").symlink_to("/dev/zero")
    assert main(["classify", str(folder)]) == 2
    assert lines_of(capsys)[1] == [
        f"{folder / name} is a device or a pipe, not a file."
        for name in ("endless.wav", "pipe.wav")
    ]


def test_files_as_people_have_them_are_heard_in_full(model, real_data, capsys):
    assert main(["classify", str(real_data / "cases"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    lengths = {Path(entry["file"]).name: entry["seconds"] for entry in document["files"]}
    of_other_length = {"piped.flac": 31, "flac-in-ogg.ogg": 31, "opposite-phase.wav": 31}
    of_other_length["piped-20s.wav"] = 20
    assert len(lengths) == 15
    assert lengths == pytest.approx(
        {name: of_other_length.get(name, 40) for name in lengths}, abs=0.1
    )
    assert [Path(entry["file"]).name for entry in document["skipped"]] == ["README.md"]


def test_what_lasts_too_long_is_refused(untouched, tmp_path, capsys):
    path = write_sound(tmp_path / "long.wav", 20)
    assert classify.classify([str(path)], longest=12) == 2
    assert lines_of(capsys) == ([], [f"{path} lasts longer than 0.2 min."])


def test_json_is_all_that_is_written_to_standard_output(model, tmp_path, capsys):
    path = write_sound(tmp_path / "a.wav", 2)
    (tmp_path / "b.wav").touch()
    assert main(["classify", str(path), str(tmp_path / "b.wav"), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    (prediction,) = document["files"]
    genres = prediction.pop("genres")
    assert prediction == {
        "file": str(path),
        "seconds": 2.0,
        "windows": 1,
        "padded": True,
        "silent": False,
        "cancelling": False,
        "cut_off": False,
    }
    assert sorted(genres) == sorted(NAMES)
    assert list(genres.values()) == sorted(genres.values(), reverse=True)
    assert sum(genres.values()) == pytest.approx(1)
    reason = f"{tmp_path / 'b.wav'} is empty: it has 0 bytes."
    assert document["skipped"] == [{"file": str(tmp_path / "b.wav"), "reason": reason}]


def test_a_table_has_a_row_for_each_file_and_a_column_for_each_genre(model, tmp_path, capsys):
    music = tmp_path / "music"
    odd = write_sound(music / 'a, "b"\nand c.wav', 40)
    write_sound(music / "d.wav", 2)
    (music / "e.txt").write_text("no music\n")
    assert main(["classify", str(music), "--csv"]) == 0
    printed = capsys.readouterr()
    header, *rows = csv.reader(printed.out.splitlines(keepends=True))
    assert header == ["file", "genre", "confidence", "blues", "jazz", "pop", "rock"]
    assert [row[0] for row in rows] == [str(odd), str(music / "d.wav")]
    for _, genre, confidence, *shares in rows:
        assert shares[header[3:].index(genre)] == confidence == max(shares)
        assert sum(map(float, shares)) == pytest.approx(1, abs=1e-5)
    assert printed.err.splitlines() == [
        f"Model: {model}",
        f"{music / 'e.txt'} is a text file, not audio.",
    ]

    out = tmp_path / "table.csv"
    assert main(["classify", str(music), "--csv", "--out", str(out)]) == 0
    assert out.read_text() == printed.out
    assert capsys.readouterr().out == f"{out}: 2 files, 1 skipped\n"


def test_a_table_of_doubtful_files_says_so_beside_it(model, tmp_path, capsys):
    soundfile.write(tmp_path / "silence.flac", np.zeros(30 * SAMPLE_RATE), SAMPLE_RATE)
    assert main(["classify", str(tmp_path), "--csv"]) == 0
    table, said = lines_of(capsys)
    assert len(table) == 2
    assert said[-1] == f"{tmp_path / 'silence.flac'}: silent: this means nothing."


@pytest.mark.parametrize(
    ("name", "options"),
    [("table.csv", ["--csv"]), ("all.json", ["--json"]), ("a.png", ["--timeline"])],
)
def test_where_nothing_can_be_used_a_file_stays_what_it_was(
    untouched, tmp_path, capsys, name, options
):
    (tmp_path / "text.mp3").write_text("no music\n")
    out = tmp_path / name
    out.write_text("old")
    assert main(["classify", str(tmp_path / "text.mp3"), *options, "--out", str(out)]) == 2
    assert "text.mp3 is a text file, not audio" in capsys.readouterr().err
    assert out.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 3  # with runs/


def test_a_file_stays_what_it_was_where_the_work_is_stopped(model, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    write_sound(tmp_path / "music" / "a.wav", 2)
    write_sound(tmp_path / "music" / "b.wav", 2)
    out = tmp_path / "music.csv"
    out.write_text("old")
    monkeypatch.setattr(ByPitch, "predict_proba", stop)
    assert main(["classify", str(tmp_path / "music"), "--csv", "--out", str(out)]) == 130
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["music", "music.csv", "runs"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--csv", "--json"], "Argument --json: not allowed with argument --csv"),
        (["--out", "a.csv"], "What a.csv is to hold is not said: add --csv, --json or --timeline."),
        (["--csv", "--out", "song.mp3"], "song.mp3 does not end in .csv: give it that ending."),
        (["--timeline", "--out", "a.csv"], "a.csv does not end in .png or .svg"),
        (["--csv", "--out", "folder.csv"], "folder.csv is a folder: name a file."),
        (["--timeline", "--out", "a.png"], "a.png can show one file, and 2 are named."),
    ],
)
def test_what_makes_no_sense_is_refused_before_a_file_is_read(
    untouched, tmp_path, monkeypatch, capsys, options, said
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.csv").mkdir()
    command = ["classify", str(write_sound(tmp_path / "a.wav", 2)), "b.wav", *options]
    try:
        assert main(command) == 2
    except SystemExit as refused:  # by the parser
        assert refused.code == 2
    assert capsys.readouterr().err.startswith(said)


def test_a_timeline_is_drawn_in_text_that_a_pipe_can_take(model, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    path = write_sound(tmp_path / "two\nlines \x1b[31m.wav", 75)
    assert main(["classify", str(path), "--timeline"]) == 0
    title, *lines = lines_of(capsys)[0]
    assert title.endswith("two\\nlines \\x1b[31m.wav (75 s)")
    assert lines[0].startswith("0:00 - ")
    assert any(" - 1:15  " in line for line in lines)
    assert lines[-2].split() == ["0:00", "0:38", "1:15"]
    assert len(lines[-2]) == 59
    assert all(line.isprintable() for line in [title, *lines])


def test_a_timeline_is_ascii_where_there_is_no_more(monkeypatch):
    track = timeline.follow(["a", "b"], np.array([0.0, 1, 2]), np.array([[1.0, 0], [1, 0]]), 1)
    followed = classify.Followed("a.wav", False, False, False, track)
    for encoding, character in (("utf-8", "█"), ("ascii", "@"), ("latin-1", "@")):
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding))
        assert f"a  {character}" in str(followed)


def test_a_timeline_as_a_table_has_a_row_for_each_step(model, tmp_path, capsys):
    path = write_sound(tmp_path / "a.wav", 75)
    assert main(["classify", str(path), "--timeline", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["files"]
    assert main(["classify", str(path), "--timeline", "--csv"]) == 0
    header, *rows = csv.reader(lines_of(capsys)[0])
    assert header == ["file", "start", "end", "genre", "confidence", "blues", "jazz", "pop", "rock"]
    assert told["genres"] == NAMES
    assert len(rows) == len(told["probabilities"]) == len(told["edges"]) - 1
    assert [float(row[1]) for row in rows] == pytest.approx(told["edges"][:-1], abs=1e-3)
    assert float(rows[-1][2]) == told["seconds"] == told["spans"][-1]["end"] == 75
    changes = {row[3]: float(row[1]) for row in reversed(rows)}
    assert changes == pytest.approx(
        {span["genres"][0]: span["start"] for span in reversed(told["spans"])}, abs=1e-3
    )
    for row, shares in zip(rows, told["probabilities"], strict=True):
        of_genre = dict(zip(NAMES, shares, strict=True))
        assert [float(share) for share in row[5:]] == pytest.approx(
            [of_genre[name] for name in header[5:]], abs=1e-6
        )
        assert row[4] == row[header.index(row[3])]


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_a_timeline_is_drawn_as_a_picture(model, tmp_path, capsys, ending):
    path, out = write_sound(tmp_path / "$ong_{$ 夜.wav", 12), tmp_path / f"a.{ending}"
    assert main(["classify", str(path), "--timeline", "--out", str(out)]) == 0
    printed, said = lines_of(capsys)
    assert printed == [f"{out}: the genre of {path} over time"]
    assert said == [f"Model: {model}"]
    if ending == "png":
        assert plt.imread(out).std() > 0.1
    else:
        assert out.read_text().count("<path") > 50


def test_all_of_a_pictures_title_is_on_it(make_model, tmp_path, monkeypatch):
    monkeypatch.setattr(champion, "load", lambda folder: ByPitch())
    make_model("synthetic", quick=True, synthetic=True)
    path, cut = write_sound(tmp_path / f"{'a long name ' * 12}.wav", 12), []
    close_it = plots.close

    def close(figure):
        title, whole = figure.get_suptitle(), figure.bbox
        extent = figure._suptitle.get_window_extent()
        assert "knows no other" in title.replace("\n", " ")
        cut.append(extent.x0 < whole.x0 or extent.x1 > whole.x1 or extent.y1 > whole.y1)
        close_it(figure)

    monkeypatch.setattr(plots, "close", close)
    assert main(["classify", str(path), "--timeline", "--out", str(tmp_path / "a.png")]) == 0
    assert cut == [False]


def test_nothing_is_kept_of_a_file_when_the_next_is_read(model, tmp_path, monkeypatch, capsys):
    """Then a folder of a thousand takes no more memory than one of two."""
    alive = []

    def read(path, longest):
        sound = audio.read_whole(path, longest=longest)
        alive.append(sum(reference() is not None for reference in references))
        references.append(weakref.ref(sound.samples))
        return sound

    references = []
    for number in range(6):
        write_sound(tmp_path / f"{number}.wav", 2)
    monkeypatch.setattr(music, "audio", SimpleNamespace(read_whole=read, AudioError=Refusal))
    for options in ([], ["--csv"], ["--json"], ["--timeline", "--json"]):
        assert main(["classify", str(tmp_path), *options]) == 0
        assert max(alive) <= 1
        alive.clear()


def test_a_terminal_sees_how_far_it_is_and_a_pipe_does_not(model, tmp_path, monkeypatch, capsys):
    path = write_sound(tmp_path / "a.wav", 2)
    assert main(["classify", str(path), "--csv"]) == 0
    assert "%" not in capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["classify", str(path), "--csv"]) == 0
    printed = capsys.readouterr()
    assert "1/1" in printed.err
    assert printed.out.count("\n") == 2


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_with_nothing_to_classify_no_model_is_loaded(untouched, tmp_path, capsys, options):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp3").write_text("no music\n")
    names = [str(tmp_path / "empty"), str(tmp_path / "text.mp3")]
    assert main(["classify", *names, *options]) == 2
    printed = capsys.readouterr()
    assert printed.err.splitlines() == [
        f"{tmp_path / 'empty'} holds no file.",
        f"{tmp_path / 'text.mp3'} is a text file, not audio.",
    ]
    if options:
        document = json.loads(printed.out)
        assert document["files"] == []
        assert [entry["file"] for entry in document["skipped"]] == names
    else:
        assert printed.out == ""


def test_without_a_model_one_sentence_says_what_makes_one(runs, tmp_path, capsys):
    path = write_sound(tmp_path / "a.wav", 2)
    assert main(["classify", str(path)]) == 2
    sentence = (
        "There is no trained model yet: .venv/bin/genres run --only 11 makes one, and with --quick "
        "a rough one in a few minutes."
    )
    assert lines_of(capsys) == ([], [sentence])


def test_a_model_goes_by_the_name_or_folder_of_its_run(make_model, monkeypatch, tmp_path):
    make_model("newer", synthetic=False)
    model = make_model("mine", age=9)
    run = model.parent.parent
    monkeypatch.chdir(run.parent.parent)
    for wanted in ("mine", "runs/mine", "runs/mine/", run, model, str(model)):
        assert classify.find_model(wanted).resolve() == model
    (tmp_path / "mine").mkdir()  # in the working folder, and no run
    assert classify.find_model("mine") == model


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("nowhere", "There is no run nowhere, and no folder of a model."),
        (
            "untrained",
            "untrained holds no model: it is neither a run in which notebook 11 or 13 has ",
        ),
    ],
)
def test_a_model_that_is_not_there_is_refused(runs, tmp_path, capsys, wanted, said):
    (runs / "untrained").mkdir(parents=True)
    path = write_sound(tmp_path / "a.wav", 2)
    assert main(["classify", str(path), "--model", wanted]) == 2
    assert lines_of(capsys)[1][0].startswith(said)


@pytest.mark.parametrize("content", [None, "{}", "no JSON"])
def test_a_broken_model_is_refused_in_a_sentence(tmp_path, capsys, content):
    path = write_sound(tmp_path / "a.wav", 2)
    if content:
        (tmp_path / "champion.json").write_text(content)
    assert main(["classify", str(path), "--model", str(tmp_path)]) == 2
    predictions, said = lines_of(capsys)
    assert not predictions
    assert str(tmp_path) in said[-1]


def test_real_music_comes_before_a_full_run_and_that_before_a_new_one(make_model):
    make_model("synthetic-quick", age=0)
    make_model("synthetic", age=8)
    make_model("old-quick", age=9)
    newest = make_model("course-quick")
    assert classify.find_model() == newest
    make_model("mine", age=1, quick=True)
    make_model("course", age=7)
    newest_of_full = make_model("other", age=5)
    assert classify.find_model() == newest_of_full


def test_a_champion_that_reads_tags_comes_before_one_as_real_and_full(make_model):
    make_model("course")
    tagged = make_model("course", age=5, tagged=True)
    assert classify.find_model() == tagged
    assert classify.describe_model(tagged) == f"Model: {tagged} (reads tags)"
    rough = make_model("mine", tagged=True, quick=True, synthetic=False)
    assert classify.find_model() == tagged
    assert classify.describe_model(rough).startswith(
        f"Model: {rough} (reads tags; from a rehearsal"
    )


def test_without_the_taggers_weights_a_champion_that_reads_tags_is_no_choice(
    make_model, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(tags, "_PACKAGE", "no_such_package")
    tagged = make_model("course", tagged=True)
    path = str(write_sound(tmp_path / "a.wav", 2))
    for options in ([], ["--model", str(tagged)]):
        assert main(["classify", path, *options]) == 2
        (said,) = lines_of(capsys)[1]
        assert said.startswith("The tagger's weights are not installed: ")
    rough = make_model("course-quick")
    assert classify.find_model() == rough


@pytest.mark.parametrize(
    ("run", "results", "said"),
    [
        ("course", {}, ""),
        ("course-quick", {}, " (from a rehearsal, so its predictions are rough)"),
        (
            "mine",
            {"quick": True, "synthetic": False},
            " (from a rehearsal, so its predictions are rough)",
        ),
        ("synthetic", {}, " (trained on synthetic music, so it knows no other)"),
        ("course", {"synthetic": True}, " (trained on synthetic music, so it knows no other)"),
    ],
)
def test_a_rehearsal_and_synthetic_music_are_said(
    make_model, monkeypatch, tmp_path, capsys, run, results, said
):
    monkeypatch.setattr(champion, "load", lambda folder: ByPitch())
    folder = make_model(run, **results)
    classify.classify([str(write_sound(tmp_path / "a.wav", 2))])
    assert lines_of(capsys)[1] == [f"Model: {folder}{said}"]


def test_a_trained_champion_classifies(runs, tmp_path, capsys):
    rng = np.random.default_rng(0)
    segments = rng.normal(size=(20, 3, len(tables.FEATURES))).astype(np.float32)
    mel = rng.integers(0, 200, size=(20, 128, 387)).astype(np.uint8)
    tracks, labels = Tracks(segments, mel), np.arange(20) % 2
    effort = Effort(lstms=2, lstm_epochs=1, cnns=1, cnn_epochs=1)
    base = champion.base_classifiers(effort, random_state=0)
    trained = Champion(base, genres=["a", "b"], cv=2, random_state=0).fit(tracks, labels)
    champion.save(trained, runs / "toy" / "models" / "champion")

    path = write_sound(tmp_path / "song.mp3", 35)
    assert main(["classify", str(path), "--json"]) == 0
    (prediction,) = json.loads(capsys.readouterr().out)["files"]
    assert prediction["windows"] == 2
    assert sorted(prediction["genres"]) == ["a", "b"]
    assert sum(prediction["genres"].values()) == pytest.approx(1)


def test_a_reader_that_has_enough_is_no_error(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "genres", "classify", "--json", tmp_path]
    finished = subprocess.run(
        command, cwd=PROJECT, stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert finished.returncode == 141
    assert finished.stderr == f"{tmp_path} holds no file.\n"
