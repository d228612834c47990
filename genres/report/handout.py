"""What does a student get?"""

import json
import re
from pathlib import Path

from genres import Refusal, files
from genres.project import find_notebooks

ANSWER = re.compile(r"<details>\s*<summary>Answer</summary>.*?</details>", re.S)
"""A folded answer in a notebook."""

PLACE_FOR_ANSWER = "*Your answer:* …"


def write(project: Path, folder: str | Path) -> list[Path]:
    """Write the notebooks without outputs and answers.

    They run where they are: the environment that the project was set up in knows its library.

    Parameters
    ----------
    project : Path
        The project's folder.
    folder : str or Path
        Where to write them; made if it is missing.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    Refusal
        If the folder holds other files of these names: a student may have worked in them.
    """
    folder = Path(folder).resolve()
    source = project / "notebooks"
    if folder == source.resolve():
        raise Refusal("The handout cannot take the notebooks' own place: name another folder.")
    notebooks = find_notebooks(project)
    texts = {folder / path.name: _without_answers(files.read_json(path)) for path in notebooks}
    texts[folder / "GLOSSARY.md"] = (source / "GLOSSARY.md").read_text("utf-8")
    for path, text in texts.items():
        if path.exists() and path.read_text("utf-8") != text:
            raise Refusal(
                f"{path} is there already, and differs: move it away, or name another folder "
                "with --out."
            )
    for path, text in texts.items():
        files.write_text(path, text)
    return list(texts)


def _without_answers(notebook):
    """Give a notebook's text, as nobody has executed it yet, with room for answers."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
        else:
            source = ANSWER.sub(PLACE_FOR_ANSWER, "".join(cell["source"]))
            cell["source"] = source.splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
