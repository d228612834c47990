"""Collections of audio, as they lie on a disk."""

import csv

import numpy as np
import soundfile

SR = 22050


def tone(seconds, seed=0, sr=SR):
    """A synthetic tone over a little noise: another pitch for each seed."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * sr)) / sr
    pitch = rng.uniform(100, 2000)
    return 0.3 * np.sin(2 * np.pi * pitch * time) + 0.02 * rng.normal(size=len(time))


def make_collection(folder, n_by_genre, seconds=2):
    for genre, n_clips in n_by_genre.items():
        (folder / genre).mkdir(parents=True)
        for number in range(n_clips):
            soundfile.write(folder / genre / f"{number}.wav", tone(seconds, number), SR)
    return folder


LEVELS = [
    ["", "album", "artist", "set", "set", "track", "track"],
    ["", "title", "name", "split", "subset", "genre_top", "title"],
    ["track_id", "", "", "", "", "", ""],
]


TRACKS = [
    ["2", "AWOL", "AWOL", "training", "small", "Hip-Hop", "Food"],
    ["5", "AWOL", "AWOL", "validation", "small", "Hip-Hop", "This, and \"That\""],
    ["10", "Constant\nHitmaker", "Kurt Vile", "test", "small", "Pop", "Freeway"],
    ["140", "Niris, live", "Nicky \"Cook\", Jr.", "training", "small", "Folk", "Queen"],
    ["141", "Niris", "Nicky Cook", "training", "small", "", "Ohio"],
    ["148", "Contradictory", "Abominog", "training", "small", "Pop", "Blackout"],
    ["182", "Niris", "", "training", "medium", "Rock", "Father"],
    ["190", "Niris", "Ed", "training", "large", "Rock", "Mother"],
    ["1083", "Niris", "Ed", "", "small", "Rock", "Brother"],
    ["98565", "Short", "Ed", "training", "small", "Rock", "Sister"],
    ["99134", "Corrupt", "Ed", "test", "small", "Rock", "Cousin"],
]  # fmt: skip


def write_tracks(folder, levels=LEVELS, tracks=TRACKS):
    path = folder / "fma_metadata" / "tracks.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(levels + tracks)
    return path


def fma_path(folder, track):
    return folder / f"{track:06d}"[:3] / f"{track:06d}.mp3"


CLIP_COLUMNS = [
    "clip_id",
    "track_number",
    "title",
    "artist",
    "album",
    "url",
    "segmentStart",
    "segmentEnd",
    "original_url",
    "mp3_path",
]
