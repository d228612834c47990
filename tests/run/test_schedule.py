"""run.schedule: which notebooks wait for which, which come first, and when all are done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genres import project
from genres.project import PROJECT
from genres.run.schedule import Schedule, prerequisites

# Which wait for which


def test_a_notebook_of_the_report_waits_for_those_whose_models_and_predictions_it_takes():
    expected = {
        "10-wavelets-and-leakage": set(),
        "11-champion": {"06-honest-evaluation"},
        "12-genre-timeline": {"05-lstm-ensemble", "11-champion"},
        "13-transfer": {"06-honest-evaluation"},
        "14-your-own-classifier": {
            *("05-lstm-ensemble", "06-honest-evaluation", "11-champion", "13-transfer"),
        },
    }
    needs = prerequisites(project.find_notebooks(PROJECT))
    assert {name: needs[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("earlier", "later", "waits"),
    [
        ("save(bench.run.champion)", "load(bench.run.champion)", True),
        ("save(bench.run.champion)", "load(bench.run.champion / 'x')", True),
        ("save(bench.run.champion)", "load(bench.run.predictions)", False),
        ("save(bench.run.champion)", "champion.load(run.champion)", False),
        ("save(bench.run.champion)", "load(bench.folder / 'models')", True),
        ("save(bench.run.models)", "load(bench.run.champion)", True),
        ("save(bench.run)", "load(bench.run.champion)", True),
        ("save(bench.run)", "1", False),
        ("%load champion", "load(bench.run.champion)", True),
        ("save(bench.run.champion)", "%load champion", True),
        ("1", "load(bench.run)", False),
        ("1", "2", False),
    ],
)
def test_who_names_the_same_thing_that_is_kept_comes_later(
    make_toy_project, tmp_path, earlier, later, waits
):
    made = make_toy_project(tmp_path).write("01-a", earlier).write("02-b", later)
    needs = prerequisites([made.notebook("01-a"), made.notebook("02-b")])
    assert needs == {"01-a": set(), "02-b": {"01-a"} if waits else set()}


def test_who_takes_what_another_made_does_not_wait_for_those_that_took_it_before(
    make_toy_project, tmp_path
):
    made = make_toy_project(tmp_path)
    for name in ("01-a", "02-b", "03-c"):
        made.write(name, "bench.run.champion")
    needs = prerequisites([made.notebook(name) for name in ("01-a", "02-b", "03-c")])
    assert needs == {"01-a": set(), "02-b": {"01-a"}, "03-c": {"01-a"}}


# Which come first


def started(schedule):
    return [name for name in iter(schedule.start, None)]


def test_one_at_a_time_they_keep_their_order():
    schedule = Schedule({"a": set(), "b": set()}, {"a": 1.0, "b": 9.0}, jobs=1)
    assert started(schedule) == ["a"]
    schedule.finish("a", 1.0)
    assert started(schedule) == ["b"]


def test_the_longest_way_to_the_end_comes_first():
    needs = {"a": set(), "b": set(), "c": set(), "d": {"a"}}
    schedule = Schedule(needs, {"a": 1.0, "b": 2.0, "c": 7.0, "d": 8.0}, jobs=2)
    assert started(schedule) == ["a", "c"]
    assert schedule.running == ["a", "c"]
    schedule.finish("c", 7.0)
    assert started(schedule) == ["b"]
    schedule.finish("a", 1.0)
    assert started(schedule) == ["d"]


def test_what_is_not_executed_is_not_waited_for():
    assert started(Schedule({"b": {"a"}}, {"b": None}, jobs=1)) == ["b"]


def test_who_cannot_have_company_is_known_when_it_starts():
    needs = {"a": set(), "b": {"a"}, "c": {"b"}, "d": set()}
    schedule = Schedule(needs, dict.fromkeys(needs, 5.0), jobs=2)
    assert started(schedule) == ["a", "d"]
    assert [schedule.at_once(name) for name in "ad"] == [2, 2]
    schedule.finish("d", 5.0)
    assert schedule.at_once("a") == 1
    schedule.finish("a", 5.0)
    assert started(schedule) == ["b"]
    assert schedule.at_once("b") == 1


NAMES = "abcdefg"


@st.composite
def schedules(draw):
    """Notebooks that need some of those before them, how long each takes, and how many at once."""
    seconds = {name: draw(st.floats(0.5, 100)) for name in NAMES[: draw(st.integers(1, 7))]}
    needs = {
        name: draw(st.sets(st.sampled_from(NAMES[: NAMES.index(name)]))) if name > "a" else set()
        for name in seconds
    }
    return needs, seconds, draw(st.integers(1, 4))


def simulate(schedule, needs, seconds):
    """Execute what takes these seconds; give when the last one is done."""
    now, ends, done = 0.0, {}, set()
    while True:
        for name in started(schedule):
            assert needs[name] <= done, "started too early"
            ends[name] = now + seconds[name]
        if not ends:
            assert done == set(seconds), "left out"
            return now
        assert len(ends) <= schedule.jobs
        first = min(ends, key=ends.get)
        now = ends.pop(first)
        schedule.finish(first, seconds[first])
        done.add(first)


@given(schedules())
def test_a_forecast_is_when_the_schedule_ends(drawn):
    needs, seconds, jobs = drawn
    forecast = Schedule(needs, seconds, jobs).left()
    assert simulate(Schedule(needs, seconds, jobs), needs, seconds) == pytest.approx(forecast)


# How long it takes


def flying(expected, jobs=1):
    schedule = Schedule({name: set() for name in expected}, expected, jobs)
    return schedule, started(schedule)


def test_a_forecast_goes_down_with_the_notebook_in_flight_but_not_below_the_others():
    schedule, _ = flying({"a": 10.0, "b": 20.0})
    assert schedule.left() == 30
    assert schedule.left({"a": 4}) == 26
    assert schedule.left({"a": 100}) == 20


def test_of_two_in_flight_the_longer_one_counts():
    schedule, _ = flying({"a": 10.0, "b": 20.0, "c": 5.0}, jobs=2)
    assert schedule.left() == 20
    assert schedule.left({"a": 1, "b": 8}) == 14


@given(st.floats(1, 1e4), st.floats(1, 1e4), st.floats(0.1, 10))
def test_a_machine_so_many_times_slower_is_expected_to_stay_so(first, second, times):
    schedule, _ = flying({"a": first, "b": second})
    schedule.finish("a", first * times)
    assert schedule.left() == pytest.approx(second * times)


def test_there_is_no_forecast_before_the_last_unknown_notebook_is_done():
    schedule, _ = flying({"a": None, "b": 5.0})
    assert schedule.left() is None
    schedule.finish("a", 100)
    assert schedule.left() == 5
