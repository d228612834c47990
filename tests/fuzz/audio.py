"""Mutated files of audio: each is refused, or read without a word only where none is due.

Each file is read in whole and as a clip. Wrong is any end but sound or a refusal, samples that are
not finite, of formats with checksums other samples than those of the sound file, and of formats
that tell their length fewer samples and no word of that.
"""

import io
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import soundfile

from genres.decoding import audio
from tests.fuzz.watched import watch

RATE, CLIP_SECONDS = 44100, 1.5

_CHECKED = (b"fLaC", b"OggS")
_SIZED = (b"RIFF", b"FORM", b".snd", b"fLaC", b"OggS", b"\0\0\0\x1cftyp", b"\xff\xfb")
_TAIL = 2000  # samples at an end that the resampling filter, or a frame, reaches beyond
_WRITTEN = [
    *(("WAV", subtype) for subtype in ("PCM_16", "FLOAT", "IMA_ADPCM", "MS_ADPCM")),
    *(("AIFF", "PCM_24"), ("AU", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS")),
    ("MP3", "MPEG_LAYER_III"),
]
_ENCODED = [
    *(("adts", "aac"), ("ipod", "aac"), ("ipod", "alac"), ("ac3", "ac3"), ("ogg", "libopus")),
    *(("matroska", "libopus"), ("asf", "wmav2"), ("wv", "wavpack"), ("caf", "pcm_s16be")),
]
_UNSIZED = ("vbr-no-xing.mp3", "piped.flac")
_CASES = (*_UNSIZED, "chained.ogg", "speech.spx", "flac-in-ogg.ogg", "phone.m4a")


def run(cases: int, seconds: float | None, seed: int) -> list[str]:
    """Read so many mutated files, for so many seconds at most; give the faults found."""
    with tempfile.TemporaryDirectory() as folder:
        originals = [Original.of(*item, Path(folder)) for item in sound_files().items()]
    return watch(partial(try_file, originals), cases, seconds, seed)


class Original(NamedTuple):
    """A sound file: its name, its content, and what each way of reading gives of it."""

    name: str
    content: bytes
    sounds: list

    @classmethod
    def of(cls, name, content, folder):
        """Read a file, which is written to a folder for that."""
        path = folder / name
        path.write_bytes(content)
        return cls(name, content, [way(path) for way in _WAYS])


def try_file(originals, rng, folder):
    """Mutate one of the files, read it, and say what became of it."""
    original, mutate = rng.choice(originals), rng.choice(MUTATIONS)
    path = folder / f"{mutate.__name__.strip('_')}-{original.name}"
    path.write_bytes(mutate(original.content, rng))
    outcomes = [_read(path, way) for way in _WAYS]
    for sound, before in zip(outcomes, original.sounds, strict=True):
        if sound is not None:
            _check(sound, before, original, may_be_short=mutate is not _cut)
    return "read" if outcomes[0] else "refused"


_WAYS = (partial(audio.read_whole, longest=60), partial(audio.read, seconds=CLIP_SECONDS))


def _read(path, way):
    try:
        return way(path)
    except audio.AudioError as refusal:
        sentence = str(refusal)
        assert sentence.isprintable(), f"a refusal that is not printable: {sentence!r}"
        assert sentence.endswith("."), f"a refusal that is no sentence: {sentence!r}"
        return None


def _check(sound, sound_before, original, may_be_short):
    name, content, _ = original
    samples, before = sound.samples, sound_before.samples
    lengths = f"{len(samples):,} samples of {len(before):,}"
    assert np.isfinite(samples).all(), "samples that are not finite"
    if content.startswith(_CHECKED):
        n_same = len(samples) - (_TAIL if len(samples) < len(before) else 0)
        assert np.array_equal(samples[:n_same], before[:n_same]), f"other samples: {lengths}"
    if content.startswith(_SIZED) and name not in _UNSIZED and not may_be_short:
        is_short = len(samples) < len(before) - audio.SAMPLE_RATE // 10
        assert sound.cut_off or not is_short, f"not said to be cut off: {lengths}"


def sound_files() -> dict[str, bytes]:
    """Make the files that are mutated, and take what real ones there are."""
    time_ = np.arange(2 * RATE) / RATE
    noise = np.random.default_rng(0).normal(0, 0.02, (len(time_), 2))
    samples = 0.4 * np.sin(2 * np.pi * (200 + 400 * time_) * time_)[:, np.newaxis] + noise
    made = {f"{form}-{subtype}": _written(samples, form, subtype) for form, subtype in _WRITTEN}
    made |= {f"{form}-{codec}": _encoded(samples, form, codec) for form, codec in _ENCODED}
    real = Path(os.environ.get("GENRE_TEST_DATA", ""), "cases")
    if os.environ.get("GENRE_TEST_DATA") and real.is_dir():
        made |= {name: (real / name).read_bytes() for name in _CASES}
    return made


def _written(samples, form, subtype):
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, subtype, format=form)
    return file.getvalue()


def _encoded(samples, form, codec):
    file = io.BytesIO()
    rate = 48000 if codec == "libopus" else RATE
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate, layout="stereo", bit_rate=128_000)
        stream.codec_context.open()
        n_samples = stream.codec_context.frame_size or 1024
        values = np.ascontiguousarray((32767 * samples).astype(np.int16))
        resampler = av.AudioResampler(stream.codec_context.format, "stereo", rate, n_samples)
        frame = av.AudioFrame.from_ndarray(values.reshape(1, -1), "s16", "stereo")
        frame.sample_rate = RATE
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return file.getvalue()


def _at(content, rng):
    """Choose a place, half of the time among the first bytes, where headers are."""
    return rng.randrange(min(len(content), rng.choice([400, len(content)])))


def _flipped_bits(content, rng):
    mutated = bytearray(content)
    for _ in range(rng.choice([1, 2, 10, 100])):
        mutated[_at(content, rng)] ^= 1 << rng.randrange(8)
    return bytes(mutated)


def _cut(content, rng):
    return content[: _at(content, rng)]


def _changed_field(content, rng):
    """Put a number that means much to a header in a place of two, four or eight bytes."""
    size = rng.choice([2, 4, 8])
    highest = 1 << (8 * size - 1)
    value = rng.choice([0, 1, 0x7F, 0x7FFF, highest - 1, highest, 2 * highest - 1])
    at = _at(content, rng)
    field = value.to_bytes(size, rng.choice(["little", "big"]))
    return content[:at] + field + content[at + size :]


def _block(content, rng):
    at = _at(content, rng)
    return at, at + rng.choice([1, 4, 100, 1000, 10_000])


def _removed_block(content, rng):
    start, end = _block(content, rng)
    return content[:start] + content[end:]


def _doubled_block(content, rng):
    start, end = _block(content, rng)
    return content[:end] + content[start:]


def _inserted_block(content, rng):
    start, end = _block(content, rng)
    return content[:start] + rng.randbytes(end - start) + content[start:]


def _zeroed_block(content, rng):
    start, end = _block(content, rng)
    return content[:start] + bytes(len(content[start:end])) + content[end:]


MUTATIONS = (
    *(_flipped_bits, _cut, _changed_field, _removed_block),
    *(_doubled_block, _inserted_block, _zeroed_block),
)
