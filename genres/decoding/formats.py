"""Which format is a file of sound in, by its content alone, and what is plainly wrong with it?"""

import zlib
from typing import BinaryIO

HEAD_BYTES = 512
"""How much of a file's beginning tells its format."""

READ = (
    "WAV, FLAC, MP3, M4A, AAC, Ogg (Vorbis, Opus, Speex), AIFF, AU, Windows Media, WavPack, "
    "Monkey's Audio, Matroska, WebM, Core Audio, AC-3 and AMR"
)
"""The formats that are read."""

ADVICE = "convert it to WAV, FLAC, MP3, M4A or Ogg"

_AUDIO = {
    b".snd": "AU",
    b"FORM": "AIFF",
    b"fLaC": "FLAC",
    b"OggS": "Ogg",
    b"ID3": "MP3",
    b"0&\xb2u": "Windows Media",
    b"wvpk": "WavPack",
    b"MAC ": "Monkey's Audio",
    b"\x1aE\xdf\xa3": "Matroska or WebM",
    b"caff": "Core Audio",
    b"\x0bw": "AC-3",
    b"#!AMR": "AMR",
}
_OTHER_AUDIO = {b"MThd": "MIDI", b"riff": "Wave64", b"Creative Voice": "a Creative Voice file"}
_NO_AUDIO = {
    b"PK": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"%PDF": "a PDF document",
    b"<": "a web page or XML",
    b"{": "JSON",
}
_WAV_ENCODINGS = (1, 3, 0xFFFE)
_AU_ENCODINGS = range(1, 8)


class Fault(Exception):
    """What is wrong with a file: a reason in a word or two, and what follows its name."""

    def __init__(self, reason: str, what: str):
        super().__init__(reason, what)
        self.reason, self.what = reason, what


def kind_of(head: bytes) -> str | None:
    """Give the format of audio that a file begins like; None if it may be audio all the same.

    Raises
    ------
    Fault
        If it is something else, or in a format that is not read.
    """
    if other := _named(head, _OTHER_AUDIO):
        raise Fault("format", f"is {other}: {ADVICE}")
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "WAV"
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "MPEG-4"
    if _named(head, _NO_AUDIO):
        raise not_decoded(head, None)
    if head[:1] == b"\xff" and head[1:2] >= b"\xe0":
        return "MP3"  # the eleven bits of every MPEG frame
    return _named(head, _AUDIO)


def not_opened(head: bytes, kind: str, detail: str) -> Fault:
    """Give the fault of a file that begins like WAV, AU or AIFF, and has another header."""
    if _has_odd_encoding(head):
        return Fault("encoding", f"is {kind} in an unknown encoding: {ADVICE}")
    detail = detail.removeprefix("Error : ").rstrip(".")
    return Fault("header", f"begins like {kind}, but its header is damaged ({detail})")


def not_decoded(head: bytes, kind: str | None) -> Fault:
    """Give the fault of a file in which no sound is found, whatever it begins like."""
    if kind is not None:
        return Fault("header", f"begins like {kind}, but no sound is found in it")
    what = _named(head, _NO_AUDIO)
    if what is None:
        what = "nothing but zeros" if not any(head) else "text" if _is_text(head) else "unknown"
    return Fault("not audio", f"is not audio whatever its name: its content is {what}")


def check_pages(file: BinaryIO) -> bool:
    """Refuse Ogg of which a page is damaged or lost; tell whether it is cut off.

    FFmpeg leaves out damaged pages, and does not miss lost ones.
    """
    due: dict[bytes, int] = {}
    ended = False
    while head := file.read(27):
        if len(head) == 27 and not head.startswith(b"OggS"):
            if ended and not _holds_page(file):
                return False  # a tag behind the end
            raise Fault("damaged", "is damaged: a page of its Ogg stream does not begin")
        lengths = file.read(head[-1])
        page = head + lengths + file.read(sum(lengths))
        if len(page) < 27 + head[-1] + sum(lengths):
            return not ended
        checked = page[:22] + bytes(4) + page[26:]
        if _ogg_checksum(checked) != int.from_bytes(page[22:26], "little"):
            raise Fault("damaged", "is damaged: the checksum of a page of its Ogg stream differs")
        stream, number = page[14:18], int.from_bytes(page[18:22], "little")
        if number != due.get(stream, number):
            raise Fault("damaged", "is damaged: pages of its Ogg stream are lost, or come twice")
        due[stream] = number + 1
        ended = bool(page[5] & 4)
    return not ended


def _holds_page(file):
    """Tell whether a page of Ogg begins in the rest of a file."""
    before = b""
    while piece := file.read(1 << 20):
        if b"OggS" in before + piece:
            return True
        before = piece[-3:]
    return False


_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _ogg_checksum(page):
    # zlib's polynomial with the bits of each byte, and of the sum, the other way round.
    backwards = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{backwards:032b}"[::-1], 2)


def counts_frames(file: BinaryIO) -> bool:
    """Tell whether an MP3's first frame says how many follow, behind a tag that may be there."""
    file.seek(0)
    head = file.read(10)
    size = 0
    if head.startswith(b"ID3"):
        for byte in head[6:]:
            size = size << 7 | byte & 0x7F
    file.seek(10 + size if size else 0)
    first = file.read(1500)
    return any(name in first for name in (b"Xing", b"Info", b"VBRI"))


def _has_odd_encoding(head):
    """Tell whether a WAV or AU header names an encoding that is none of the usual ones."""
    if head[:4] == b"RIFF" and head[12:16] == b"fmt ":
        return int.from_bytes(head[20:22], "little") not in _WAV_ENCODINGS
    return head[:4] == b".snd" and int.from_bytes(head[12:16], "big") not in _AU_ENCODINGS


def _named(head, names):
    return next((name for magic, name in names.items() if head.startswith(magic)), None)


def _is_text(head):
    return all(byte >= 32 or byte in b"\t\n\r\f" for byte in head) and head.isascii()
