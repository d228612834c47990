"""A collection's clips, their genres, and the choice of those to test on."""

import os
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genres import Refusal
from genres.data.clips import (
    CLIPS_AT_LEAST,
    TRAINING_AT_LEAST,
    Clip,
    find,
    folds,
    genres_of_one_group,
    require_enough,
    split,
    write_folds,
)


def collection(n_by_genre, groups=None):
    clips = [
        Clip("", genre, f"{genre}/{number}")
        for genre, n_clips in n_by_genre.items()
        for number in range(n_clips)
    ]
    if groups is None:
        return clips
    return [clip._replace(group=group) for clip, group in zip(clips, groups, strict=True)]


def make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_clips_are_found_by_genre_and_name(tmp_path):
    make(tmp_path, "rock/b.mp3", "rock/a.wav", "jazz/.hidden", "jazz/c.au", "readme.txt")
    found = find(tmp_path)
    assert [(clip.genre, clip.name) for clip in found] == [
        ("jazz", "jazz/c.au"),
        ("rock", "rock/a.wav"),
        ("rock", "rock/b.mp3"),
    ]


def test_gtzans_clips_are_called_as_in_the_course_tables(tmp_path):
    make(tmp_path, "pop/pop.00072.au", "pop/rock.00001.wav", "pop/pop.72.wav")
    assert [clip.name for clip in find(tmp_path)] == [
        "pop_00072.wav",
        "pop/pop.72.wav",
        "pop/rock.00001.wav",
    ]


@pytest.mark.parametrize("names", [(), ("song.mp3",), ("rock/.hidden",)])
def test_a_folder_without_clips_is_refused(tmp_path, names):
    make(tmp_path, *names)
    with pytest.raises(Refusal, match="has no clips"):
        find(tmp_path)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(Refusal, match="is not a folder"):
        find(tmp_path / "nowhere")


def test_folders_of_artists_and_albums_are_taken_with_the_artist_as_group(tmp_path):
    make(
        tmp_path,
        "rock/loose.mp3",
        "rock/Ana/one.mp3",
        "rock/Ana/Live/CD 2/one.mp3",
        "jazz/Bo/Blue/one.flac",
        "jazz/Ana/one.ogg",
    )
    assert [(clip.name, clip.genre, clip.group) for clip in find(tmp_path)] == [
        ("jazz/Ana/one.ogg", "jazz", "Ana"),
        ("jazz/Bo/Blue/one.flac", "jazz", "Bo"),
        ("rock/Ana/Live/CD 2/one.mp3", "rock", "Ana"),
        ("rock/Ana/one.mp3", "rock", "Ana"),
        ("rock/loose.mp3", "rock", None),
    ]
    assert all(clip.file == clip.name for clip in find(tmp_path))


LITTER = (
    "__MACOSX/rock/._a.mp3",
    "@eaDir/rock/a.mp3",
    "eaDir/a.mp3",
    "jazz/@eaDir/a.mp3@SynoAudio",
    "jazz/.DS_Store",
    "jazz/Thumbs.db",
    "jazz/Bo/desktop.ini",
    "System Volume Information/x/y",
)


def test_what_systems_leave_behind_changes_nothing(tmp_path):
    make(tmp_path, "rock/a.mp3", "jazz/Bo/b.mp3")
    before = find(tmp_path)
    make(tmp_path, *LITTER)
    assert find(tmp_path) == before


def test_other_ways_to_split_a_collection_are_no_genre(tmp_path):
    make(tmp_path, "rock/a.wav", "splits/artist_folds.csv", "Splits/b.wav")
    assert [clip.genre for clip in find(tmp_path)] == ["Splits", "rock"]


@pytest.mark.parametrize(
    ("genres", "groups", "complaint"),
    [
        ("", "", "there are no clips"),
        ("jjjrr", "abcde", r"^For 3 folds each genre needs as many artists or groups: r has 2\.$"),
        ("jjjrrr", "abcabb", "r has 2"),
    ],
)
def test_folds_that_cannot_have_each_genre_are_refused(genres, groups, complaint):
    with pytest.raises(Refusal, match=complaint):
        folds(list(genres), list(groups))


