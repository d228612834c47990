"""The front page and what it leads to: its findings are the published ones, its links lead on."""

import csv
import re
import shlex
from functools import cache

import numpy as np
import pytest

from genres import files
from genres.__main__ import main
from genres.project import PROJECT
from genres.report import ledger
from genres.run.provenance import read_cells

PAGES = sorted(
    path.relative_to(PROJECT).as_posix()
    for pattern in ("*.md", "docs/*.md", "notebooks/*.md", "data/*.md", "data/synthetic/*.md")
    for path in PROJECT.glob(pattern)
)
NOTEBOOKS = sorted(f"notebooks/{path.name}" for path in PROJECT.glob("notebooks/[0-9]*.ipynb"))
README = (PROJECT / "README.md").read_text(encoding="utf-8")


def read_prose(page):
    """Read a page's text: of a notebook, its cells of prose."""
    if page.endswith(".ipynb"):
        return "\n".join(text for kind, text, _ in read_cells(PROJECT / page) if kind == "markdown")
    return (PROJECT / page).read_text(encoding="utf-8")


def findings():
    """Give the text of the three findings, without links and numbers of notebooks."""
    section = README.partition("## Three findings\n")[2].partition("\n!")[0]
    return [
        re.sub(r"\(?\[.+?\]\(.+?\)\)?", "", line)
        for line in re.findall(r"^\d\. (.+)$", section, re.M)
    ]


def numbers(text):
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]


def percent(share, n_decimals=0):
    return round(100 * share, n_decimals)


def test_the_readme_is_a_front_page():
    assert len(README.splitlines()) <= 130
    assert len(findings()) == 3


def test_the_first_finding_is_the_published_one(published):
    baseline = published["02-knn-baseline"]
    accuracy = percent(baseline["accuracy"], 1)
    interval = [percent(end, 1) for end in baseline["interval"]]
    assert numbers(findings()[0]) == [accuracy, accuracy, baseline["n_test"], 95, *interval]
    rows = [
        row
        for row in ledger.read(PROJECT / ledger.PLACE)
        if row.report == "1" and row.notebook == "02-knn-baseline" and row.reported
    ]
    assert f"{accuracy}%" in [row.reported for row in rows]
    for row in rows:
        assert ledger.here(row, published) == row.reported, row.shows  # "in every cell"


def test_the_second_finding_is_the_published_one(published):
    found = published["10-wavelets-and-leakage"]
    at_random, by_track = (
        percent(np.mean(found[f"{split}_split_accuracies"]), 1) for split in ("random", "track")
    )
    gap = [percent(found["gap"][end], 1) for end in ("accuracy", "low", "high")]
    rounded = [round(at_random), round(by_track)]
    expected = [*rounded, 90.35, 3, at_random, by_track, gap[0], 95, *gap[1:]]
    assert numbers(findings()[1]) == expected


def test_the_leaderboards_figures_are_the_published_ones():
    board = csv.DictReader((PROJECT / "figures/evaluations/leaderboard.csv").open())
    rows = {row["model"]: row for row in board}
    named = ["champion", "LSTM ensemble", "SVM, 63 features", "gradient_boosting", "keras_cnn"]
    (sentence,) = re.findall(r"With no artist on both sides, the champion .+", README)
    accuracies = [percent(float(rows[name]["artists accuracy"]), 1) for name in [*named, "knn"]]
    assert numbers(sentence) == [accuracies[0], int(rows["champion"]["artists n"]), *accuracies[1:]]
    assert rows["cheat"]["artists accuracy"] == rows["knn"]["artists accuracy"]


def test_the_third_finding_is_the_published_one(published):
    scores = published["06-honest-evaluation"]["faults"]["artist"]
    best = max(scores.values(), key=lambda row: row["honest"])
    at_random, by_artist = percent(best["naive"]), percent(best["honest"])
    expected = [at_random, by_artist, at_random, best["n"], by_artist]
    assert numbers(findings()[2]) == expected
    losses = [row["naive"] - row["honest"] for row in scores.values()]
    assert min(losses) == best["naive"] - best["honest"]  # "Every other … loses more"


def test_the_interval_beside_the_first_reports_ensemble_is_the_published_one(published):
    (sentence,) = re.findall(r"The first report's 80\.3 %.+?\.(?= |\n)", README)
    low, high = (percent(end, 1) for end in published["05-lstm-ensemble"]["interval"])
    assert numbers(re.sub(r"notebook \d+", "", sentence)) == [80.3, 95, low, high]
    assert low < 80.3 < high


