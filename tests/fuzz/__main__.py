"""``python -m tests.fuzz audio|tables --cases N --seconds S``: read mutated files, name the faults.

Each kind is a module here with ``run(cases, seconds, seed)``, which gives the faults it found.
"""

import argparse
import importlib
import sys

KINDS = ("audio", "tables")


def main(arguments=None):
    parser = argparse.ArgumentParser("python -m tests.fuzz", description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument(
        "--cases", type=int, default=1000, metavar="N", help="at most so many files"
    )
    parser.add_argument("--seconds", type=float, metavar="S", help="for at most so long")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other files")
    options = parser.parse_args(arguments)
    kind = importlib.import_module(f"tests.fuzz.{options.kind}")
    faults = kind.run(options.cases, options.seconds, options.seed)
    for fault in faults:
        print(fault)
    print(f"{options.kind}: {len(faults)} faults.")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
