"""extraction.parts: what was measured of files is kept, whatever stops the work."""

import os

import pytest

from genres.extraction import parts


@pytest.fixture
def paths(tmp_path, monkeypatch):
    """Five files; two are a part, and all work is in this process."""
    monkeypatch.setattr(parts, "CLIPS_PER_PART", 2)
    files = [tmp_path / f"{number}.txt" for number in range(5)]
    for number, file in enumerate(files):
        file.write_text(str(number))
    return list(map(str, files))


class Measuring:
    """Reads the number in a file, and remembers which; stops at some."""

    def __init__(self, stop_at=None):
        self.read, self.stop_at = [], stop_at

    def __call__(self, path):
        if path == self.stop_at:
            raise KeyboardInterrupt
        self.read.append(path)
        with open(path) as file:  # noqa: PTH123 (as any function may)
            return {"number": int(file.read()), "content": b"\0", "reason": None}


def measured(function, paths, folder, made_by=("code",), **options):
    rows = parts.measured(function, paths, folder, made_by, workers=1, progress=False, **options)
    return rows["number"].tolist()


def test_rows_come_in_the_order_of_the_files_and_are_measured_once(paths, tmp_path):
    first, again = Measuring(), Measuring()
    assert measured(first, paths, tmp_path / "parts") == [0, 1, 2, 3, 4]
    assert measured(again, paths, tmp_path / "parts") == [0, 1, 2, 3, 4]
    assert (first.read, again.read) == (paths, [])
    assert measured(again, paths, tmp_path / "parts", fresh=True) == [0, 1, 2, 3, 4]
    assert again.read == paths


def test_work_that_was_stopped_goes_on_where_it_was(paths, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        measured(Measuring(stop_at=paths[3]), paths, tmp_path / "parts")
    rest = Measuring()
    assert measured(rest, paths, tmp_path / "parts") == [0, 1, 2, 3, 4]
    assert rest.read == paths[2:]


def test_a_file_that_changed_is_measured_again_and_all_are_by_other_code(paths, tmp_path):
    measured(Measuring(), paths, tmp_path / "parts")
    os.utime(paths[2], (0, 0))
    changed, other = Measuring(), Measuring()
    measured(changed, paths, tmp_path / "parts")
    measured(other, paths, tmp_path / "parts", ("other code",))
    assert changed.read == paths[2:4]
    assert other.read == paths


def test_damaged_parts_and_files_out_of_reach_are_measured_again(paths, tmp_path):
    def unreachable(path):
        return {"reason": "unreadable" if path == paths[0] else None, "number": 7}

    folder = tmp_path / "parts"
    measured(unreachable, paths, folder)
    last = max(folder.iterdir(), key=lambda part: part.stat().st_mtime_ns)
    last.write_bytes(b"PAR1")
    again = Measuring()
    measured(again, paths, folder)
    assert set(again.read) == {*paths[:2], paths[4]}
