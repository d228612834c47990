"""How is a file written whole or not at all, checked, unpacked safely?"""

import hashlib
import json
import os
import secrets
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from contextlib import contextmanager, suppress
from functools import partial
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import numpy as np

from genres import Refusal

_CHUNK = 1 << 20
_DAMAGES = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    LZMAError,
    EOFError,
    RuntimeError,  # what zipfile says of an encrypted member, or of an unknown compression
)


@contextmanager
def atomic(path):
    """Write a file whole or not at all.

    The block writes to a temporary file in the same folder. If it ends well, that file takes the
    place of `path` in one step; if anything stops it, the temporary file is removed and `path` is
    what it was. The parent folder is made if it is missing.

    Parameters
    ----------
    path : str or Path
        The file to write.

    Yields
    ------
    Path
        Where to write: a name with the suffix of `path`, for writers that look at it.

    Examples
    --------
    >>> with atomic("model.keras") as temporary:  # doctest: +SKIP
    ...     model.save(temporary)
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        _flush(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    # A power cut must not undo the renaming; some file systems cannot flush a folder.
    with suppress(OSError):
        _flush(path.parent)


def write_text(path, text):
    """Write `text` as UTF-8 to `path`, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path, value):
    """Write a value as JSON to `path`, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The file to write.
    value : dict, list, str, number, bool, None, NumPy scalar or array, or a nest of these
        What to write. Keys keep their order.

    Raises
    ------
    ValueError
        If a number is NaN or infinite: JSON has no word for it.
    TypeError
        If something in `value` is of another type.
    """
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False, default=_plain)
    write_text(path, text + "\n")


def read_json(path):
    """Read a JSON file.

    Parameters
    ----------
    path : str or Path
        The file to read.

    Returns
    -------
    dict, list, str, float, int, bool or None
        Its content.

    Raises
    ------
    Refusal
        If there is no such file, or if it is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Refusal(f"{path} is not JSON: it is not UTF-8 text.") from error
    except json.JSONDecodeError as error:
        raise Refusal(f"{path} is not JSON: {error.msg} in line {error.lineno}.") from error


def md5(path):
    """Give the MD5 of a file as a hexadecimal string."""
    return _digest(path, hashlib.md5(usedforsecurity=False))


def sha1(path):
    """Give the SHA-1 of a file as a hexadecimal string."""
    return _digest(path, hashlib.sha1(usedforsecurity=False))


def sha256(path):
    """Give the SHA-256 of a file as a hexadecimal string."""
    return _digest(path, hashlib.sha256())


def git_blob_id(path):
    """Give the id that git has for a file's content, as a hexadecimal string.

    It is the SHA-1 of ``blob <size>``, a zero byte and the content.
    """
    header = f"blob {Path(path).stat().st_size}\0".encode()
    return _digest(path, hashlib.sha1(header, usedforsecurity=False))


def unpack(archive, folder, *, max_bytes, max_members=200_000):
    """Unpack an archive below a folder, each of its topmost files and folders whole or not at all.

    Parameters
    ----------
    archive : str or Path
        A zip or tar archive, the latter compressed or not.
    folder : str or Path
        Where to put what is in it; made if it is missing.
    max_bytes : int
        What all of it may take.
    max_members : int
        How many files and folders there may be in it.

    Raises
    ------
    Refusal
        If `archive` cannot be read, is damaged, or holds more than it may; if it holds a link, a
        device, a path that leads out of `folder`, or the same path twice; if something of the name
        of one of its topmost members is in `folder` already, or if that cannot be written to. Then
        `folder` is as it was.
    """
    archive, folder = Path(archive), Path(folder)
    temporary = folder / f".{archive.name}-unpacking"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        _extract(archive, temporary, max_bytes, max_members)
        topmost = sorted(temporary.iterdir())
        for entry in topmost:
            if (folder / entry.name).exists():
                raise Refusal(
                    f"{folder / entry.name} is there already: move it away to have {archive} "
                    "unpacked."
                )
        for entry in topmost:
            entry.rename(folder / entry.name)
    except _DAMAGES as error:
        raise Refusal(f"{archive} is damaged, or not an archive that can be read here.") from error
    except OSError as error:
        problem = error.strerror or "it is damaged"
        raise Refusal(f"{archive} cannot be unpacked into {folder}: {problem}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


class _Member(NamedTuple):
    name: str
    size: int
    is_folder: bool
    is_file: bool
    open: Callable


def _extract(archive, folder, max_bytes, max_members):
    n_bytes = 0
    for n_before, member in enumerate(_members(archive)):
        n_bytes += member.size
        if n_before == max_members:
            raise Refusal(f"{archive} holds more than {max_members:,} files and folders.")
        if n_bytes > max_bytes:
            raise Refusal(f"{archive} holds more than {max_bytes / 1e6:,.1f} MB.")
        path = folder / _safe_name(member, archive)
        if member.is_folder:
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with member.open() as content, path.open("xb") as file:
                shutil.copyfileobj(content, file, _CHUNK)
        except FileExistsError as error:
            raise Refusal(f"{archive} holds '{member.name}' twice.") from error


def _members(archive):
    """Go through an archive; each member must be read before the next one is asked for."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            for info in file.infolist():
                kind = stat.S_IFMT(info.external_attr >> 16)
                is_file = kind in (0, stat.S_IFREG) and not info.is_dir()
                is_folder = kind in (0, stat.S_IFDIR) and info.is_dir()
                opener = partial(file.open, info)
                yield _Member(info.filename, info.file_size, is_folder, is_file, opener)
    else:
        with tarfile.open(archive) as file:
            for info in file:
                opener = partial(file.extractfile, info)
                yield _Member(info.name, info.size, info.isdir(), info.isfile(), opener)


def _safe_name(member, archive):
    name = PurePosixPath(member.name)
    # Backslashes and colons are what a path has on other systems.
    if name.is_absolute() or ".." in name.parts or not {"\\", ":", "\0"}.isdisjoint(member.name):
        raise Refusal(f"{archive} holds '{member.name}', a path that leads out of its folder.")
    if not (member.is_file or member.is_folder):
        raise Refusal(f"{archive} holds '{member.name}', which is neither a file nor a folder.")
    return name


def _digest(path, digest):
    with Path(path).open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _flush(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _plain(value):
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
