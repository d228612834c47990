"""``python -m benchmarks [NAME …]``: print the comparisons, and keep them.

They are kept in ``benchmarks/measured.json``, and in the table of the README.
"""

import importlib
import os
import platform
import sys
from pathlib import Path

from genres import files
from genres.report.publish import fill

HERE = Path(__file__).parent
MEASURED = HERE / "measured.json"
README = HERE.parent / "README.md"
BEGIN, END = "<!-- benchmarks:begin -->", "<!-- benchmarks:end -->"


def main(wanted):
    known = sorted(path.stem for path in HERE.glob("[a-z]*.py"))
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"There is no benchmark {unknown[0]}; there are {', '.join(known)}.", file=sys.stderr)
        return 2
    measured = files.read_json(MEASURED) if MEASURED.exists() else {}
    for name in wanted or known:
        rows = importlib.import_module(f"benchmarks.{name}").rows()
        machine = (
            f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        )
        measured[name] = {"machine": machine, "rows": rows}
        for row in rows:
            print(
                f"{row['name']}: {row['baseline_seconds']:.3g} s against {row['seconds']:.3g} s, "
                f"{row['ratio']:.1f} times as fast. {row['note']}",
                flush=True,
            )
        files.write_json(MEASURED, measured)
    files.write_text(README, fill(README, BEGIN, END, table(measured)))
    return 0


def table(measured):
    """Write the README's table of what was measured."""
    lines = ["| what | straightforward | here | ratio |", "|:--|--:|--:|--:|"]
    for name in sorted(measured):
        lines += [
            f"| {row['name']} | {row['baseline_seconds']:.3g} s | {row['seconds']:.3g} s "
            f"| {row['ratio']:.1f} |"
            for row in measured[name]["rows"]
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
