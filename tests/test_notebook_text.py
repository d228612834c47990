"""How the notebooks of the second edition read, and whether their exercises' answers are true."""

import ast
import re
from doctest import ELLIPSIS, NORMALIZE_WHITESPACE, OutputChecker
from statistics import median

import nbformat
import pytest
from rehearsals import ANSWER

from genres.project import PROJECT
from genres.report import pages

SECOND_EDITION = [
    "01-feature-distributions",
    "02-knn-baseline",
    "03-feature-search",
    "04-model-exploration",
    "05-lstm-ensemble",
    "06-honest-evaluation",
    "07-spectrogram-models",
    "08-mel-vs-mfcc",
    "09-genre-maps",
    "10-wavelets-and-leakage",
    "11-champion",
    "12-genre-timeline",
    "13-transfer",
    "14-your-own-classifier",
]
"""The notebooks that follow the rules for authors in CONTRIBUTING.md."""

MEDIAN_OF_LINES, MOST_LINES = 8, 20  # of code in a cell
MOST_PROSE = 0.08  # of the lines of code
A_SENTENCE = 5  # words, from which on a string in the code is prose
LEAST_FORMULAS = 2  # that stand in a line of their own

FORMULA = re.compile(r"\$\$(.+?)\$\$", re.S)
REFERENCE = re.compile(r"- (?P<surname>\w[\w'’-]*).*?\((?P<year>\d{4})\)\.")
NAMES = r"(?P<surname>[^\W\d_a-z][\w'’-]+)(?:(?:, [^\W\d_a-z][\w'’-]+)*,? and [\w'’-]+)?"
CITED = re.compile(rf"{NAMES}(?:,| \() ?(?P<year>(?:19|20)\d\d)\b")


def read(name):
    return nbformat.read(PROJECT / "notebooks" / f"{name}.ipynb", as_version=4)


def sources(notebook, kind):
    return [cell.source for cell in notebook.cells if cell.cell_type == kind]


def lines_of_code(source):
    return [line for line in source.splitlines() if line.strip()]


