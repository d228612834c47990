"""audit.origins: names of artists are found, joined over spellings, and kept on one side."""

import os
import struct
import zlib

import mutagen
import numpy as np
import pandas as pd
import pytest
import soundfile

from genres import Refusal
from genres.audit import origins
from genres.data import clips as collection
from genres.data import folders
from genres.data.clips import Clip


def clips_of(*files, **fields):
    """Give clips of files, <genre>/<name>, that need not be there."""
    return [Clip(f"/none/{file}", file.split("/")[0], file, **fields) for file in files]


def artists_of(*names):
    columns = [*origins.NAMES, "source"]
    return pd.DataFrame([(name, "", "", "", "") for name in names], columns=columns)


# Patterns


@pytest.mark.parametrize(
    ("pattern", "file", "expected"),
    [
        (
            "{artist} - {title}",
            "rock/Queen - Bohemian - Rhapsody.mp3",
            "Queen||Bohemian - Rhapsody",
        ),
        ("{number} {artist} - {title}", "rock/07 Queen - Ice.v2.mp3", "Queen||Ice.v2"),
        (
            "{artist} - {title}",
            "rock/John_Lee_Hooker_-_Boom_Boom.wav",
            "John Lee Hooker||Boom Boom",
        ),
        (
            "{artist}/{album}/{number}{}{title}",
            "rock/ABBA/Arrival/03. Tiger.ogg",
            "ABBA|Arrival|Tiger",
        ),
        ("(?P<artist>[a-z]+)[0-9]+$", "rock/miles07.au", "miles||"),
    ],
)
def test_a_pattern_names_artist_album_and_title(pattern, file, expected):
    genre, _, inside = file.partition("/")
    found = origins.read([Clip(f"/none/{file}", genre, file, inside=inside)], pattern)
    assert "|".join(found.loc[0, ["artist", "album", "title"]]) == expected
    assert found.loc[0, "source"] == "pattern"


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("{artst} - {title}", r"has '\{artst\}': known are \{artist\}, \{album\}"),
        ("{title}", "names no artist"),
        ("{artist} - {artist}", "twice"),
        ("{artist - {title}", "a brace without its other"),
        ("(?P<artist>[", "cannot be read: unterminated character set"),
        ("(?P<artist>.)(?P<year>.)", "a group year"),
        ("{artist} by {title}", r"fits no clip, such as rock/a - b\.mp3"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused_with_what_is_wrong(pattern, why):
    with pytest.raises(Refusal, match=why):
        origins.read(clips_of("rock/a - b.mp3"), pattern)


# Tables


def test_a_table_is_matched_by_the_ends_of_paths(tmp_path):
    table = tmp_path / "who.csv"
    table.write_text(
        "\ufeffYear;Artist;FILE;Album\n"
        "1999;Ana;C:\\music\\rock\\one.flac;First\n2000;Bo;two.mp3;\n;Cy;jazz/one.mp3;\n"
        ";Bob Marley;reggae.00001.au;\n",
        encoding="utf-8",
    )
    clips = clips_of("rock/one.mp3", "jazz/two.wav", "jazz/one.mp3", "folk/one.mp3")
    clips += clips_of("reggae/reggae_00001.wav")
    found = origins.read(clips, table=table)
    assert found["artist"].tolist() == ["Ana", "Bo", "Cy", "", "Bob Marley"]
    assert found.loc[0, "album"] == "First"
    assert found["source"].tolist() == ["table", "table", "table", "", "table"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("file,title\na.mp3,b\n", "lacks the column 'artist'"),
        ("file,artist\nrock/a.mp3,Ana\n,Bo\n", "line 3: no file is named"),
        ("file,artist\na.mp3,Ana\na.mp3,Bo\n", r"line 3: a\.mp3 is there before, with other names"),
        ("file,artist\na.mp3,Ana,1\n", "line 2: 3 fields where the first line has 2"),
        ("file,artist\nz.mp3,Ana\n", r"names none of the clips, such as rock/a\.mp3"),
        ("", "is empty"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_the_row(tmp_path, text, why):
    table = tmp_path / "who.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(Refusal, match=why):
        origins.read(clips_of("rock/a.mp3"), table=table)


def test_sturms_index_of_gtzan_is_read(tmp_path):
    index = tmp_path / "index.txt"
    index.write_text("blues.00000.wav ::: John Lee Hooker ::: Bourbon\nblues.00001.wav :::  ::: \n")
    clips = clips_of("blues/blues_00000.wav", "blues/blues_00001.wav")
    assert origins.read(clips, table=index)["artist"].tolist() == ["John Lee Hooker", ""]


# Tags


TAGGED = {"artist": "Ána & Co", "album": "Öne", "title": "Söng"}


@pytest.mark.parametrize("ending", ["wav", "aiff", "flac", "ogg", "mp3"])
def test_tags_are_read_in_many_formats(tmp_path, ending):
    path = tmp_path / f"clip.{ending}"
    soundfile.write(path, np.zeros(22050), 22050)
    assert origins.of_tags(path) == {}
    file = mutagen.File(path, easy=True)
    if file.tags is None:
        file.add_tags()
    if ending in ("wav", "aiff"):  # which have no easy names
        frames = {"artist": "TPE1", "album": "TALB", "title": "TIT2"}
        for name, value in TAGGED.items():
            file.tags.add(getattr(mutagen.id3, frames[name])(3, [value]))
    else:
        file.tags.update(TAGGED)
    file.save()
    assert origins.of_tags(path) == TAGGED


@pytest.mark.parametrize(
    "content",
    [b"", b"ID3", b"fLaC" + bytes(99), b"OggS" * 99, b"\0\0\0\x20ftypM4A " + b"\xff" * 99],
)
def test_a_broken_file_has_no_tags(tmp_path, content):
    path = tmp_path / "broken.mp3"
    path.write_bytes(content)
    assert origins.of_tags(path) == {}
    assert origins.of_tags(tmp_path / "missing.mp3") == {}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.mp3")
    assert origins.of_tags(tmp_path / "pipe.mp3") == {}


def compressed_frame(text):
    """Make an ID3 tag whose only frame, the artist, is compressed."""
    data = zlib.compress(b"\3" + text)
    frame = b"TPE1" + struct.pack(">IH", len(data) + 4, 0x80) + struct.pack(">I", len(text)) + data
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\3\0\0" + size + frame + 4 * (b"\xff\xfb\x90\x64" + bytes(413))


def test_a_frame_that_unpacks_to_more_than_names_have_is_left_alone(tmp_path):
    path = tmp_path / "bomb.mp3"
    path.write_bytes(compressed_frame(b"Ana"))
    assert origins.of_tags(path)["artist"] == "Ana"
    path.write_bytes(compressed_frame(b"Ana " * 300_000))
    assert "artist" not in origins.of_tags(path)


def test_tags_stand_between_a_collections_tables_and_its_folders(tmp_path, monkeypatch):
    monkeypatch.setattr(origins, "of_tags", lambda _: {"artist": "Tag", "title": "T"})
    of_folder = Clip("/a", "rock", "rock/X/a.mp3", group="X", inside="X/a.mp3")
    of_table = Clip("/b", "rock", "000002.mp3", group="FMA")
    found = origins.read([of_folder, of_table])
    assert found["source"].tolist() == ["tags", "collection"]
    assert found["title"].tolist() == ["T", "T"]


# Names


@pytest.mark.parametrize(
    "spelling",
    ["The Beatles", "beatles", "  BEATLES ", "Beatles, The", "The  Béatles", "Beatles feat. Ana"],
)
def test_spellings_of_an_artist_are_one(spelling):
    assert origins.key(spelling) == "beatles"


@pytest.mark.parametrize("spelling", ["Unknown Artist", "Various", "", " ", "VA"])
def test_nobody_is_no_artist(spelling):
    assert origins.key(spelling) == ""


@pytest.mark.parametrize("spelling", ["!!!", "宇多田ヒカル", "Feat"])
def test_odd_names_stay_names(spelling):
    assert origins.key(spelling)


# Splits


def test_artists_and_albums_on_both_sides_are_counted():
    found = artists_of("Ana", "ana", "The Ana", "Bo", "Bo", "", "")
    found["album"] = ["Hits", "hits", "Other", "Hits", "Hits", "", ""]
    split = ["Train", "Test", "Test", "Train", "Train", "Train", "Test"]
    table = origins.across(found, split)
    assert table.to_dict("records") == [
        {"kind": "artist", "name": "Ana", "train": 1, "test": 2},
        {"kind": "album", "name": "Hits", "train": 1, "test": 1},
    ]


def test_an_album_of_several_artists_is_one_by_its_album_artist():
    found = artists_of("Ana", "Bo")
    found["album"], found["album_artist"] = "Blues Gold", "Various Artists"
    table = origins.across(found, ["Train", "Test"])
    assert table["kind"].tolist() == ["album"]


def test_nothing_across_is_an_empty_table():
    assert origins.across(artists_of("Ana", "Bo"), ["Train", "Test"]).empty
    assert origins.across(artists_of(), []).empty


def test_groups_join_artists_through_copies():
    joined = origins.groups(artists_of("Ana", "Bo", "ana", "", "", "Cy"), [[1, 2], [3, 4]])
    assert joined[0] == joined[1] == joined[2] != joined[3]
    assert joined[3] == joined[4] and len(set(joined)) == 3


def test_folds_keep_groups_together_and_one_of_each_copy():
    rng = np.random.default_rng(0)
    genres = np.repeat(["jazz", "rock"], 60)
    found = artists_of(*(f"{genre} {rng.integers(12)}" for genre in genres))
    copies = [[0, 70, 71], [1, 2]]
    groups = origins.groups(found, copies)
    fold = origins.folds(genres, groups, copies)
    assert np.flatnonzero(fold == 0).tolist() == [2, 70, 71]
    kept = pd.DataFrame({"genre": genres, "group": groups, "fold": fold})[fold > 0]
    assert (kept.groupby("group")["fold"].nunique() == 1).all()
    assert kept.groupby(["genre", "fold"]).size().between(15, 25).all()


def test_a_genre_of_two_artists_is_refused_by_name():
    found = artists_of("a", "b", "c", "d", "e")
    with pytest.raises(Refusal, match="rock has 2"):
        origins.folds(["jazz", "jazz", "jazz", "rock", "rock"], origins.groups(found))


def test_folds_that_are_written_are_read_again(tmp_path):
    genres = ["jazz", "rock"] * 6
    names = [f"{genre}/{number}.wav" for number, genre in enumerate(genres)]
    groups = origins.groups(
        artists_of(*(str(number // 4) + genres[number] for number in range(12)))
    )
    fold = origins.folds(genres, groups, copies=[[0, 2]])
    path = tmp_path / collection.SPLITS / collection.ARTIST_FOLDS
    collection.write_folds(path, names, groups, fold)
    data = folders.Data("x", tmp_path, {}, False, "")
    read = folders.artist_folds(data)
    assert read.index.tolist() == [names[0], names[1], *names[3:]]
    assert read["fold"].tolist() == fold[fold > 0].tolist()
    assert sorted(read.groupby("artist").size()) == [1, 2, 2, 2, 2, 2]