@given(st.lists(st.integers(3, 9), min_size=2, max_size=4))
def test_folds_of_clips_alone_have_equal_shares(n_by_genre):
    genres = [str(genre) for genre, n in enumerate(n_by_genre) for _ in range(n)]
    fold = folds(genres, range(len(genres)))
    for genre, n in enumerate(n_by_genre):
        shares = Counter(f for f, g in zip(fold, genres, strict=True) if g == str(genre))
        assert set(shares) == {1, 2, 3} and max(shares.values()) - min(shares.values()) <= 1, n


def test_genres_and_artists_whose_names_are_not_utf_8_are_text(tmp_path):
    make(tmp_path, "rock/a.mp3", *map(os.fsdecode, (b"caf\xe9/J\xf6rg/a.mp3", b"caf\xe8/b.mp3")))
    assert [(clip.genre, clip.group) for clip in find(tmp_path)] == [
        ("cafè", None),
        ("café", "Jörg"),
        ("rock", None),
    ]
    assert all(clip.name.encode() for clip in find(tmp_path))


def test_a_loop_of_links_ends(tmp_path):
    make(tmp_path, "rock/a.mp3", "jazz/b.mp3")
    (tmp_path / "jazz" / "loop").symlink_to(tmp_path)
    assert len(find(tmp_path)) < 10


def numbered(first, n):
    return [f"{number:03}/song.mp3" for number in range(first, first + n)]


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (numbered(0, 156), r"156 folders that are numbers, such as 000"),
        (
            ["genres_original/blues/a.wav", "genres_original/pop/a.wav", "features_3_sec.csv"],
            r"holds genres_original, and in it blues and pop: .* such as .*/genres_original\.",
        ),
        (
            ["audio/blues/a.wav", "images/blues/a.png", "audio/pop/a.wav", "images/pop/a.png"],
            r"holds audio and images, and in them blues and pop: .* such as .*/audio\.",
        ),
        (
            ["music/Ana/a.mp3", "music/Bo/a.mp3", "music/Cy/a.mp3", "music/Di/a.mp3", "music/E/a"],
            r"holds music, and in it Ana, Bo, Cy and 2 more: .* such as .*/music\.",
        ),
        (
            ["train/ska/a.mp3", "train/dub/a.mp3", "test/ska/b.mp3"],
            r"holds test and train, and in them dub and ska: .* such as .*/train\.",
        ),
        (
            ["Data/genres_original/blues/a.wav", "Data/genres_original/pop/a.wav", "Data/x.csv"],
            r"holds Data, and in it .* such as .*/Data/genres_original\.",
        ),
        (["train/a.mp3", "test/b.mp3"], r"holds test and train: .* a folder for each genre\."),
    ],
)
def test_folders_one_level_off_are_named(tmp_path, names, complaint):
    make(tmp_path, *names)
    with pytest.raises(Refusal, match=complaint):
        find(tmp_path)


@pytest.mark.parametrize("names", [numbered(1970, 5), ["ska/A/a", "ska/B/a", "dub/A/b", "dub/B/c"]])
def test_decades_and_artists_are_no_fault(tmp_path, names):
    make(tmp_path, *names)
    assert len(find(tmp_path)) == len(names)


def test_the_folder_above_that_of_a_genre_is_named(tmp_path):
    make(tmp_path, "rock/a.mp3", "jazz/b.mp3")
    with pytest.raises(Refusal, match=rf"If it is itself the folder of a genre, name {tmp_path}"):
        find(tmp_path / "rock")


sizes = st.dictionaries(st.sampled_from("abcde"), st.integers(1, 40), min_size=1)


