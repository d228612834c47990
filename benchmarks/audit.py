"""Auditing a whole collection from the command line, against listening to it.

The built-in corpus is taken, each clip at four speeds, at which it is another one. What is counted
is the time of all processes, so that it is the same on a machine that has other work to do.
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil
import soundfile
import soxr

from benchmarks import row
from benchmarks.copies import PER_GENRE, SPEEDS, WORKERS
from genres import parallel
from genres.decoding import audio
from genres.project import PROJECT
from genres.synth import builtin, corpus

_SECONDS, _POLL_SECONDS = 30, 0.2


def rows():
    clips = builtin.audio(PER_GENRE, WORKERS)
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large"
        write_at_speeds(clips, large)
        return compare(clips, large)


def write_at_speeds(source, target):
    """Write each clip of the built-in corpus at four speeds."""
    names = [Path(entry.genre, entry.name) for entry in corpus.entries(PER_GENRE)]
    for genre in corpus.GENRES:
        (target / genre).mkdir(parents=True)
    for _ in parallel.each(partial(_write_at_speeds, source, target), names, WORKERS):
        pass


def compare(small, large):
    """Audit two collections, and give the rows of what that took."""
    with tempfile.TemporaryDirectory() as folder:
        one = Path(folder) / "one"
        one.mkdir()
        (one / "rock").symlink_to(small / "rock")
        _audit(one, folder)  # compiles, or loads what is compiled
        few, many = (_audit(place, folder) for place in (small, large))
    return comparisons(few, many)


def comparisons(few, many):
    """Give the rows of two audits, as `_audit` has them."""
    n_few = PER_GENRE * len(corpus.GENRES)
    n_many = n_few * (1 + len(SPEEDS))
    return [
        row(
            f"audit of {n_few:,} clips of 30 s",
            n_few * _SECONDS,
            few["wall"],
            f"By the clock, with {WORKERS} workers, at a load of {few['load']:.1f}. All processes "
            f"together took {few['cpu']:.0f} s, and {few['gigabytes']:.2f} GB of memory.",
        ),
        row(
            f"auditing a clip of {n_few:,} against one of {n_many:,}, all processes",
            few["cpu"] / n_few,
            many["cpu"] / n_many,
            f"As near to 1 as the cost per clip is flat. The audit of {n_many:,} took "
            f"{many['wall']:.0f} s by the clock, at a load of {many['load']:.1f}, and "
            f"{many['gigabytes']:.2f} GB of memory, all processes together.",
        ),
    ]


def _audit(place, folder):
    """Audit a collection; give the time of the clock and of all processes, s, and the memory."""
    out, start = tempfile.mkdtemp(dir=folder), time.perf_counter()
    command = [sys.executable, "-m", "genres", "audit", place, "--out", out]
    command += ["--workers", str(WORKERS)]
    audit = psutil.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL)
    seconds, gigabytes = {}, 0.0
    while audit.poll() is None:
        memory = 0
        for process in [audit, *audit.children(recursive=True)]:
            with suppress(psutil.Error):  # it has just ended
                seconds[process.pid] = sum(process.cpu_times()[:2])
                memory += process.memory_info().rss
        gigabytes = max(gigabytes, memory / 1e9)
        time.sleep(_POLL_SECONDS)
    wall, load = time.perf_counter() - start, os.getloadavg()[0]
    return {"wall": wall, "cpu": sum(seconds.values()), "gigabytes": gigabytes, "load": load}


def _write_at_speeds(source, target, name):
    samples = audio.read_whole(source / name).samples
    for number, speed in enumerate((1.0, *SPEEDS)):
        path = target / name.parent / f"{name.stem}-{number}.wav"
        at_speed = soxr.resample(samples, speed, 1)[: _SECONDS * audio.SAMPLE_RATE]
        soundfile.write(path, at_speed, audio.SAMPLE_RATE)
