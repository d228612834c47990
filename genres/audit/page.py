"""How is an audit shown: in a terminal, in tables, and on a page that needs no network?"""

import base64
import hashlib
import html
import json
import os
import re
import textwrap
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import numpy as np
import pandas as pd

from genres import files, printable, shown
from genres.audit import shortcuts
from genres.screen import spaced

FOUND, CLEAR, UNCHECKED = "found", "clear", "unchecked"
"""What came of a check."""

SCHEMA = 1
"""Of audit.json."""

_HERE = Path(__file__).parent
_WIDTH, _NAME_WIDTH = 100, 26
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_ACROSS = ("genres", "the split")
_SCRIPTS = ("pictures.js", "page.js")
_FOLDS = "splits/artist_folds.csv, folds without an artist or a recording in two"
_POLICY = (
    "default-src 'none'; img-src data:; media-src 'self' file:; style-src '{style}'; "
    "script-src '{script}'"
)


class Check(NamedTuple):
    """What was looked for, and what came of it.

    Attributes
    ----------
    name, status : str
        ``found``, ``clear`` or ``unchecked``.
    n : int
        How many were found: pairs, names, clips.
    sentence : str
        The finding, or why there is none.
    """

    name: str
    status: str
    n: int
    sentence: str


class _Shown(NamedTuple):
    """How the page shows a fact: its name here and there, unit, digits, and in which measure."""

    name: str
    label: str
    unit: str = ""
    digits: int = 0
    scale: float = 1
    column: bool = False  # of the table of clips, not of its details alone


_SHOWN = (
    _Shown("duration", "Duration", "s", 1, column=True),
    _Shown("low_pass", "Low-pass", "kHz", 1, 1e-3, column=True),
    _Shown("bandwidth", "Bandwidth", "kHz", 1, 1e-3),
    _Shown("level", "Level", "dB", 1, column=True),
    _Shown("peak", "Peak", "dB", 1),
    _Shown("clipped", "Clipped", "%", 2, 100),
    _Shown("silence", "Silence", "%", 1, 100),
    _Shown("dc", "DC offset", "%", 2, 100),
    _Shown("sample_rate", "Sample rate", "Hz"),
    _Shown("bits", "Bits"),
    _Shown("bitrate", "Bit rate", "kbit/s"),
    _Shown("channels", "Channels"),
    _Shown("relation", "Their relation"),
    _Shown("format", "Format", column=True),
    _Shown("codec", "Codec"),
)


def checks(audit):
    """Say of each check what was found: the faults first, the worst of them at the top.

    Parameters
    ----------
    audit : genres.audit.audit.Audit

    Returns
    -------
    list of Check
    """
    found = [
        *_of_copies(audit),
        _of_people(audit, "artist"),
        _of_people(audit, "album"),
        _of_labels(audit),
        _of_shortcuts(audit),
        _of_defects(audit),
    ]
    order = [FOUND, CLEAR, UNCHECKED]
    return sorted(found, key=lambda check: order.index(check.status))


def _check(name, n, found, clear, lacking=None):
    """Make a check of what was found, or of why nothing could be."""
    if lacking:
        return Check(name, UNCHECKED, 0, f"Not checked: {lacking.rstrip('.')}.")
    return Check(name, FOUND if n else CLEAR, int(n), found if n else clear)


def _of_copies(audit):
    pairs, lacking = audit.copies, audit.unchecked
    clips, n_clips = audit.clips, len(audit.clips)
    genres, split = (pairs[pairs[f"across_{what}"]] for what in ("genres", "split"))
    n_exact, n_copied = int(pairs["exact"].sum()), int((clips["copies"] > 0).sum())
    n_groups = int(clips["copies"].max())
    ends = pd.unique(split[["first", "second"]].to_numpy().ravel())
    n_tested = int((clips["type"].loc[ends] == "Test").sum())
    n_testing, n_neither = (int((clips["type"] == side).sum()) for side in ("Test", ""))
    neither = f" Of {_n(n_neither, 'clip')} the split says nothing." if n_neither else ""
    only = f" {lacking['copies'].capitalize()}." if "copies" in lacking else ""
    yield _check(
        "copies across genres",
        len(genres),
        f"{_such_as(genres, clips)}: one recording with two labels.{only}",
        f"None: no recording has two labels.{only}",
    )
    yield _check(
        "copies across the split",
        len(split),
        f"{_n(len(split), 'pair')}: {n_tested:,} of {_n(n_testing, 'clip')} for testing "
        f"{'is' if n_tested == 1 else 'are'} among those for training, too.{only}",
        f"None: no clip for testing is among those for training.{neither}{only}",
        lacking.get("split"),
    )
    yield _check(
        "copies",
        len(pairs),
        f"{_n(len(pairs), 'pair')} in {_n(n_groups, 'group')}, {n_exact:,} of them exact: "
        f"{n_copied - n_groups:,} of {n_clips:,} clips could be left out.{only}",
        f"None among {_n(n_clips, 'clip')}.{only}",
    )