@given(sizes, st.integers(0, 5))
def test_each_genre_gives_its_share_to_the_test(n_by_genre, seed):
    clips = collection(n_by_genre)
    types = split(clips, test_share=0.2, seed=seed)
    tested = Counter(
        clip.genre for clip, type_ in zip(clips, types, strict=True) if type_ == "Test"
    )
    for genre, n_clips in n_by_genre.items():
        assert abs(tested[genre] - 0.2 * n_clips) <= 0.5 or tested[genre] == (n_clips > 1)


def test_a_genre_of_several_clips_all_by_one_artist_is_of_one_group():
    by_genre = {"one artist": 2, "two artists": 2, "one clip": 1, "nobody's": 2}
    clips = collection(by_genre, ["x", "x", "x", "y", "x", None, None])
    assert genres_of_one_group(clips) == {"one artist": "x"}


@given(st.data())
def test_no_artist_is_on_both_sides(data):
    clips = collection({"a": 20, "b": 15})
    artists = data.draw(st.lists(st.sampled_from("qrstuvwxyz"), min_size=35, max_size=35))
    clips = [clip._replace(group=artist) for clip, artist in zip(clips, artists, strict=True)]
    alone = genres_of_one_group(clips)
    sides = zip(clips, split(clips), strict=True)
    sides = {(clip.group, type_) for clip, type_ in sides if clip.genre not in alone}
    assert len(sides) == len({artist for artist, _ in sides})


@given(st.dictionaries(st.sampled_from("abcd"), st.lists(st.integers(1, 30), min_size=1)))
def test_every_genre_of_two_clips_is_on_both_sides(n_by_artist):
    n_by_genre = {genre: sum(sizes) for genre, sizes in n_by_artist.items()}
    artists = [
        f"{genre} {number}"
        for genre, sizes in n_by_artist.items()
        for number, size in enumerate(sizes)
        for _ in range(size)
    ]
    clips = collection(n_by_genre, artists)
    sides = {(clip.genre, type_) for clip, type_ in zip(clips, split(clips), strict=True)}
    assert len(sides) == sum(min(n, 2) for n in n_by_genre.values())


def test_types_that_all_clips_have_are_taken():
    clips = [clip._replace(type="Test") for clip in collection({"a": 3})]
    assert split(clips) == ["Test"] * 3


@pytest.mark.parametrize(
    ("n_by_genre", "complaint"),
    [
        ({"a": 6, "b": 6, "c": 6}, "^music has 3 genres of 6 clips: .* needs at least 10 of each,"),
        ({"a": 12, "b": 1}, r"^music has 2 genres of 1 \(b\) to 12 clips: "),
        ({"a": 1, "b": 1}, "^music has 2 genres of 1 clip: "),
        ({"a": 40}, "^music: the number of genres is 1"),
        (dict.fromkeys(map(str, range(51)), 10), "^music: the number of genres is 51"),
    ],
)
def test_clips_too_few_for_the_report_are_refused(n_by_genre, complaint):
    clips = collection(n_by_genre)
    with pytest.raises(Refusal, match=complaint):
        require_enough([clip.genre for clip in clips], split(clips), "music")


@pytest.mark.parametrize("n_training", [7, 12])
def test_a_genre_with_too_few_on_one_side_is_refused(n_training):
    types = ["Train"] * 10 + ["Test"] * 2 + ["Train"] * n_training + ["Test"] * (12 - n_training)
    complaint = f"12 clips of b, {n_training} for training and {12 - n_training} for testing: "
    with pytest.raises(Refusal, match=complaint):
        require_enough(["a"] * 12 + ["b"] * 12, types, "music")


def test_the_fewest_clips_that_the_report_needs_are_enough():
    clips = collection({"a": CLIPS_AT_LEAST, "b": CLIPS_AT_LEAST})
    types = split(clips)
    assert types.count("Train") == 2 * TRAINING_AT_LEAST
    require_enough([clip.genre for clip in clips], types, "music")


