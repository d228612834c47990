"""data.datasets, data.magnatune: what a collection says of its clips is what is read."""

import csv
import os
import re
import shutil
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import soundfile
from audio_collections import CLIP_COLUMNS, LEVELS, TRACKS, fma_path, write_tracks
from hypothesis import given
from hypothesis import strategies as st

from genres import Refusal
from genres.data import clips, datasets
from genres.decoding import audio


def write_mp3(path, seconds, rate=44_100):
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = np.random.default_rng(0).normal(size=(round(seconds * rate), 2)) / 10
    soundfile.write(path, sound.astype(np.float32), rate, format="MP3")


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def reasons(dataset):
    return dict(Counter(dataset.rejected["reason"]))


def readable(dataset):
    """Count the clips of a dataset that can be read, and why the others cannot."""
    counts = Counter()
    for clip in dataset.clips:
        try:
            audio.read(clip.path, 30, dataset.missing)
            counts["read"] += 1
        except audio.AudioError as error:
            counts[error.reason] += 1
    return dict(counts)


# FMA


@pytest.fixture(scope="module")
def fma(tmp_path_factory):
    """FMA small with four good clips of FMA's length, a short, a corrupt, and a missing one."""
    folder = tmp_path_factory.mktemp("fma")
    write_tracks(folder)
    small = folder / "fma_small"
    write_mp3(fma_path(small, 2), 29.98)
    for track in (5, 10, 140):
        shutil.copy(fma_path(small, 2), fma_path(small, track))
    write_mp3(fma_path(small, 98565), 1.6)
    fma_path(small, 99134).parent.mkdir()
    fma_path(small, 99134).write_bytes(b"\0" * 5000)
    for track in (141, 1083, 7):
        touch(fma_path(small, track))
    touch(small / "README.txt")
    return folder


def test_fmas_own_genres_split_and_artists_are_taken(fma):
    dataset = datasets.read(fma)
    assert [clip._replace(path="") for clip in dataset.clips] == [
        clips.Clip("", "Hip-Hop", "000002.mp3", "Train", "AWOL"),
        clips.Clip("", "Hip-Hop", "000005.mp3", "Train", "AWOL"),
        clips.Clip("", "Pop", "000010.mp3", "Test", "Kurt Vile"),
        clips.Clip("", "Folk", "000140.mp3", "Train", 'Nicky "Cook", Jr.'),
        clips.Clip("", "Rock", "098565.mp3", "Train", "Ed"),
        clips.Clip("", "Rock", "099134.mp3", "Test", "Ed"),
    ]
    assert [clip.path for clip in dataset.clips[:2]] == [
        str(fma / "fma_small" / "000" / "000002.mp3"),
        str(fma / "fma_small" / "000" / "000005.mp3"),
    ]


def test_fma_clips_that_cannot_be_used_are_counted_by_reason(fma):
    dataset = datasets.read(fma)
    assert reasons(dataset) == {
        "no such file": 1,
        "no genre": 1,
        "no split": 1,
        "not in tracks.csv": 1,
    }
    paths = dataset.rejected.set_index("reason")["path"]
    assert paths["no such file"] == str(fma / "fma_small" / "000" / "000148.mp3")
    assert paths["not in tracks.csv"] == str(fma / "fma_small" / "000" / "000007.mp3")


def test_corrupt_and_short_mp3s_are_told_apart_from_fmas_usual_29_98_seconds(fma):
    assert readable(datasets.read(fma)) == {"read": 4, "short": 1, "not audio": 1}


def test_the_folder_of_a_subset_or_the_one_above_may_be_named(fma):
    assert datasets.read(str(fma / "fma_small")).clips == datasets.read(fma).clips


def small_fma(folder, name="fma_small"):
    """FMA small with three empty clips, its metadata beside it."""
    write_tracks(folder)
    for track in (2, 10, 140):
        touch(fma_path(folder / name, track))
    return folder / name


FMA_GENRES = ["Hip-Hop", "Pop", "Folk"]


def genres_of(folder):
    return [clip.genre for clip in datasets.read(folder).clips]


@pytest.mark.parametrize("name", ["fma_small", "my music", "fma_small/fma_small", "a/fma_small"])
def test_fma_is_known_by_its_content(tmp_path, monkeypatch, name):
    folder = small_fma(tmp_path, name)
    assert genres_of(folder) == genres_of(folder.parent) == FMA_GENRES
    monkeypatch.chdir(folder)
    assert genres_of(".") == FMA_GENRES


def test_fma_is_known_through_a_link(tmp_path):
    folder = small_fma(tmp_path / "disk")
    (tmp_path / "link").symlink_to(folder)
    assert genres_of(tmp_path / "link") == FMA_GENRES


