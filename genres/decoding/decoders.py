"""What do the bytes of a file decode to, whatever its name and its header say?

WAV, AU and AIFF are libsndfile's: their samples are kept as they are. All that is compressed is
FFmpeg's, in the wheels of PyAV: it decodes what there is, where others trust a header's length. A
file is read by its descriptor and told by its content; FFmpeg gets no name, and can open no other
file. It is held to the formats and codecs named here.
"""

import errno
import os
import re
import sys
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import av
import numpy as np
import soundfile

from genres.decoding import formats
from genres.decoding.formats import ADVICE, Fault

_VALUES_AT_ONCE = 1 << 19
_PLAIN = ("WAV", "AU", "AIFF")
_PLAIN_CONTAINERS = ("WAV", "WAVEX", "RF64", "AU", "AIFF")
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
# Frames of these have checksums; a decoder looks at them, and fails, where it is told to.
_CHECKED = ("flac", "ac3", "eac3", "wavpack")
_DATA = re.compile(r"^\s*(?:data|data size|ssnd)\s*: (\d+)(?: \(should be (\d+)\))?", re.I | re.M)
_BLOCK = re.compile(r"Block Align\s*: ([1-9]\d*)\s+.*?Samples/Block\s*: (\d+)", re.S)
_TYPES = {"u8": "u1", "s16": "i2", "s32": "i4", "s64": "i8", "flt": "f4", "dbl": "f8"}
_LOSSLESS_SUBTYPES = ("PCM_", "FLOAT", "DOUBLE")
_PADDING = 2  # bytes by which frames of one bit rate differ
_MOST_PLANES = 8
_SYSTEM_ERROR = 2  # of libsndfile's
_EXACT = 1e-6  # s, less than a sample lasts
_OPTIONS = {
    "format_whitelist": _FORMATS,
    "codec_whitelist": ",".join(_CODECS),
}


class Encoding(NamedTuple):
    """How a file holds its sound.

    Attributes
    ----------
    format : str
        Of the file, as ``WAV``, ``MP3`` or ``Ogg``.
    codec : str
        Of the sound in it, as FFmpeg or libsndfile calls it: ``pcm_16``, ``mp3``, ``vorbis``.
    lossless : bool
        Whether it gives back the samples that were encoded.
    bits_per_second : float
        Of the sound alone, without tags and pictures: the mean of what was decoded.
    constant : bool
        Whether each frame takes as much as each other, whatever it holds.
    """

    format: str
    codec: str
    lossless: bool
    bits_per_second: float
    constant: bool


