"""screen.bar: how far something is, is shown where the caller wants it, or nowhere."""

import io
import os
from contextlib import contextmanager

import pytest

from genres import Refusal, printable, screen
from genres.screen import bar


class Shown:
    """What is shown by a context manager of a caller's own."""

    def __init__(self):
        self.bars = []

    @contextmanager
    def __call__(self, label, total):
        steps = []
        self.bars.append((label, total, steps))
        yield steps.append
        steps.append("over")


def test_steps_are_one_course_that_never_falls_back_and_tells_what_is_left():
    now = [0.0]
    course = screen.Course({"read": 1, "measure": 3, "classify": 6}, lambda: now[0])
    assert course.at("read", 0) == {"share": 0, "left": None}
    now[0] = 2
    assert course.at("measure", 1 / 3) == {"share": 0.2, "left": None}  # too early to say
    now[0] = 5
    assert course.at("measure", 0.5) == {"share": 0.25, "left": 15}
    assert course.at("read", 0.5)["share"] == course.at("unknown", 1)["share"] == 0.25
    now[0] = 20
    assert course.at("classify", 1) == {"share": 1, "left": 0}


def test_a_callers_own_bar_gets_the_label_what_is_left_and_the_steps(capsys):
    shown = Shown()
    with bar(shown, "measure", 5, done=2) as step:
        step(2)
        step(1)
    assert shown.bars == [("measure", 3, [2, 1, "over"])]
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("progress", [Shown(), True, False])
@pytest.mark.parametrize("total", [0, 3])
def test_where_nothing_is_left_to_do_nothing_is_shown(capsys, progress, total):
    with bar(progress, "measure", total, done=total) as step:
        step(0)
    assert capsys.readouterr() == ("", "")
    assert getattr(progress, "bars", []) == []


def test_on_the_terminal_a_bar_begins_with_what_is_done_already(capsys):
    with bar(True, "measure", 8, done=4) as step:
        first = capsys.readouterr().err
        step(4)
    last = capsys.readouterr().err
    assert "measure:  50%" in first
    assert "4/8" in first
    assert "8/8" in last


def test_without_progress_nothing_is_shown(capsys):
    with bar(False, "measure", 8) as step:
        step(8)
    assert capsys.readouterr() == ("", "")


def test_a_path_is_shown_from_here_without_moving_the_cursor(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    odd = "two\nlines \x1b[31m\x9b\u202e\u2028\udce9"
    shown = r"two\nlines \x1b[31m\x9b\u202e\u2028\udce9"
    assert screen.seen_from_here(tmp_path / odd) == shown
    assert screen.seen_from_here(tmp_path.parent / odd) == f"{tmp_path.parent}/{shown}"
    assert str(Refusal(f"{odd} is odd.")) == f"{shown} is odd."


@pytest.mark.parametrize("name", ["zoë 音楽.wav", "نام‌ها.wav", "👩‍🎤.mp3", "a　b.wav"])
def test_names_in_other_scripts_are_shown_as_they_are(name):
    assert printable(name) == name


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("40.4% of 198, 95 % from 33% to 47%", "40.4 % of 198, 95 % from 33 % to 47 %"),
        ("max-width", "max-width"),
    ],
)
def test_percentages_are_written_with_a_space(text, written):
    assert screen.spaced(text) == screen.spaced(written) == written


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_last_lines_of_a_terminal_are_rewritten_and_what_is_said_stays_above(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((12, 3)))
    monkeypatch.setenv("TERM", "xterm")
    lines = screen.Lines()
    lines.show(["one", "two: much too long", "three"])
    lines.say("done")
    lines.show(["one"])
    lines.show([])
    up = "\x1b[{}A\x1b[J".format
    assert terminal.getvalue() == f"one\ntwo: much t\n{up(2)}done\none\n{up(1)}"


@pytest.mark.parametrize(("is_terminal", "kind"), [(False, "xterm"), (True, "dumb")])
def test_where_lines_cannot_be_rewritten_none_are_shown(monkeypatch, is_terminal, kind):
    stream = Terminal() if is_terminal else io.StringIO()
    monkeypatch.setattr("sys.stdout", stream)
    monkeypatch.setenv("TERM", kind)
    lines = screen.Lines()
    lines.show(["one"])
    lines.say("done")
    assert stream.getvalue() == "done\n"
