"""How does a file get here over the network, whole and genuine, and what is packed in it?"""

import shutil
import struct
import tarfile
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from lzma import LZMAError
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import requests
from tqdm import tqdm
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from genres import Refusal, files

_CHUNK = 1 << 16
_CONNECTIONS_AT_MOST = 100
_PATIENCE, _SLOWEST = 60, 20_000  # how long a mirror may take: so many s, and bytes a second
_NOTHING_LEFT = 416  # a server's status when a request begins after a file's end
_DAMAGES = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    LZMAError,
    EOFError,
    RuntimeError,  # what zipfile says of an encrypted member, or of an unknown compression
    # What both say of names that are no text, or none, and of numbers that are none.
    ValueError,
    LookupError,
    ArithmeticError,
    struct.error,
)

_UNREACHED = "no server can be reached"  # most often for lack of a network

# What a redirection or a header that is none makes requests raise.
_NOT_HTTP = (requests.RequestException, ValueError)


class _TooMuch(Exception):
    """A server sends more than the file has."""


class _TooSlow(Exception):
    """A server takes longer than it may."""


class RemoteFile(NamedTuple):
    """A file to download, and what proves that it is the right one.

    Attributes
    ----------
    name : str
        Its name, there and here.
    megabytes : float
        Its size in MB (1,000,000 bytes), about.
    hashes : dict of callable to str
        What each function, such as `genres.files.md5`, gives for the right content.
    unpacks_to : str, optional
        The folder that an archive has at its top.
    """

    name: str
    megabytes: float
    hashes: dict
    unpacks_to: str | None = None

    @property
    def most_bytes(self):
        """What it has at most: `megabytes` is rounded to two digits."""
        return round(1.05e6 * self.megabytes)

    def is_at(self, path):
        """Say whether the file at `path` has this content."""
        return all(digest(path) == expected for digest, expected in self.hashes.items())


def download(
    file, folder: str | Path, mirrors: Sequence[str], timeout=(2, 5), announce: Callable = tuple
):
    """Download a file, unless it is there already.

    What has come stands under the name with ``.part`` until it is whole and its hashes were
    checked, so that a download that broke off goes on where it stopped. It is thrown away if the
    hashes are others, or as soon as it is larger than the file; then the next mirror is tried, as
    after any other failure.

    Parameters
    ----------
    file : RemoteFile
        The file.
    folder : str or Path
        Where to put it; made if it is missing.
    mirrors : sequence of str
        Addresses of folders that hold the file.
    timeout : tuple of float
        How long to wait for a connection, and then for more data, in s.
    announce : callable
        Called, without arguments, as soon as a server has begun to send the file.

    Raises
    ------
    Refusal
        If a file of that name but with other content is there already, or if no mirror gave it.
    """
    path = Path(folder) / file.name
    if path.exists():
        if not file.is_at(path):
            raise Refusal(
                f"{path} is not the published file of that name: "
                "move it away to have that one downloaded."
            )
        return
    failures = []
    unreachable = set()
    for mirror in mirrors:
        host = urlsplit(mirror).netloc
        if host in unreachable:
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_name(f"{path.name}.part")
            deadline = time.monotonic() + _PATIENCE + file.most_bytes / _SLOWEST
            _complete(part, file, f"{mirror}/{file.name}", timeout, deadline, announce)
            with files.atomic(path) as temporary:
                part.replace(temporary)
            return
        except Refusal as failure:
            failures.append(str(failure))
        except requests.HTTPError as error:
            failures.append(f"{host} responded with status {error.response.status_code}")
        except (requests.ConnectionError, requests.Timeout) as error:
            unreachable.add(host)
            failures.append(_UNREACHED if _is_unreached(error) else f"{host} does not respond")
        except requests.exceptions.ChunkedEncodingError:
            failures.append(f"{host} broke off")
        except _TooSlow:
            unreachable.add(host)
            failures.append(f"{host} is too slow")
        except _NOT_HTTP:
            failures.append(f"{host} sent a response that cannot be read")
        except OSError as error:
            raise Refusal(f"{path} cannot be written: {error.strerror}.") from error
    reasons = ", ".join(dict.fromkeys(failures))
    raise Refusal(f"{file.name} could not be downloaded: {reasons}.")


def _is_unreached(error):
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)