def test_a_renamed_medium_subset_is_told_from_a_small_one(tmp_path):
    folder = small_fma(tmp_path, "mine")
    touch(fma_path(folder, 182))
    assert genres_of(folder) == [*FMA_GENRES, "Rock"]


def test_fmas_folders_without_metadata_are_not_taken_for_genres(tmp_path):
    folder = small_fma(tmp_path, "mine")
    shutil.rmtree(tmp_path / "fma_metadata")
    beside = tmp_path / "fma_metadata" / "tracks.csv"
    with pytest.raises(Refusal, match=re.escape(f"{beside} cannot be read: No such file")):
        datasets.read(folder)


def test_the_medium_subset_has_the_small_ones_tracks_too(tmp_path):
    write_tracks(tmp_path)
    for track in (2, 182, 190):
        touch(fma_path(tmp_path / "fma_medium", track))
    dataset = datasets.read(tmp_path)
    assert [(clip.name, clip.group) for clip in dataset.clips] == [
        ("000002.mp3", "AWOL"),
        ("000182.mp3", None),
    ]
    assert reasons(dataset)["not in tracks.csv"] == 1


def test_two_subsets_in_one_folder_are_not_mixed(tmp_path):
    for name in ("fma_small", "fma_medium"):
        (tmp_path / name).mkdir()
    with pytest.raises(Refusal, match="holds fma_medium and fma_small: name one"):
        datasets.read(tmp_path)


@pytest.mark.parametrize(
    ("levels", "tracks", "told"),
    [
        (LEVELS[:2], TRACKS, "third line names no track_id"),
        (LEVELS[:1], [], "third line names no track_id"),
        ([row[:5] + row[6:] for row in LEVELS], [], "lacks the column track genre_top"),
        (LEVELS, [["two", *TRACKS[0][1:]]], "the track_id 'two' is no whole number"),
        ([], [], "is no whole table"),
    ],
)
def test_metadata_in_another_format_are_refused(tmp_path, levels, tracks, told):
    path = write_tracks(tmp_path, levels, tracks)
    touch(fma_path(tmp_path / "fma_small", 2))
    with pytest.raises(Refusal, match=told) as refusal:
        datasets.read(tmp_path)
    assert str(path) in str(refusal.value)


def test_metadata_cut_off_in_a_row_lose_that_row_only(tmp_path):
    path = write_tracks(tmp_path, tracks=TRACKS[:2])
    path.write_text(path.read_text().rpartition(",Hip-Hop")[0])
    for track in (2, 5):
        touch(fma_path(tmp_path / "fma_small", track))
    dataset = datasets.read(tmp_path)
    assert [clip.name for clip in dataset.clips] == ["000002.mp3"]
    assert reasons(dataset) == {"no genre": 1}


def test_metadata_cut_off_in_a_quotation_are_refused(tmp_path):
    path = write_tracks(tmp_path)
    path.write_text(path.read_text().partition("Hitmaker")[0])
    touch(fma_path(tmp_path / "fma_small", 2))
    with pytest.raises(Refusal, match=r"is no whole table: .*EOF inside string"):
        datasets.read(tmp_path)


def test_missing_metadata_are_refused(tmp_path):
    touch(fma_path(tmp_path / "fma_small", 2))
    with pytest.raises(Refusal, match=r"tracks\.csv cannot be read: No such file"):
        datasets.read(tmp_path)


def test_when_no_clip_can_be_used_the_reasons_are_told(tmp_path):
    write_tracks(tmp_path)
    touch(fma_path(tmp_path / "fma_small", 141))
    with pytest.raises(Refusal, match=r"no clip that can be used: no such file \(\d\), no genre"):
        datasets.read(tmp_path)


# MagnaTagATune