def _of_people(audit, kind):
    lacking = audit.unchecked.get("split") or audit.unchecked.get(f"{kind}s")
    across = audit.across[audit.across["kind"] == kind]
    known, n_clips = int((audit.clips[kind] != "").sum()), len(audit.clips)
    unknown = _n(n_clips - known, "clip")
    partly = f" No {kind} is known of {unknown}." if known < n_clips else ""
    n_tested, n_testing = across["test"].sum(), (audit.clips["type"] == "Test").sum()
    most = f", the most of {shown(across['name'].iloc[0])}" if len(across) else ""
    return _check(
        f"{kind}s across the split",
        len(across),
        f"{_n(len(across), kind)} on both sides: {n_tested:,} of {_n(n_testing, 'clip')} for "
        f"testing{most}.{partly}",
        f"None: no {kind} is on both sides.{partly}",
        lacking,
    )


def _of_labels(audit):
    doubtful, found = audit.doubtful, ""
    if len(doubtful):
        first = doubtful.iloc[0]
        given, suggested = (spaced(f"{first[p]:.0%}") for p in ("p_given", "p_suggested"))
        found = (
            f"{_n(len(doubtful), 'clip')} to listen to: {shown(audit.clips['clip'][first['clip']])}"
            f" is labelled {first['given']} ({given}), {first['suggested']} is more likely "
            f"({suggested})."
        )
    clear = "None found: no clip is as likely of another genre as that genre's own are."
    return _check("doubtful labels", len(doubtful), found, clear, audit.unchecked.get("labels"))


def _of_shortcuts(audit):
    found, lacking = audit.shortcuts, audit.unchecked.get("shortcuts")
    if lacking:
        return _check("shortcuts", 0, "", "", lacking)
    if found.verdict == shortcuts.UNKNOWN:
        return Check("shortcuts", UNCHECKED, 0, found.sentence)
    music = " Music may explain it." if found.verdict == shortcuts.PERHAPS else ""
    sentence = found.sentence + music + _partly(audit)
    return _check("shortcuts", found.verdict != shortcuts.NONE, sentence, sentence)


def _of_defects(audit):
    lacking, found = audit.unchecked.get("defects"), audit.defects
    n_clips = found["clip"].nunique()
    counts = ", ".join(f"{name} {n:,}" for name, n in found["defect"].value_counts().items())
    partly = _partly(audit)
    found = f"{_n(n_clips, 'clip')}: {counts}.{partly}"
    return _check("defects", n_clips, found, f"None.{partly}", lacking)


def _partly(audit):
    """Say of how many clips there is sound, where there is not of all."""
    n_clips, n_heard = len(audit.clips), int((audit.clips["path"] != "").sum())
    if n_heard == n_clips:
        return ""
    return f" Sound is at hand of {n_heard:,} of {_n(n_clips, 'clip')}, and these were looked at."


def _such_as(pairs, clips):
    """Count pairs, and name the first of them."""
    if pairs.empty:
        return ""
    first, second = (shown(clips["clip"][pairs[side].iloc[0]]) for side in ("first", "second"))
    such = ", such as" if len(pairs) > 1 else ","
    return f"{_n(len(pairs), 'pair')}{such} {first} and {second}"


def _n(n, what):
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def as_text(audit):
    """Write what was found as a table for a terminal, 100 columns wide at most."""
    lines = [f"{'check':{_NAME_WIDTH}}finding", "-" * _WIDTH]
    for check in checks(audit):
        wrapped = textwrap.wrap(printable(check.sentence), _WIDTH - _NAME_WIDTH)
        for number, line in enumerate(wrapped):
            lines.append(f"{'' if number else check.name:{_NAME_WIDTH}}{line}")
    return "\n".join(lines)


def content(audit):
    """Give all that was found as audit.json has it, clips by their names."""
    names = audit.clips["clip"]
    causes = audit.shortcuts
    return {
        "schema": SCHEMA,
        "name": audit.name,
        "source": printable(audit.source),
        "n_clips": len(audit.clips),
        "genres": audit.clips["genre"].value_counts(sort=False).to_dict(),
        "checks": [check._asdict() for check in checks(audit)],
        "unchecked": audit.unchecked,
        "copies": _records(audit.copies, names, "first", "second"),
        "across": _records(audit.across, names),
        "doubtful": _records(audit.doubtful, names, "clip", "like_given", "like_suggested"),
        "shortcuts": None if causes is None else _shortcuts(causes),
        "defects": _records(audit.defects, names, "clip"),
        "left_out": audit.left_out,
        "n_in_folds": int((audit.clips["fold"] > 0).sum()),
    }


def _shortcuts(found):
    plain = _plain(found._asdict() | {"causes": None, "genres": None})
    return plain | {name: _records(getattr(found, name)) for name in ("causes", "genres")}


