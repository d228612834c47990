"""``python -m benchmarks [NAME …]``: print the comparisons, and keep them in measured.json."""

import importlib
import os
import platform
import sys
from pathlib import Path

from genres import files

HERE = Path(__file__).parent
MEASURED = HERE / "measured.json"


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
        files.write_json(MEASURED, measured)
        for row in rows:
            print(
                f"{row['name']}: {row['baseline_seconds']:.3g} s against {row['seconds']:.3g} s, "
                f"{row['ratio']:.1f} times as fast. {row['note']}",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
