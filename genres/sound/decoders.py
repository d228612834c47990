"""What do the bytes of a file decode to, whatever its name and its header say?

WAV, AU and AIFF are libsndfile's: their samples are kept as they are. All that is compressed is
FFmpeg's, in the wheels of PyAV: it decodes what there is, where others trust a header's length. A
file is read by its descriptor and told by its content; FFmpeg gets no name, and can open no other
file. It is held to the formats and codecs named here.
"""

import re
import sys
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import av
import numpy as np
import soundfile

HEAD_BYTES = 512
ADVICE = "convert it to WAV, FLAC, MP3, M4A or Ogg"

_VALUES_AT_ONCE = 1 << 19
_PLAIN = ("WAV", "AU", "AIFF")
_PLAIN_CONTAINERS = ("WAV", "WAVEX", "RF64", "AU", "AIFF")
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
# What those write who do not know the size beforehand, and cannot go back to the header.
_SIZE_UNKNOWN = 0x7FFF0000

# Behind their last part, files of these may have tags of any kind.
_TAILED = ("mp3", "aac", "ac3", "eac3")
_FORMATS = "aac,ac3,amr,ape,asf,caf,eac3,flac,matroska,mov,mp3,ogg,wav,wv"
_CODECS = (
    *("aac", "ac3", "ac3_fixed", "alac", "amrnb", "amrwb", "ape", "eac3", "flac", "wavpack"),
    *("mp1float", "mp2float", "mp3float", "mp1", "mp2", "mp3"),
    *("opus", "libopus", "vorbis", "libvorbis", "speex", "libspeex"),
    *("wmav1", "wmav2", "wmapro", "wmalossless", "wmavoice"),
    *("pcm_u8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be"),
    *("pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be", "pcm_alaw", "pcm_mulaw"),
)
_DATA = re.compile(r"^\s*data(?: size)?\s*: (\d+)(?: \(should be (\d+)\))?", re.I | re.M)
_BLOCK = re.compile(r"Block Align\s*: ([1-9]\d*)\s+.*?Samples/Block\s*: (\d+)", re.S)
_TYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
_MOST_PLANES = 8
_OPTIONS = {
    "format_whitelist": _FORMATS,
    "codec_whitelist": ",".join(_CODECS),
    "err_detect": "crccheck",
}


class Fault(Exception):
    """What is wrong with a file: a reason in a word or two, and what follows its name."""

    def __init__(self, reason: str, what: str):
        super().__init__(reason, what)
        self.reason, self.what = reason, what


