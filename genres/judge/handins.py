"""What does a person at a terminal see of models that are handed in, one or a class of them?"""

import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import joblib
from tqdm import tqdm

from genres import Refusal, files, printable, project
from genres.data import folders
from genres.judge import benchmark, evaluations, protocols, references
from genres.judge.process import TIMEOUT, Failure, Process
from genres.project import RunFolder
from genres.screen import seen_from_here

_WIDTH = 100
_HEAD = (
    f"{'clips':>6}{'accuracy':>10}   {'95 % interval':16}{'macro F1':>8}{'ECE':>7}"
    f"{'fit':>10}{'predict':>10}"
)


def evaluate(
    path=None,
    of_class=None,
    data=None,
    *,
    only=(),
    name=None,
    timeout=TIMEOUT,
    workers=None,
    fresh=False,
    train_references=False,
    out=None,
    progress=True,
):
    """Evaluate a model, or those of a class; print what they are worth, and keep it.

    Parameters
    ----------
    path : str or Path, optional
        A file that defines ``model``.
    of_class : str or Path, optional
        A folder of such files, ``<name>.py`` or ``<name>/model.py``.
    data : str, optional
        As `genres.data.folders.find` has it.
    only : sequence of str
        Names of the protocols wanted.
    name : str, optional
        What the one model is called.
    timeout, workers : float and int
        As `genres.judge.benchmark.Bench.judge` has them.
    fresh : bool
        Whether to judge models of a class again that have not changed.
    train_references : bool
        Whether to train the LSTM ensemble and the champion's classifier where a run has kept
        nothing of them.
    out : str or Path, optional
        Where the run's folder is, instead of ``runs/``.
    progress : bool
        Whether to show bars.

    Returns
    -------
    int
        Exit status: 0; 1 where a model did not come through a protocol.

    Raises
    ------
    Refusal
        If there is no model, or the one model comes through no protocol.
    """
    if (path is None) == (of_class is None):
        raise Refusal("Name one file that defines 'model', or a folder of them with --class.")
    if not timeout > 0:
        raise Refusal(f"A fold cannot take {timeout:g} s: --timeout is a number above 0.")
    paths = [_a_file(path)] if of_class is None else find(of_class)
    if workers is not None and workers < 1:
        raise Refusal(f"{workers} workers cannot do anything: 1 or more are needed.")
    found = folders.find(data)
    print(f"Data: {found.reason}.")
    bench = benchmark.Bench(found, only, progress)
    run = RunFolder(Path(out or project.RUNS) / found.name)
    references_at = run.evaluations
    place = references_at / Path(of_class).resolve().name if of_class else references_at
    judged = _Judged(bench, place, timeout, workers, progress)
    handed_in = judged.describe(paths, name)
    with_rows = of_class is None
    if with_rows:
        judged.require_one()
    elif not fresh:
        handed_in = judged.without_known(handed_in)
    judged.go(handed_in, with_rows)
    others = references.quick(bench, references_at, workers, progress)
    more, lacking = references.kept(bench, run, compute=train_references, progress=progress)
    others += more
    for made in judged.evaluations:
        if made.protocols:
            bench.compare(made, others)
            evaluations.write(place, made)
    if with_rows:
        judged.require_one()
        print(_comparisons(judged.evaluations[0], bench))
    for sentence in lacking:
        print(f"\n{textwrap.fill(sentence, _WIDTH)}")
    return _conclude(judged, others, place, of_class)


def _conclude(judged, others, place, of_class):
    """Write the leaderboard and its pages; print it, or where it is."""
    from genres.judge import leaderboard, page  # which import what draws pictures: a second

    everybody, unreadable = evaluations.read_all(place)
    own = [made for made in everybody if not made.reference]
    title = f"Leaderboard of {Path(of_class).resolve().name}" if of_class else "Leaderboard"
    rows = leaderboard.rank([*own, *others], judged.bench)
    board = leaderboard.write(rows, judged.bench, place, title, judged.progress)
    if of_class:
        print(f"\n{leaderboard.as_text(rows)}")
    names = {made.name for made in judged.evaluations}
    sentences = leaderboard.broken([row for row in rows if row.made.name in names])
    for sentence in [*sentences, *unreadable]:
        print(printable(sentence), file=sys.stderr)
    one = judged.evaluations[0].name
    kept = place if of_class else evaluations.path_of(place, one)
    print(f"\nKept: {seen_from_here(kept)}")
    print(f"Leaderboard: {seen_from_here(board.with_name(leaderboard.MARKDOWN))}")
    shown = board if of_class else page.path_of(place, one)
    print(f"To read in a browser: {seen_from_here(shown)}")
    return 1 if sentences else 0