def _complete(part, file, url, timeout, deadline, announce):
    """Bring a part, which need not be there, to the file's whole content."""
    for _ in range(_CONNECTIONS_AT_MOST):
        before = _size(part)
        try:
            _append(part, file, url, timeout, deadline, announce)
        except requests.exceptions.ChunkedEncodingError:
            if _size(part) > before:
                continue  # a connection that broke off after a while is taken up again
            raise
        if part.exists() and file.is_at(part):
            return
        part.unlink(missing_ok=True)
        # A part from another day or mirror may have been the wrong beginning.
        if before == 0:
            raise Refusal(f"{urlsplit(url).netloc} sent other content")
    raise Refusal(f"{urlsplit(url).netloc} broke off {_CONNECTIONS_AT_MOST} times")


def _append(part, file, url, timeout, deadline, announce):
    """Add to a part what follows it, or all of it where the server knows no better."""
    start = _size(part)
    try:
        with part.open("ab") as target:
            _within(deadline, _transfer, url, start, target, file, timeout, announce)
    except requests.HTTPError as error:
        if start == 0 or error.response.status_code != _NOTHING_LEFT:
            raise
    except _TooMuch as error:
        part.unlink()
        host = urlsplit(url).netloc
        raise Refusal(f"{host} sent more than the {file.megabytes:g} MB of the file") from error
    finally:
        if _size(part) == 0:
            part.unlink(missing_ok=True)


def _transfer(url, start, target, file, timeout, announce):
    """Write to a file of `start` bytes what follows them at an address."""
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with requests.get(url, headers=headers, timeout=timeout, stream=True) as response:
        response.raise_for_status()
        if response.status_code == requests.codes.ok:
            target.truncate(0)
            start = 0
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdecimal() else file.megabytes * 1e6
        announce()
        size = {"initial": start, "total": total, "unit": "B", "unit_scale": True}
        with tqdm(desc=file.name, **size) as bar:
            for chunk in response.iter_content(_CHUNK):
                if bar.n + len(chunk) > file.most_bytes:
                    raise _TooMuch
                target.write(chunk)
                bar.update(len(chunk))


def _within(deadline, function, *arguments):
    """Call a function, and raise `_TooSlow` where it is not done in time.

    It has a thread of its own, as time-outs of sockets begin anew with every byte. What is not done
    in time goes on there until the connection or the file that it writes to is closed.
    """
    outcome = Future()

    def work():
        try:
            outcome.set_result(function(*arguments))
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    wait([outcome], max(deadline - time.monotonic(), 0))
    if not outcome.done():
        raise _TooSlow
    outcome.result()


def _size(path):
    return path.stat().st_size if path.exists() else 0


def unpack(archive: str | Path, folder: str | Path, *, max_bytes: int, max_members: int = 200_000):
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
        If `archive` cannot be read, is damaged, or holds more than it may; if a tar holds a link, a
        device or a path that leads out of `folder` (the paths of a zip are taken to be below it);
        if something of the name of one of its topmost members is in `folder` already, or if that
        cannot be written to. Then `folder` is as it was.
    """
    archive, folder = Path(archive), Path(folder)
    temporary = folder / f".{archive.name}-unpacking"
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        _extract_all(archive, temporary, max_bytes, max_members)
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


def _extract_all(archive, folder, max_bytes, max_members):
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as file:
            sizes = (info.file_size for info in file.infolist())
            _check_sizes(archive, sizes, max_bytes, max_members)
            file.extractall(folder)
    else:
        with tarfile.open(archive) as file:
            _check_sizes(archive, (info.size for info in file), max_bytes, max_members)
            for info in file:
                _extract(archive, file, info, folder)


def _extract(archive, file, info, folder):
    """Write a member of a tar, of which only the name and the content count.

    The tarfile module's own filter for this is missing in Python 3.11.2, which Debian 12 has.
    """
    if not (info.isreg() or info.isdir()):
        raise Refusal(f"{archive} is not unpacked: {info.name!r} is no file and no folder.")
    place = folder / info.name
    if not place.resolve().is_relative_to(folder.resolve()):
        raise Refusal(f"{archive} is not unpacked: {info.name!r} leads out of its folder.")
    if info.isdir():
        place.mkdir(parents=True, exist_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        with file.extractfile(info) as content, place.open("wb") as target:
            shutil.copyfileobj(content, target)


def _check_sizes(archive, sizes, max_bytes, max_members):
    n_bytes = 0
    for n_before, size in enumerate(sizes):
        n_bytes += size
        if n_before == max_members:
            raise Refusal(f"{archive} holds more than {max_members:,} files and folders.")
        if n_bytes > max_bytes:
            raise Refusal(f"{archive} holds more than {max_bytes / 1e6:,.1f} MB.")
