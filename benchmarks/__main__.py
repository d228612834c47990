"""``python -m benchmarks [--publish] [NAME …]``: measure, print and, if asked to, publish.

What is published is kept in ``benchmarks/measured.json``, and in the table of ``docs/SPEED.md``.
"""

import argparse
import importlib
import os
import platform
import sys
from pathlib import Path

from benchmarks import shown
from genres import files
from genres.report.publish import fill

HERE = Path(__file__).parent
MEASURED = HERE / "measured.json"
PAGE = HERE.parent / "docs" / "SPEED.md"
BEGIN, END = "<!-- benchmarks:begin -->", "<!-- benchmarks:end -->"


def main(arguments):
    known = sorted(path.stem for path in HERE.glob("[a-z]*.py"))
    parser = argparse.ArgumentParser(
        "python -m benchmarks", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(known)}")
    parser.add_argument(
        "--publish", action="store_true", help=f"write {MEASURED.name} and {PAGE.name}"
    )
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in known]
    if unknown:
        print(f"There is no benchmark {unknown[0]}; there are {', '.join(known)}.", file=sys.stderr)
        return 2
    measured = files.read_json(MEASURED)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    names = options.names or known
    for number, name in enumerate(names, start=1):
        print(f"[{number}/{len(names)}] {name} …", file=sys.stderr, flush=True)
        rows = importlib.import_module(f"benchmarks.{name}").rows()
        if not rows:
            continue
        measured[name] = {"machine": machine, "rows": rows}
        for row in rows:
            print(
                f"{row['name']}: {shown(row['baseline_seconds'])} s against "
                f"{shown(row['seconds'])} s, {row['ratio']:,.1f} times as fast. {row['note']}",
                flush=True,
            )
        if options.publish:
            files.write_json(MEASURED, measured)
            files.write_text(PAGE, fill(PAGE, BEGIN, END, table(measured)))
    return 0


def table(measured):
    """Write the table of what was measured, and on which machine, as Markdown."""
    machines = " and ".join(sorted({found["machine"] for found in measured.values()}))
    lines = [f"Measured on {machines}.", ""]
    lines += ["| what | straightforward | here | ratio |", "|:--|--:|--:|--:|"]
    for name in sorted(measured):
        lines += [
            f"| {row['name']} | {shown(row['baseline_seconds'])} s "
            f"| {shown(row['seconds'])} s | {row['ratio']:,.1f} |"
            for row in measured[name]["rows"]
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