def lines_of_prose(source):
    """Number the lines that hold a piece of prose: a string as long as a sentence.

    What computed parts an f-string has does not count as words; a function's docstring is no part
    of what is shown.
    """
    tree, found = ast.parse(source), set()
    holders = (ast.FunctionDef, ast.ClassDef, ast.Module)
    ignored = {id(node.body[0].value) for node in ast.walk(tree) if has_docstring(node, holders)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [part for part in node.values if isinstance(part, ast.Constant)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            parts = [node]
        else:
            continue
        text = " ".join(part.value for part in parts)
        if id(node) not in ignored and len(re.findall(r"[^\W\d_]{2,}", text)) >= A_SENTENCE:
            found |= set(range(node.lineno, node.end_lineno + 1))
    return found


def has_docstring(node, holders):
    return isinstance(node, holders) and ast.get_docstring(node) is not None


def test_prose_in_code_is_what_reads_like_a_sentence():
    code = '''
def vote(labels):
    """Give the label that most of the neighbours have, or the smaller one."""
    return "two words"
say(
    f"It is {vote([1]):.1%} of all clips that "
    "the classifier gets right."
)
title = "accuracy of one LSTM"
'''
    assert lines_of_prose(code) == {6, 7}


def test_a_reference_and_what_cites_it_are_recognised():
    text = (
        "see Nadeau and Bengio (2003), (Guo and others, 2017), (Kereliuk, Sturm and Larsen, 2015)"
    )
    assert [(cited["surname"], cited["year"]) for cited in CITED.finditer(text)] == [
        ("Nadeau", "2003"),
        ("Guo", "2017"),
        ("Kereliuk", "2015"),
    ]
    listed = REFERENCE.match("- O'Neil, C. and Schutt, R. (2013). *Doing data science*.")
    assert (listed["surname"], listed["year"]) == ("O'Neil", "2013")


@pytest.fixture(params=SECOND_EDITION)
def notebook(request):
    return read(request.param)


def test_a_cell_has_one_idea(notebook):
    lengths = [len(lines_of_code(source)) for source in sources(notebook, "code")]
    assert median(lengths) <= MEDIAN_OF_LINES
    assert max(lengths) <= MOST_LINES


def test_prose_is_not_written_in_code(notebook):
    code = sources(notebook, "code")
    n_lines = sum(len(lines_of_code(source)) for source in code)
    assert sum(len(lines_of_prose(source)) for source in code) / n_lines < MOST_PROSE


def test_no_rule_of_style_is_switched_off(notebook):
    assert not any("# noqa" in source for source in sources(notebook, "code"))


def test_networks_that_a_cell_itself_trains_or_asks_are_seeded(notebook):
    is_seeded = False
    for source in sources(notebook, "code"):
        calls = {line for line in source.splitlines() if not line.startswith(" ")}
        is_seeded |= "keras.utils.set_random_seed(SEED)" in calls
        asked = [line for line in calls if re.search(r"\.(compile|get_weights)\(", line)]
        assert is_seeded or not asked, asked


def test_formulas_are_in_the_text_and_can_be_drawn_on_a_page(notebook):
    formulas = [found for text in sources(notebook, "markdown") for found in FORMULA.findall(text)]
    assert len(formulas) >= LEAST_FORMULAS
    for formula in formulas:
        assert "<img " in pages.of_markdown(f"$${formula}$$", "formula").body, formula


def test_references_stand_at_the_end_and_are_those_that_are_cited(notebook):
    *texts, references = sources(notebook, "markdown")
    assert notebook.cells[-1].source == references
    heading, *entries = references.strip().split("\n")
    assert heading == "## References"
    listed = {REFERENCE.match(entry).group("surname", "year") for entry in entries if entry}
    cited = {found.group("surname", "year") for text in texts for found in CITED.finditer(text)}
    assert cited == listed


def test_pictures_have_words_for_who_does_not_see_them(notebook):
    for text in sources(notebook, "markdown"):
        assert not re.search(r"!\[\s*\]\(", text)
        for picture in re.findall(r"<img\b[^>]*>", text):
            assert re.search(r'\balt="[^"]+"', picture), picture
    assert_pictures_have_words(notebook)


def assert_pictures_have_words(notebook):
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                words = output.metadata.get("image/png", {}).get("alt", "")
                assert len(words.split()) >= 3, cell.source


def test_exercises_have_answers_of_code_and_what_it_shows(notebook):
    exercises = notebook.cells[-2].source
    assert exercises.startswith("## Try something\n")
    answers = list(ANSWER.finditer(exercises))
    assert len(answers) == exercises.count("<details>")
    for answer in answers:
        assert len(lines_of_code(answer["code"])) <= MOST_LINES


@pytest.mark.parametrize("name", SECOND_EDITION)
def test_answers_show_what_they_say(name, quick_run, real_data):
    """Look at what the code of the answers showed, in the kernel of the notebook before it."""
    answers = list(ANSWER.finditer(read(name).cells[-2].source))
    executed = nbformat.read(quick_run / "notebooks" / f"{name}.ipynb", as_version=4)
    assert_pictures_have_words(executed)
    cells = [cell for cell in executed.cells if cell.id.startswith("answer-")]
    for answer, cell in zip(answers, cells, strict=True):
        assert_shows(cell, answer["shown"])


def assert_shows(cell, expected):
    """Compare what a cell shows with what is written of it, where … stands for anything."""
    shown = "\n".join(filter(None, map(text_of, cell.outputs)))
    wanted = expected.replace("…", "...")
    options = ELLIPSIS | NORMALIZE_WHITESPACE
    assert OutputChecker().check_output(f"{wanted}\n", f"{shown}\n", options), shown


def text_of(output):
    """Give what an output shows, in words."""
    if output.output_type == "stream":
        return output.text.rstrip()
    if "image/png" in output.data:
        return output.metadata["image/png"]["alt"]
    return output.data.get("text/markdown") or output.data["text/plain"]
