"""How is a file written whole or not at all, read, and checked?"""

import hashlib
import json
import math
import os
import secrets
import stat
import zipfile
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np

from genres import Refusal

_MOST_JSON = 1 << 28  # bytes
_MOST_CONFIG = 1 << 22  # bytes
_MOST_LAYERS = 500  # with their initialisers
_WITHOUT_WEIGHTS = ("InputLayer", "__keras_tensor__")


@contextmanager
def atomic(path: str | Path):
    """Write a file whole or not at all.

    The block writes to a temporary file in the same folder. If it ends well, that file takes the
    place of `path` in one step; if anything stops it, the temporary file is removed and `path` is
    what it was. The parent folder is made if it is missing. An OSError that names the temporary
    file, or none, names `path`.

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
        with naming(path, instead_of=temporary):
            yield temporary
            _flush(temporary, os.O_RDWR)  # Windows flushes what may be written to, and no folder
            temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    # A power cut must not undo the renaming; some file systems cannot flush a folder.
    with suppress(OSError):
        _flush(path.parent, os.O_RDONLY)


@contextmanager
def naming(path: str | Path, instead_of: str | Path | None = None):
    """Let an error of the system in the block name a file where it names none, or another."""
    try:
        yield
    except OSError as error:
        if error.filename in (None, str(instead_of)):
            error.filename = str(path)
        raise


def write_text(path, text):
    """Write `text` as UTF-8 to `path`, whole or not at all."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | Path, value):
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


def require_regular(path: str | Path, most_bytes: int):
    """Refuse what is no regular file, such as a pipe or a device, or larger than it may be.

    Raises
    ------
    Refusal
        If it is, or cannot be looked at.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 (Path.stat raises ValueError of some names)
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror}.") from error
    if not stat.S_ISREG(status.st_mode):
        raise Refusal(f"{path} cannot be read: it is not a regular file.")
    if status.st_size > most_bytes:
        raise Refusal(f"{path} is larger than {most_bytes >> 20} MiB.")


def require_archive(path: str | Path, most_bytes: int):
    """Refuse what is no zip archive, damaged, or unpacks to more than it may.

    Raises
    ------
    Refusal
        If it is.
    """
    require_regular(path, most_bytes)
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > most_bytes:
                raise Refusal(f"{path} claims to hold more than {most_bytes >> 20} MiB.")
            damaged = archive.testzip()
    except Refusal:
        raise
    except Exception as error:  # the library says of damage what it comes upon
        raise Refusal(f"{path} is damaged: make it again.") from error
    if damaged:
        raise Refusal(f"{path} is damaged: make it again.")


def require_small_network(path: str | Path, most_weights: int):
    """Refuse a file of Keras's that describes a network larger than it may be, or none.

    It is not built for that. A layer's number of weights is taken for the product of the sizes that
    its description names and of the width that it reads, where that is told; else, of the largest
    number there is.

    Raises
    ------
    Refusal
        If it does.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("config.json").file_size > _MOST_CONFIG:
                raise ValueError("a description without end")
            described = json.loads(archive.read("config.json"))
        if _most_weights(described) > most_weights:
            raise ValueError("too many weights")
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise Refusal(f"{path} describes no network that can be read: train it again.") from error


def _most_weights(described):
    parts = list(_parts(described))
    if len(parts) > _MOST_LAYERS:
        raise ValueError("too many layers")
    sizes = [list(_sizes(part.get("config"))) for part in parts]
    widest = max((size for some in sizes for size in some), default=1)
    n_weights = 0
    for part, own in zip(parts, sizes, strict=True):
        if part["class_name"] not in _WITHOUT_WEIGHTS:
            shape = (part.get("build_config") or {}).get("input_shape")
            told = isinstance(shape, list) and shape and type(shape[-1]) is int
            n_weights += math.prod(own) * (shape[-1] if told else widest)
    return n_weights


def _parts(described):
    """Give what has a class in a description, layers and their initialisers alike."""
    if isinstance(described, dict):
        if "class_name" in described:
            yield described
        described = list(described.values())
    if isinstance(described, list):
        for inside in described:
            yield from _parts(inside)


def _sizes(described):
    """Give the whole numbers above one of a part, but those of other parts in it, and seeds."""
    if isinstance(described, dict) and "class_name" not in described:
        described = [value for name, value in described.items() if name != "seed"]
    if isinstance(described, list):
        for inside in described:
            yield from _sizes(inside)
    elif type(described) is int and described > 1:
        yield described


def read_json(path: str | Path):
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
        If there is no such regular file, or if it is not JSON.
    """
    require_regular(path, _MOST_JSON)
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Refusal(f"{path} is not JSON: it is not UTF-8 text.") from error
    except json.JSONDecodeError as error:
        raise Refusal(f"{path} is not JSON: {error.msg} in line {error.lineno}.") from error
    except (ValueError, RecursionError) as error:
        raise Refusal(f"{path} is not JSON that can be read here.") from error


def names_and_sizes(folder: Path | None) -> bytes:
    """List the files in a folder and below it: a line for each, its place and how many bytes.

    Without a folder there are none.
    """
    if folder is None:
        return b""
    return b"".join(
        f"{path.relative_to(folder).as_posix()} {path.stat().st_size}\n".encode()
        for path in sorted(folder.rglob("*.*"))
        if path.is_file()
    )


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


def _digest(path, digest):
    with Path(path).open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _flush(path, mode):
    descriptor = os.open(path, mode)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _plain(value):
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