BACH = ("American Bach Soloists", "J.S. Bach Solo Cantatas", "BWV54 - I Aria")
# Title, artist and album as MagnaTagATune has them, and what is to come out.
CLIPS = {
    "f/exact.mp3": (*BACH, "Classical", "artist, album, title"),
    "f/spelling.mp3": (
        "The AMERICAN Bach Soloists",
        "J.S. Bach: Solo Cantatas",
        "BWV54 – I.  Aria",
        "Classical",
        "artist, album, title",
    ),
    "a/accents.mp3": ("Jacques Burtin", "Le Jour des Merveilles", "Cafe & Creme",
                      "World", "artist, album, title"),
    "a/title.mp3": (*BACH[:2], "BWV 54 aria one", "Classical", "artist, album"),
    "a/album.mp3": (BACH[0], "Cantatas", BACH[2], "Classical", "artist, title"),
    "a/artist.mp3": ("Bach Soloists of America", *BACH[1:], "Classical", "album, title"),
    "b/second.mp3": ("Rapoon", "Cidar", "Cidar", "Ambient", "artist, album, title"),
    "b/differ.mp3": ("Various Artists", "Sampler", "Number Nine", None, "genres differ"),
    "b/one.mp3": ("Various Artists", "Sampler", "Number One", "Jazz", "artist, album, title"),
    "b/other.mp3": ("Tom Paul", "I Was King", "Sleep", None, "none of the ten genres"),
    "b/artist_only.mp3": (BACH[0], "Christmas", "Bells", None, "album and title unknown"),
    "b/stranger.mp3": ("Nobody", "Nothing", "Never", None, "artist unknown"),
    "b/nameless.mp3": ("", "", "", None, "artist unknown"),
    "b/quoted.mp3": ("DJ \"Q\"", "Ten, nine", "Hip, hop", "Hip-Hop", "artist, album, title"),
}  # fmt: skip
SONGS = [
    (*BACH, "Classical,Baroque"),
    (*BACH[:2], "BWV54 - II Recitativo", "Classical"),
    ("Jacques Burtin", "Le jour des merveilles", "Café and Crème", "World"),
    ("Rapoon", "Cidar", "Cidar", "Dub, Ambient, Electronica"),
    ("Various Artists", "Sampler", "Number One", "Jazz"),
    ("Various Artists", "Sampler", "Number Two", "Hard Rock"),
    ("Tom Paul", "I Was King", "Sleep", "Spoken Word"),
    ('DJ "Q"', "Ten, nine", "Hip, hop", "hip hop"),
    ("", "", "", "Jazz"),
]


@pytest.fixture
def magnatagatune(tmp_path):
    """A small MagnaTagATune in its own format, its mp3 files empty and one level down."""
    rows = [
        [number, 1, title, artist, album, "http://he3.magnatune.com", 30, 59, "", path]
        for number, (path, (artist, album, title, *_)) in enumerate(CLIPS.items())
    ]
    rows.append([97, 1, BACH[2], BACH[0], BACH[1], "", 0, 29, "", "c/lost.mp3"])
    rows.append([98, 1, BACH[2], BACH[0], BACH[1], "", 0, 29, "", ""])
    table = pd.DataFrame(rows, columns=CLIP_COLUMNS)
    table.to_csv(tmp_path / "clip_info_final.csv", sep="\t", index=False)
    for path in CLIPS:
        touch(tmp_path / "mp3" / path)
    with (tmp_path / "song_info.csv").open("w", newline="", encoding="utf-8") as file:
        quoting = {"quoting": csv.QUOTE_ALL, "doublequote": False, "escapechar": "\\"}
        writer = csv.writer(file, **quoting)
        writer.writerow(["artist", "trackname", "albumname", "tracknum", "magnatunegenres"])
        for artist, album, title, genres in SONGS:
            writer.writerow([artist, title, album, 1, genres])
    return tmp_path


def test_clips_of_magnatagatune_get_magnatunes_genres(magnatagatune):
    dataset = datasets.read(magnatagatune)
    expected = {path: genre for path, (*_, genre, _) in CLIPS.items() if genre}
    assert {clip.name: clip.genre for clip in dataset.clips} == expected
    assert {clip.path for clip in dataset.clips} == {
        str(magnatagatune / "mp3" / path) for path in expected
    }
    assert {clip.type for clip in dataset.clips} == {None}


def test_an_artist_spelled_in_two_ways_is_one_group(magnatagatune):
    groups = {clip.name: clip.group for clip in datasets.read(magnatagatune).clips}
    assert groups["f/exact.mp3"] == groups["f/spelling.mp3"] != groups["a/accents.mp3"]


def test_clips_without_a_genre_are_counted_by_reason(magnatagatune):
    expected = Counter(how for *_, genre, how in CLIPS.values() if not genre)
    expected |= {"no such file": 1, "no file named": 1}
    assert reasons(datasets.read(magnatagatune)) == expected


def test_it_is_told_what_a_clip_and_its_song_agree_in():
    columns = ["artist", "album", "title", "genre", "how"]
    table = pd.DataFrame(CLIPS.values(), columns=columns, index=list(CLIPS))
    songs = pd.DataFrame(SONGS, columns=["artist", "album", "title", "genres"])
    found = datasets.match_magnatune(table[columns[:3]], songs)
    pd.testing.assert_frame_equal(found, table[columns[3:]].astype(object))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Kokoon", "kokoon"),
        ("Ehren Starks & Kate Gurba", "Ehren Starks and Kate Gurba"),
        ("Don't Stop", "Dont Stop"),
        ("Strauß", "STRAUSS"),
        ("Søren Ærø", "Soren Aero"),
        ("Cafe\u0301", "Café"),
        ("J.S. Bach_ Solo", "j s bach  solo"),
    ],
)
def test_spellings_of_one_name(one, other):
    assert datasets.normalise(one) == datasets.normalise(other) != ""