class Plain:
    """Samples that libsndfile reads.

    Attributes
    ----------
    cut_off : bool
        Whether the file promises more than it holds.
    encoding : Encoding
    """

    def __init__(self, sound: soundfile.SoundFile, kind: str):
        self._sound = sound
        promised, held = _size_of_data(sound.extra_info)
        seconds = sound.frames / sound.samplerate
        codec = sound.subtype.lower()
        lossless = sound.subtype.startswith(_LOSSLESS_SUBTYPES)
        rate = 8 * held / seconds if seconds else 0.0
        self.encoding = Encoding(kind, codec, lossless, rate, True)
        self.cut_off = held < promised < _SIZE_UNKNOWN
        self._n_left = sys.maxsize
        if block := _BLOCK.search(sound.extra_info):
            # libsndfile fills up a block of ADPCM that is cut off with what it decoded before.
            n_blocks, n_more = divmod(held, int(block[1]))
            self._n_left = n_blocks * int(block[2])
            self.cut_off |= n_more > 0

    def pieces(self) -> Iterator[tuple[np.ndarray, int]]:
        """Give the sound piece by piece: float32 of shape (n_samples, n_channels), and its rate."""
        at_once = max(1, _VALUES_AT_ONCE // self._sound.channels)
        while True:
            try:
                piece = self._sound.read(
                    min(at_once, self._n_left), dtype="float32", always_2d=True
                )
            except soundfile.LibsndfileError as error:
                _raise_if_of_system(error)
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
        self._head = file.read(formats.HEAD_BYTES)
        file.seek(0)
        self.cut_off = kind == "Ogg" and formats.check_pages(file)
        self._kind, self._source = kind, _Source(file)
        self._sizes: list[int] = []  # of packets, bytes
        self._seconds = 0.0
        # FFmpeg finds a length in a header, or guesses one from the size.
        self._has_length = kind in ("FLAC", "MPEG-4") or (
            kind == "MP3" and formats.counts_frames(file)
        )
        file.seek(0)
        try:
            self._container = av.open(self._source, options=_OPTIONS)
        except (av.FFmpegError, ValueError) as error:
            self._source.raise_error(error)
            if self.cut_off:
                raise Fault("truncated", "is cut off before any sound") from error
            raise formats.not_decoded(self._head, kind) from error
        self._source.raise_error()
        audio = self._container.streams.audio
        if not audio:
            raise Fault("no sound", f"is {kind or 'a file'} without any sound")
        self._stream = audio[0]
        context = self._stream.codec_context
        codec = context.name if context else "unknown"
        if codec not in _CODECS:
            what = f"is {kind} in an encoding that is not read ({codec}): {ADVICE}"
            raise Fault("encoding", what)
        if codec in _CHECKED:
            context.options = {"err_detect": "crccheck+explode"}

    @property
    def encoding(self) -> Encoding:
        """How the file holds what was decoded so far."""
        codec = self._stream.codec_context.codec
        sizes = self._sizes[1:-1] or [0]
        kind = None if self._kind == "MP3" else self._kind  # AAC begins alike
        return Encoding(
            kind or self._container.format.name.upper(),
            codec.canonical_name,
            codec.lossless and not codec.lossy,
            8 * sum(self._sizes) / self._seconds if self._seconds else 0.0,
            max(sizes) - min(sizes) <= _PADDING,
        )

    def pieces(self) -> Iterator[tuple[np.ndarray, int]]:
        """Give the sound piece by piece, as `Plain.pieces` does."""
        try:
            yield from self._pieces()
        except Fault as error:
            self._source.raise_error(error.__cause__)
            raise
        self._source.raise_error()

    def _pieces(self):
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
            raise formats.not_decoded(self._head, None)
        if self._has_length and self._stream.duration:
            missing = self._stream.duration * self._stream.time_base - seconds
            if missing > _EXACT and self._kind == "FLAC":  # frames that FFmpeg left out, maybe
                raise _damaged(seconds)
            self.cut_off = missing > 0.1

    def _frames(self):
        """Give frames; what cannot be decoded may come before the first, or after the last."""
        name = self._container.format.name
        seconds, due, fault = 0.0, 0, None
        for packet in self._packets():
            if packet.size:
                self._sizes.append(packet.size)
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                fault = error
                continue
            for frame in frames:
                displaced = name == "flac" and frame.pts != due
                if displaced or (fault and seconds):
                    raise _damaged(seconds) from fault
                fault = None
                due += round(frame.samples / frame.sample_rate / frame.time_base)
                seconds += frame.samples / frame.sample_rate
                self._seconds = seconds
                yield frame
        if fault and name not in _TAILED:
            raise _damaged(seconds) from fault

    def _packets(self):
        try:
            yield from self._container.demux(self._stream)
        except av.FFmpegError as error:
            raise Fault("damaged", "is damaged or cut off: its parts are not found") from error


class _Source:
    """What FFmpeg reads from. It takes a disk that fails for the end, so that is remembered."""

    def __init__(self, file: BinaryIO):
        self.tell, self._file = file.tell, file
        self._error: OSError | None = None

    def read(self, n_bytes):
        try:
            return self._file.read(n_bytes)
        except OSError as error:
            self._error = error
            return b""

    def seek(self, offset, whence):
        try:
            return self._file.seek(offset, whence)
        except OSError:  # there is no such place, which FFmpeg may be told
            return -1

    def raise_error(self, of_ffmpeg=None):
        """Raise what is the system's fault, and not the file's."""
        if self._error:
            raise self._error
        if isinstance(of_ffmpeg, MemoryError):
            raise of_ffmpeg


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
    OSError, MemoryError
        If the system lets it not be read, which `pieces` may raise as well.
    """
    head = file.read(formats.HEAD_BYTES)
    kind = formats.kind_of(head)
    if kind not in _PLAIN:
        return Compressed(file, kind)
    file.seek(0)
    try:
        # By descriptor: libsndfile takes anything named .raw, .vox or .au for raw samples.
        sound = soundfile.SoundFile(file.fileno(), closefd=False)
    except soundfile.LibsndfileError as error:
        _raise_if_of_system(error)
        raise formats.not_opened(head, kind, error.error_string) from error
    if sound.format not in _PLAIN_CONTAINERS:
        raise Fault("format", f"is {sound.format_info}: {ADVICE}")
    if kind == "WAV" and sound.frames == 0:  # its size is not filled in, or it has none
        try:
            return Compressed(file, kind)
        except Fault:
            file.seek(0)
    return Plain(sound, kind)


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


def _raise_if_of_system(error):
    """Raise what libsndfile has no words for: the system did not let it read."""
    if error.code == _SYSTEM_ERROR:
        raise OSError(errno.EIO, os.strerror(errno.EIO)) from error


def _damaged(seconds):
    return Fault("damaged", f"is damaged or cut off after {seconds:.3f} s")