def _records(table, names=(), *clips):
    """Give a table's rows, the clips in some columns by their names."""
    table = table.copy()
    for column in clips:
        of = table[column]
        table[column] = [
            names[clip].tolist() if isinstance(clip, list) else names[clip] for clip in of
        ]
    return [_plain(row) for row in table.to_dict("records")]


def _plain(row):
    """Give a row as JSON can have it: numbers that are not known are None."""
    plain = {}
    for name, value in row.items():
        value = value.item() if isinstance(value, np.generic) else value
        unknown = isinstance(value, float) and not np.isfinite(value)
        plain[name] = None if unknown else value
    return plain


def write(audit, folder: Path):
    """Write the page of an audit.

    It asks for nothing but the sound of the clips, at their places relative to the page. Names of
    files and tags, which may be anything, are text in it.

    Parameters
    ----------
    audit : genres.audit.audit.Audit
    folder : Path
        Where to; the page is called ``audit.html``.

    Returns
    -------
    Path
        The page.
    """
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    script = "".join((_HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    n_clips, n_genres = len(audit.clips), audit.clips["genre"].nunique()
    found = [
        f'<tr class="{check.status}"><th scope="row">{html.escape(check.name)}</th>'
        f"<td>{html.escape(printable(check.sentence))}</td></tr>"
        for check in checks(audit)
    ]
    has_folds = bool((audit.clips["fold"] > 0).any())
    words = {
        "policy": _POLICY.format(style=_hash(style), script=_hash(script)),
        "title": html.escape(f"Audit of {printable(audit.name)}"),
        "summary": html.escape(
            f"{_n(n_clips, 'clip')} of {_n(n_genres, 'genre')}, in {printable(audit.source)}."
        ),
        "findings": "\n".join(found),
        "folds": _FOLDS if has_folds else "no folds by artist",
        "style": style,
        "data": json.dumps(_data(audit, folder), allow_nan=False).replace("<", "\\u003c"),
        "script": script,
    }
    page = (_HERE / "page.html").read_text(encoding="utf-8")
    page = re.sub(r"\{(\w+)\}", lambda name: words[name[1]], page)
    path = folder / "audit.html"
    files.write_text(path, page)
    return path


def _hash(text):
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _data(audit, folder):
    """Give what the page's scripts show, clips by their rows."""
    clips, copies = audit.clips, audit.copies.drop(columns=["across_genres", "across_split"])
    spread = clips.groupby("genre", sort=False)["bandwidth"].quantile(list(_QUANTILES)).unstack()
    flags = audit.copies[["across_genres", "across_split"]].to_numpy()
    return {
        "genres": clips["genre"].unique().tolist(),
        "facts": [fact._asdict() for fact in _SHOWN],
        "clips": _clips(audit, folder),
        "copies": [
            _plain(row)
            | {"across": [name for name, flag in zip(_ACROSS, is_, strict=True) if flag]}
            for row, is_ in zip(copies.to_dict("records"), flags, strict=True)
        ],
        "across": audit.across.to_dict("records"),
        "labels": [_plain(row) for row in audit.doubtful.to_dict("records")],
        "shortcuts": None if audit.shortcuts is None else _shortcuts(audit.shortcuts),
        "bandwidth": [
            {"genre": genre, "quantiles": quantiles.tolist()}
            for genre, quantiles in spread.dropna().iterrows()
        ],
        "defects": [
            {"clip": row.clip, "defect": row.defect, "sentence": printable(row.sentence)}
            for row in audit.defects.itertuples()
        ],
    }


def _clips(audit, folder):
    """Give what the page says of each clip: names, what was found of it, and facts."""
    found = defaultdict(list)
    names = audit.clips["clip"]
    for pair in audit.copies.itertuples():
        for clip, other in ((pair.first, pair.second), (pair.second, pair.first)):
            found[clip].append(("copy", f"The same recording as {names[other]}."))
    for row in audit.doubtful.itertuples():
        sentence = f"{row.suggested} is more likely than {row.given}."
        found[row.clip].append(("doubtful label", sentence))
    for row in audit.defects.itertuples():
        found[row.clip].append((row.defect, printable(row.sentence)))
    numbers = audit.clips[[fact.name for fact in _SHOWN]]
    words = audit.clips[["clip", "genre", "type", "artist", "album", "title", "path", "fault"]]
    made = []
    for row, facts in zip(words.itertuples(), numbers.to_dict("records"), strict=True):
        clip = {"name": row.clip, "genre": row.genre, "split": row.type, "artist": row.artist}
        clip |= {"album": row.album, "title": row.title, "found": found[row.Index]}
        clip["path"] = _address(row.path, folder) if row.path and not row.fault else None
        clip["facts"] = [
            fact.scale * value if isinstance(value, float) else value
            for fact, value in zip(_SHOWN, _plain(facts).values(), strict=True)
        ]
        made.append(clip)
    return made


def _address(path, folder):
    """Give the address of a file, as a page in a folder has it."""
    try:
        place = Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return Path(path).as_uri()
    return quote(os.fsencode(place))