@pytest.mark.parametrize(
    ("one", "other"), [("Aria I", "Aria II"), ("The", ""), ("Suite 1", "Suite 11"), ("AB", "A B")]
)
def test_spellings_of_two_names(one, other):
    assert datasets.normalise(one) != datasets.normalise(other)


@given(st.text())
def test_only_words_remain_of_a_name(text):
    name = datasets.normalise(text)
    assert name == " ".join(name.split())
    assert all(word.isalnum() for word in name.split())
    assert datasets.normalise(f"  ({text})! ") == name


def test_magnatagatune_without_magnatunes_songs_is_refused(magnatagatune):
    (magnatagatune / "song_info.csv").unlink()
    with pytest.raises(Refusal, match=r"song_info\.csv cannot be read: No such file"):
        datasets.read(magnatagatune)
    os.mkfifo(magnatagatune / "song_info.csv")
    with pytest.raises(Refusal, match=r"song_info\.csv cannot be read: it is not a regular file"):
        datasets.read(magnatagatune)


def test_a_list_of_songs_without_genres_is_refused(magnatagatune):
    (magnatagatune / "song_info.csv").write_text("artist,trackname,albumname\n")
    with pytest.raises(Refusal, match=r"song_info\.csv lacks the column magnatunegenres"):
        datasets.read(magnatagatune)


def test_a_list_in_latin_letters_of_one_byte_is_read_too(magnatagatune):
    path = magnatagatune / "song_info.csv"
    before = datasets.read(magnatagatune).clips
    path.write_bytes(path.read_text(encoding="utf-8").encode("latin-1"))
    assert datasets.read(magnatagatune).clips == before


# Folders of genres


def test_other_folders_hold_one_for_each_genre(tmp_path):
    for name in ("ska/one.mp3", "dub/two.ogg"):
        touch(tmp_path / name)
    dataset = datasets.read(tmp_path)
    assert dataset.clips == clips.find(tmp_path)
    assert [clip.genre for clip in dataset.clips] == ["dub", "ska"]
    assert (len(dataset.rejected), dataset.missing) == (0, 0)


def test_the_real_gtzan_clips_have_the_names_of_the_course(real_data):
    dataset = datasets.read(real_data / "gtzan-mini")
    assert len(dataset.clips) == 100
    assert Counter(clip.genre for clip in dataset.clips)["hiphop"] == 10
    assert "pop_00000.wav" in {clip.name for clip in dataset.clips}


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(Refusal, match="gone is not a folder"):
        datasets.read(tmp_path / "gone")


def test_it_is_known_how_much_of_thirty_seconds_clips_lack(magnatagatune, fma):
    assert datasets.read(magnatagatune).missing == 1.0
    assert datasets.read(fma).missing == 0.1


def test_descriptions_of_more_than_four_gibibytes_are_not_read(tmp_path):
    path = write_tracks(tmp_path)
    touch(fma_path(tmp_path / "fma_small", 2))
    os.truncate(path, (1 << 32) + 1)
    with pytest.raises(Refusal, match="larger than 4096 MiB"):
        datasets.read(tmp_path)


def test_metadata_are_found_beside_above_and_within_the_clips(tmp_path):
    for place in ("x/y", "x", "x/y/fma_small"):
        folder = small_fma(tmp_path / place.replace("/", "-"), "x/y/fma_small")
        metadata = folder.parents[2] / "fma_metadata"
        metadata.rename(folder.parents[2] / place / "fma_metadata")
        assert genres_of(folder) == FMA_GENRES
    folder = small_fma(tmp_path / "too far up", "x/y/fma_small")
    with pytest.raises(Refusal, match=r"y/fma_metadata/tracks\.csv cannot be read"):
        datasets.read(folder)


@pytest.mark.parametrize(
    ("names", "genre"),
    [
        ("Dub, Ambient,Jazz", "Ambient"),
        ("new  age", "New Age"),
        ("", None),
        ("Alt Rock,Hard Rock", "Alt Rock"),
    ],
)
def test_the_first_of_the_ten_genres_counts(names, genre):
    assert datasets._genre(names) == genre


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        ("The A", "a"),
        ("A", "a"),
        ("An Apple a Day", "apple a day"),
        ("Simon & Garfunkel's", "simon and garfunkels"),
        ("Þórr œuvre Łódź đ ð", "thorr oeuvre lodz d d"),
        ("X_B", "x b"),
    ],
)
def test_names_are_normalised(name, normal):
    assert datasets.normalise(name) == normal