class Plain:
    """Samples that libsndfile reads.

    Attributes
    ----------
    cut_off : bool
        Whether the file promises more than it holds.
    """

    def __init__(self, sound: soundfile.SoundFile):
        self._sound = sound
        promised, held = _size_of_data(sound.extra_info)
        self.cut_off = held < promised < _SIZE_UNKNOWN
        self._n_left = sys.maxsize
        if block := _BLOCK.search(sound.extra_info):
            # libsndfile fills up a block of ADPCM that is cut off with what it decoded before.
            self._n_left = held // int(block[1]) * int(block[2])

    def pieces(self) -> Iterator[tuple[np.ndarray, int]]:
        """Give the sound piece by piece: float32 of shape (n_samples, n_channels), and its rate."""
        at_once = max(1, _VALUES_AT_ONCE // self._sound.channels)
        while True:
            try:
                piece = self._sound.read(
                    min(at_once, self._n_left), dtype="float32", always_2d=True
                )
            except soundfile.LibsndfileError as error:
                raise Fault("damaged", "is damaged or cut off: it cannot be decoded") from error
            if not len(piece):
                return
            self._n_left -= len(piece)
            yield piece, self._sound.samplerate


class Compressed:
    """Samples that FFmpeg decodes.

    Attributes
    ----------
    cut_off : bool
        As `Plain` has it; known when all was decoded.
    """

    def __init__(self, file: BinaryIO, kind: str | None):
        file.seek(0)
        self.cut_off = kind == "Ogg" and _check_pages(file)
        self._file, self._kind = file, kind
        # FFmpeg finds a length in a header, or guesses one from the size.
        self._has_length = kind in ("FLAC", "MPEG-4") or (kind == "MP3" and _counts_frames(file))
        file.seek(0)
        try:
            self._container = av.open(file, options=_OPTIONS)
        except (av.FFmpegError, ValueError) as error:
            if self.cut_off:
                raise Fault("truncated", "is cut off before any sound") from error
            raise _not_decoded(file, kind) from error
        audio = self._container.streams.audio
        if not audio:
            raise Fault("no sound", f"is {kind or 'a file'} without any sound")
        self._stream = audio[0]
        codec = self._stream.codec_context.name
        if codec not in _CODECS:
            raise Fault(
                "encoding", f"is {kind} in an encoding that is not read ({codec}): {ADVICE}"
            )

    def pieces(self) -> Iterator[tuple[np.ndarray, int]]:
        """Give the sound piece by piece, as `Plain.pieces` does."""
        waiting: list[np.ndarray] = []
        rate, n_values, seconds = 0, 0, 0.0
        for frame in self._frames():
            samples = _as_floats(frame)
            changed = waiting and (frame.sample_rate, samples.shape[1]) != (
                rate,
                waiting[0].shape[1],
            )
            if changed or n_values >= _VALUES_AT_ONCE:
                yield np.concatenate(waiting), rate
                waiting, n_values = [], 0
            rate = frame.sample_rate
            waiting.append(samples)
            n_values += samples.size
            seconds += len(samples) / rate
        if waiting:
            yield np.concatenate(waiting), rate
        if not seconds and self._kind is None:
            raise _not_decoded(self._file, None)
        if self._has_length and self._stream.duration:
            missing = self._stream.duration * self._stream.time_base - seconds
            if missing > 0.1 and self._kind == "FLAC":  # frames that FFmpeg left out, maybe
                raise _damaged(seconds)
            self.cut_off = missing > 0.1

    def _frames(self):
        """Give frames; what cannot be decoded may come before the first, or after the last."""
        name = self._container.format.name
        seconds, due, fault = 0.0, None, None
        for packet in self._packets():
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                fault = error
                continue
            for frame in frames:
                displaced = name == "flac" and frame.pts != due and due is not None
                if displaced or (fault and seconds):
                    raise _damaged(seconds) from fault
                fault = None
                if name == "flac" and frame.pts is not None:
                    due = frame.pts + round(frame.samples / frame.sample_rate / frame.time_base)
                seconds += frame.samples / frame.sample_rate
                yield frame
        if fault and name not in _TAILED:
            raise _damaged(seconds) from fault

    def _packets(self):
        try:
            yield from self._container.demux(self._stream)
        except av.FFmpegError as error:
            raise Fault("damaged", "is damaged or cut off: its parts are not found") from error


def decoder(file: BinaryIO) -> Plain | Compressed:
    """Choose who decodes a file, by its content alone.

    Parameters
    ----------
    file : binary file
        Opened without a buffer, at its beginning.

    Raises
    ------
    Fault
        If it is not audio, or in a format that is not read.
    """
    head = file.read(HEAD_BYTES)
    kind = _kind(head)
    if kind not in _PLAIN:
        other = _named(head, _OTHER_AUDIO)
        if other:
            raise Fault("format", f"is {other}: {ADVICE}")
        if kind is None and _named(head, _NO_AUDIO):
            raise _not_decoded(file, kind)
        return Compressed(file, kind)
    file.seek(0)
    try:
        # By descriptor: libsndfile takes anything named .raw, .vox or .au for raw samples.
        sound = soundfile.SoundFile(file.fileno(), closefd=False)
    except soundfile.LibsndfileError as error:
        raise _not_opened(head, kind, error) from error
    if sound.format not in _PLAIN_CONTAINERS:
        raise Fault("format", f"is {sound.format_info}: {ADVICE}")
    if kind == "WAV" and sound.frames == 0:  # its size is not filled in, or it has none
        try:
            return Compressed(file, kind)
        except Fault:
            file.seek(0)
    return Plain(sound)


def _check_pages(file):
    """Refuse Ogg of which a page is damaged or lost; tell whether it is cut off.

    FFmpeg leaves out damaged pages, and does not miss lost ones.
    """
    due: dict[bytes, int] = {}
    ended = False
    while head := file.read(27):
        if len(head) == 27 and not head.startswith(b"OggS"):
            if ended:
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


_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def _ogg_checksum(page):
    # zlib's polynomial with the bits of each byte, and of the sum, the other way round.
    backwards = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{backwards:032b}"[::-1], 2)


def _counts_frames(file):
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


def _as_floats(frame):
    """Give a frame of FFmpeg's as float32, of shape (n_samples, n_channels), 1 at full scale."""
    n_channels = frame.layout.nb_channels
    # PyAV counts planes until one is empty, which is beyond the last from eight on, and its own
    # to_ndarray reads them all: that ends the process.
    if frame.format.is_planar:
        if n_channels > _MOST_PLANES:
            what = f"{n_channels:,} channels: up to {_MOST_PLANES} can be read where compressed"
            raise Fault("channels", f"says that it has {what}")
        planes = frame.planes[:n_channels]
    else:
        planes = frame.planes[:1]
    kind = _TYPES[frame.format.packed.name]
    n_values = frame.samples * n_channels // len(planes)
    samples = np.stack([np.frombuffer(plane, kind, n_values) for plane in planes], axis=1)
    samples = samples.reshape(-1, n_channels)
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    if samples.dtype.kind == "i":
        return samples.astype(np.float32) / -float(np.iinfo(samples.dtype).min)
    return samples.astype(np.float32)


def _size_of_data(info):
    """Give how many bytes of sound a header promises and a file holds, by libsndfile's notes."""
    size = _DATA.search(info)
    return (int(size[1]), int(size[2] or size[1])) if size else (0, 0)


def _damaged(seconds):
    return Fault("damaged", f"is damaged or cut off after {seconds:.3f} s")


def _not_opened(head, kind, error):
    if _has_odd_encoding(head):
        return Fault("encoding", f"is {kind} in an unknown encoding: {ADVICE}")
    detail = error.error_string.removeprefix("Error : ").rstrip(".")
    return Fault("header", f"begins like {kind}, but its header is damaged ({detail})")


def _not_decoded(file, kind):
    file.seek(0)
    head = file.read(HEAD_BYTES)
    if kind is not None:
        return Fault("header", f"begins like {kind}, but no sound is found in it")
    what = _named(head, _NO_AUDIO)
    if what is None:
        what = "nothing but zeros" if not any(head) else "text" if _is_text(head) else "unknown"
    return Fault("not audio", f"is not audio whatever its name: its content is {what}")


def _kind(head):
    """Give the format of audio that a file begins like, or None."""
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "WAV"
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "MPEG-4"
    if head[:1] == b"\xff" and head[1:2] >= b"\xe0" and not _named(head, _NO_AUDIO):
        return "MP3"  # the eleven bits of every MPEG frame
    return _named(head, _AUDIO)


def _has_odd_encoding(head):
    """Tell whether a WAV or AU header names an encoding that is none of the usual ones."""
    if head[:4] == b"RIFF" and head[12:16] == b"fmt ":
        return int.from_bytes(head[20:22], "little") not in _WAV_ENCODINGS
    return head[:4] == b".snd" and int.from_bytes(head[12:16], "big") not in _AU_ENCODINGS


def _named(head, names):
    return next((name for magic, name in names.items() if head.startswith(magic)), None)


def _is_text(head):
    return all(byte >= 32 or byte in b"\t\n\r\f" for byte in head) and head.isascii()