def test_what_is_said_of_the_champion_is_the_published_one(published):
    (sentences,) = re.findall(r"The champion's .+?(?=: these two figures)", README)
    champion = published["11-champion"]
    lead = champion["lead"]["LSTMs of the report, unpaired"]
    unmet, filtered = (
        champion["scores"][split] for split in ("artists never met", "fault-filtered split")
    )
    expected = [
        percent(champion["accuracies"][0], 1),
        *(round(lead[end], 1) for end in ("difference", "low", "high")),
        champion["n_test"],
        *(percent(unmet[end], 1) for end in ("accuracy", "low", "high")),
        *(percent(filtered[end], 1) for end in ("accuracy", "low", "high")),
    ]
    assert numbers(sentences) == expected


def test_what_is_said_of_the_joined_network_is_the_published_one(published):
    (sentence,) = re.findall(r"The joined network of report 5 .+?%", README)
    models = published["08-mel-vs-mfcc"]["models"]
    standardised = np.mean(models["both: joined, standardised"]["accuracies"])
    assert numbers(sentence) == [5, percent(standardised, 1)]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    assert find_dead_links(PROJECT / page) == []


def test_dead_links_are_found(tmp_path):
    page, other = tmp_path / "page.md", tmp_path / "other.md"
    page.write_text(
        "[a](other.md#what-is-it) [b](#own-heading) [c](https://nowhere.invalid) [d](missing.md)\n"
        "![e](no.png) [f](other.md#elsewhere) [g](#nothing)\n\n# Own heading\n"
        "```\n[in code](missing-too.md)\n```\n"
    )
    other.write_text("## What `is` it?\n")
    assert find_dead_links(page) == ["missing.md", "no.png", "other.md#elsewhere", "#nothing"]


def find_dead_links(page):
    """List the links of a page, to files and to places in them, that lead nowhere."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not re.match(r"https?:", link) and not (
            target.exists() and (not anchor or anchor in anchors(target.resolve()))
        ):
            dead.append(link)
    return dead


@cache
def anchors(path):
    """Give the anchors of a Markdown file, as GitHub makes them, or of a notebook's cells."""
    if path.suffix == ".ipynb":
        return {f"cell-id={cell['id']}" for cell in files.read_json(path)["cells"]}
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands_of(text):
    """Give the words of the commands that a page names, in blocks of code and in prose."""
    programs = r"(\.venv/bin/genres|\.venv\\Scripts\\genres|\./run_all\.sh)"
    for program, rest in re.findall(rf"{programs}((?: [^`#\n]*)?)", text):
        words = shlex.split(re.sub(r"\W*…$", "", rest).replace("[RUN]", ""))
        if program == "./run_all.sh" and (not words or words[0].startswith("-")):
            words = ["run", *words]
        yield words


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS])
def test_a_command_that_a_page_names_exists(page, capsys):
    for words in commands_of(read_prose(page)):
        if words:
            check_command(["--check", *words], capsys)


def check_command(words, capsys):
    try:
        assert main(words) == 0
    except SystemExit as ended:
        said = capsys.readouterr().err
        # A name of a command in prose stands without what it needs.
        assert ended.code == 0 or "required" in said, f"{' '.join(words)}: {said}"


def test_no_page_names_another_way_to_the_command_line():
    for page in [*PAGES, *NOTEBOOKS]:
        assert "-m genres " not in read_prose(page), page


@pytest.mark.parametrize(
    "command", ["genres classfy x.mp3", "genres run --quik", "genres data get gtzan"]
)
def test_a_command_that_does_not_exist_is_found(command, capsys):
    with pytest.raises(AssertionError):
        check_command(["--check", *command.split()[1:]], capsys)


def test_percentages_are_written_one_way_in_prose():
    pages = {
        page: re.sub(r"(?s)```.+?```|`[^`]+`|“.+?”|\".+?\"", "", read_prose(page))
        for page in [*PAGES, *NOTEBOOKS]
    }
    odd = {page: re.findall(r"[^\n]{0,20}\d%[^\n]{0,9}", text) for page, text in pages.items()}
    assert not any(odd.values()), odd


def test_percentages_are_written_one_way_by_the_code():
    """Where a sentence has a computed one, it goes through `genres.screen.spaced`."""
    code = [*PROJECT.glob("genres/**/*.py"), PROJECT / "utils.py"]
    for path in code:
        for line in path.read_text(encoding="utf-8").splitlines():
            if re.search(r"\{[^{}\"]+:\.?\d?%\}", line):
                assert "spaced(" in line, f"{path.name}: {line.strip()}"