def test_artists_leave_the_shares_as_they_are_where_they_can():
    clips = collection({"a": 40, "b": 40}, groups=[number // 2 for number in range(80)])
    clips = [clip._replace(group=str(clip.group)) for clip in clips]
    tested = [
        clip.genre for clip, type_ in zip(clips, split(clips), strict=True) if type_ == "Test"
    ]
    assert Counter(tested) == {"a": 8, "b": 8}


def test_a_genre_of_two_clips_has_one_of_them_tested():
    assert sorted(split(collection({"a": 2}))) == ["Test", "Train"]


@pytest.mark.parametrize("seed", range(10))
def test_small_groups_fill_what_large_ones_leave(seed):
    groups = ["trio"] * 3 + ["band"] * 3 + [f"singer {number}" for number in range(14)]
    assert split(collection({"a": 20}, groups), seed=seed).count("Test") == 4


@given(st.permutations(range(20)))
def test_the_order_of_clips_does_not_change_the_choice(order):
    clips = collection({"a": 12, "b": 8})
    chosen = dict(zip(clips, split(clips, seed=3), strict=True))
    shuffled = [clips[i] for i in order]
    assert dict(zip(shuffled, split(shuffled, seed=3), strict=True)) == chosen


def test_another_seed_makes_another_choice():
    clips = collection({"a": 50})
    assert split(clips, seed=0) == split(clips, seed=0) != split(clips, seed=1)


# Where the level of genres ends


@pytest.mark.parametrize(("n_folders", "sound"), [(10, True), (11, False)])
def test_ten_folders_may_be_numbers(tmp_path, n_folders, sound):
    make(tmp_path, *numbered(0, n_folders))
    if sound:
        assert len(find(tmp_path)) == n_folders
    else:
        with pytest.raises(Refusal, match="has 11 folders that are numbers, such as 000,"):
            find(tmp_path)


def test_folders_in_a_genre_are_looked_into_three_levels_deep(tmp_path):
    make(tmp_path, "ska/A/B/C/a.mp3", "dub/A/B/C/D/a.mp3", "dub/E/.hidden")
    assert [(clip.name, clip.inside) for clip in find(tmp_path)] == [
        ("dub/A/B/C/D", "A/B/C/D"),
        ("dub/E", None),
        ("ska/A/B/C/a.mp3", "A/B/C/a.mp3"),
    ]


@pytest.mark.parametrize(
    ("names", "sound"),
    [
        (["x/rock/a", "y/b"], True),  # an artist may be called so
        (["x/rock/a", "y/jazz/b"], False),
        (["x/Rock/a", "y/JAZZ/b"], False),
        (["pop/rock/a", "y/jazz/b"], True),  # one that is a genre
        (["Train/a", "TEST/b", "val/c"], False),
        (["train/a", "ska/b"], True),
        (["ska/a", "ska/b"], True),  # one alone, without folders in it
        (["ska/X/a"], False),
    ],
)
def test_folders_are_genres_unless_what_is_in_them_says_otherwise(tmp_path, names, sound):
    make(tmp_path, *names)
    if sound:
        assert len(find(tmp_path)) == len(names)
    else:
        with pytest.raises(Refusal, match="name the folder that holds a folder for each genre"):
            find(tmp_path)


@pytest.mark.parametrize(
    ("names", "better"),
    [
        (["a/b/rock/1", "a/b/jazz/1"], "a/b"),
        (["a/b/c/rock/1", "a/b/c/jazz/1"], "a"),  # farther down than is looked
        (["a/1/x", "a/2/x", "b/rock/x", "b/jazz/x", "b/y/x"], "b"),
        (["train/X/1", "test/X/1", "test/Y/1"], "test"),
        (["train/X/1", "test/X/1"], "test"),
    ],
)
def test_the_nearest_folder_that_holds_genres_is_named(tmp_path, names, better):
    make(tmp_path, *names)
    with pytest.raises(Refusal, match=rf"such as {tmp_path / better}\.$"):
        find(tmp_path)


@pytest.mark.parametrize(
    ("artists", "told"),
    [
        ("A", "in it A:"),
        ("AB", "in it A and B:"),
        ("ABCD", "in it A, B, C and D:"),
        ("ABCDE", "in it A, B, C and 2 more:"),
    ],
)
def test_up_to_four_names_are_told_in_full(tmp_path, artists, told):
    make(tmp_path, *(f"music/{artist}/a.mp3" for artist in artists))
    with pytest.raises(Refusal, match=told):
        find(tmp_path)


# Sides and folds


def test_of_large_groups_the_smallest_is_tested_where_none_is_near_enough():
    # A fifth of 20 is 4: both groups are farther from it than none is.
    clips = collection({"a": 20}, ["small"] * 9 + ["large"] * 11)
    for seed in range(5):
        assert split(clips, seed=seed) == ["Test"] * 9 + ["Train"] * 11


def test_the_only_group_of_another_genre_is_not_taken_for_testing():
    # The trio alone plays b, and the choir sings a: to test the trio would leave no b to train on.
    clips = collection({"a": 9, "b": 4}, ["trio"] + ["choir"] * 8 + ["trio"] * 2 + [None] * 2)
    for seed in range(5):
        types = split(clips, seed=seed)
        assert types[0] == types[9] == types[10]
        assert set(types[9:]) == {"Train", "Test"}


def test_the_only_clip_of_another_genre_is_left_to_train_on():
    # Neither group is near to a fifth of 20; the smaller one has the only clip of b.
    clips = collection({"a": 20, "b": 1}, ["small"] * 9 + ["large"] * 11 + ["small"])
    for seed in range(5):
        assert split(clips, seed=seed) == ["Train"] * 9 + ["Test"] * 11 + ["Train"]


def test_a_share_of_one_half_is_one_half():
    assert split(collection({"a": 10, "b": 4}), test_share=0.5).count("Test") == 7
    assert split(collection({"a": 10, "b": 20})).count("Test") == 6


def test_groups_have_no_part_in_two_genres_sizes():
    clips = collection({"a": 2, "b": 2, "c": 1, "d": 3}, [None, "x", "y", "y", "z", "z", "z", "z"])
    assert genres_of_one_group(clips) == {"b": "y", "d": "z"}


def test_a_genre_of_eight_for_training_and_one_for_testing_is_enough():
    types = ["Train"] * 9 + ["Test"] + ["Train"] * 8 + ["Test"] * 2
    require_enough(["a"] * 10 + ["b"] * 10, types, "music")
    with pytest.raises(Refusal, match="has 10 clips of b, 7 for training and 3 for testing"):
        require_enough(
            ["a"] * 10 + ["b"] * 10, [*types[:10], *["Train"] * 7, *["Test"] * 3], "music"
        )
    with pytest.raises(ValueError, match="shorter"):
        require_enough(["a"] * 10 + ["b"] * 10, types[:19], "music")
    with pytest.raises(Refusal, match=r"2 genres of 9 \(b\) to 10 clips"):
        require_enough(["a"] * 10 + ["b"] * 9, types[:19], "music")


def test_folds_are_written_without_the_clips_that_are_in_none(tmp_path):
    write_folds(tmp_path / "folds.csv", ["c", "a", "b", "d"], ["Y", "X", "Y", "Z"], [3, 1, 3, 0])
    text = (tmp_path / "folds.csv").read_text()
    assert text == "file,artist_group,fold\nc,1,3\na,0,1\nb,1,3\n"


def test_no_group_is_in_two_folds():
    genres = ["a"] * 9 + ["b"] * 9
    groups = [*"uuuvvvwww", *"wwxxxyyyz"]
    fold = folds(genres, groups)
    assert len({(group, f) for group, f in zip(groups, fold, strict=True)}) == len(set(groups))
    assert sorted(set(fold[:9])) == sorted(set(fold[9:])) == [1, 2, 3]