def _a_file(path):
    path = Path(path).expanduser()
    if path.is_dir():
        raise Refusal(f"{path} is a folder: name a file in it, or --class {path} for all of them.")
    if not path.is_file():
        raise Refusal(f"There is no file {path}.")
    return path.resolve()


def find(folder):
    """Find the models of a class.

    Parameters
    ----------
    folder : str or Path
        Its ``<name>.py``, and ``model.py`` or ``MODEL.py`` of its folders.

    Returns
    -------
    list of Path
        In alphabetical order. What begins with a dot or an underscore is none.

    Raises
    ------
    Refusal
        If there is no such folder, or no model in it.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise Refusal(f"There is no folder {folder}.")
    found = [*folder.glob("*.py"), *folder.glob("*/[mM][oO][dD][eE][lL].py")]
    models = {path.resolve() for path in found if path.is_file() and path.name[0] not in "._"}
    if not models:
        raise Refusal(f"{folder} holds no model: neither <name>.py nor <name>/model.py.")
    return sorted(models)


class _Judged:
    """Models that are judged together, and what has come of them so far."""

    def __init__(self, bench, place, timeout, workers, progress):
        self.bench, self.progress = bench, progress
        self._place, self._timeout = place, timeout
        self._workers = workers or joblib.cpu_count()
        self.evaluations, self._taken, self._earlier = [], set(), {}

    def describe(self, paths, name=None):
        """Make an evaluation for each file; give those models that can be judged, with by what."""
        processes, wanted = SimpleQueue(), []
        for _ in range(min(self._workers, len(paths))):
            processes.put(Process.take())

        def ask(path):
            process, digest = processes.get(), ""
            try:
                digest = files.sha256(path)
                return process.describe(path), digest
            except Failure as failure:
                return failure, digest
            except OSError as error:
                return Failure(f"It cannot be read: {error.strerror}."), digest
            finally:
                processes.put(process)

        try:
            with ThreadPoolExecutor(self._workers) as pool:
                answers = list(pool.map(ask, paths))
        finally:
            while not processes.empty():
                processes.get().give_back()
        for path, (answer, digest) in zip(paths, answers, strict=True):
            model = benchmark.of_file(path, "features" if isinstance(answer, Failure) else answer)
            model = model._replace(name=self._free_name(name or model.name, path))
            made = self.bench.evaluation(model, str(path), digest)
            self._earlier[made.name] = self.bench.carry_over(made, self._place)
            self.evaluations.append(made)
            evaluations.path_of(self._place, made.name).with_suffix(".log").unlink(missing_ok=True)
            if isinstance(answer, Failure):
                self._fail(made, answer)
                continue
            try:
                wanted.append((model, self.bench.protocols_for(model.inputs)))
            except Refusal as refusal:
                self._fail(made, Failure(str(refusal)))
        return wanted

    def without_known(self, wanted):
        """Leave out what was found of the same version before; say how many are left out."""
        made_of = {made.name: made for made in self.evaluations}
        left = [
            (model, [one for one in by if one.name not in made_of[model.name].protocols])
            for model, by in wanted
        ]
        n_known = sum(not missing for _, missing in left)
        if n_known:
            print(f"{n_known} of {len(self.evaluations)} have not changed since they were judged.")
        return [(model, missing) for model, missing in left if missing]

    def _free_name(self, name, path):
        tried, number = evaluations.free_name(self._place, name, str(path)), 1
        while tried in self._taken:
            number += 1
            tried = evaluations.free_name(self._place, f"{name}-{number}", str(path))
        self._taken.add(tried)
        return tried

    def _fail(self, made, failure):
        made.failures["file"] = str(failure)
        self._keep_printed(made.name, failure)
        if len(self._taken) > 1:
            evaluations.write(self._place, made)

    def go(self, wanted, with_rows):
        """Judge models; say of each how it does, and keep what came out when it is through."""
        made_of = {made.name: made for made in self.evaluations}
        n_folds = sum(len(one.folds) for _, by in wanted for one in by)
        if with_rows:
            self._introduce(*wanted[0])
        if wanted:
            print(f"\n{'protocol' if with_rows else protocols.TITLES[protocols.COURSE]:22}{_HEAD}")
        hidden = not self.progress or not n_folds
        with tqdm(total=n_folds, unit="fold", disable=hidden, leave=False) as bar:
            judge = self.bench.judge(wanted, self._timeout, self._workers, step=bar.update)
            for model, protocol, folds, failure in judge:
                made = made_of[model.name]
                self.bench.note(made, protocol, folds, failure)
                if failure:
                    self._keep_printed(model.name, failure)
                if with_rows or protocol.name == protocols.COURSE:
                    tqdm.write(_row(made, protocol, None if with_rows else model.name))
                if made.protocols or not with_rows:
                    evaluations.write(self._place, made)

    def _introduce(self, model, by):
        """Say what the one model reads, and what it takes the place of."""
        print(f"{model.name} reads {protocols.INPUTS[model.inputs]}.")
        not_allowed = set(self.bench.wanted) - {one.name for one in by}
        if not_allowed:
            titles = [title for name, title in protocols.TITLES.items() if name in not_allowed]
            print(f"That does not allow: {', '.join(titles)}.")
        earlier, digest = self._earlier[model.name], self.evaluations[0].digest
        if earlier and earlier.digest != digest:
            had = [
                f"{scores['title']} {100 * scores['accuracy']:.1f} %"
                for scores in earlier.protocols.values()
            ]
            print(f"It takes the place of an earlier version: {', '.join(had)}.")

    def _keep_printed(self, name, failure):
        if failure.printed:
            log = evaluations.path_of(self._place, name).with_suffix(".log")
            files.write_text(log, failure.printed)

    def require_one(self):
        """Refuse to go on with the one model if nothing came of it."""
        made = self.evaluations[0]
        if made.failures and (not made.protocols or "file" in made.failures):
            log = evaluations.path_of(self._place, made.name).with_suffix(".log")
            more = f" All it printed: {seen_from_here(log)}" if log.exists() else ""
            sentence = next(iter(made.failures.values()))
            raise Refusal(f"{Path(made.file).name}: {sentence}{more}")


def _row(made, protocol, name=None):
    """Write a line of scores; of a protocol that a model did not come through, why."""
    head = f"{(name or protocol.title)[:21]:22}"
    scores = made.protocols.get(protocol.name)
    if scores is None:
        return head + printable(made.failures[protocol.name])
    low, high = (f"{100 * end:.1f}" for end in scores["interval"])
    ece = "–" if scores["ece"] is None else f"{scores['ece']:.3f}"
    interval = f"{low} to {high} %"
    times = "".join(f"{scores['seconds'][what]:>8.1f} s" for what in ("fit", "predict"))
    return (
        f"{head}{scores['n']:>6}{100 * scores['accuracy']:>8.1f} %   {interval:16}"
        f"{scores['macro_f1']:>8.3f}{ece:>7}{times}"
    )


def _comparisons(made, bench):
    """Write how a model compares with the report's, by its strictest protocol."""
    by = made.strictest
    if by is None:
        return ""
    lines = [
        f"\nAgainst the report's models, {protocols.TITLES[by]}, on the same clips:\n",
        f"{'':22}{'clips':>6}{'points':>10}   {'95 % interval':16}{'only it':>8}{'only other':>12}"
        f"{'p (McNemar)':>13}",
    ]
    for name, than in made.protocols[by]["against"].items():
        p = "–" if than["p"] is None else "< 0.001" if than["p"] < 0.001 else f"{than['p']:.3f}"
        interval = f"{than['low']:+.1f} to {than['high']:+.1f}"
        lines.append(
            f"{name:22}{than['n']:>6}{than['points']:>+10.1f}   {interval:16}"
            f"{than['only_mine']:>8}{than['only_other']:>12}{p:>13}"
        )
    partial = [
        f"{scores['title']} ({scores['n']} of {scores['n_listed']})"
        for scores in made.protocols.values()
        if scores["n"] < scores["n_listed"]
    ]
    if partial:
        lines.append(f"\nNot all clips have what it reads: {', '.join(partial)}.")
    if any(scores["n_other"] for scores in made.protocols.values()):
        n = made.protocols[by]["n_other"]
        lines.append(
            f"\nScored is the likeliest genre, as in notebook 06; its predict() differs for {n} of "
            f"{made.protocols[by]['n']} clips."
        )
    return "\n".join(lines)
