"""How is a network built, used for predictions, kept and loaded?"""

import json
import zipfile

import keras
import numpy as np
import pytest
from small_networks import N_FEATURES, N_GENRES, lstm, make_sequences

from genres import Refusal
from genres.models import networks
from genres.models.networks import layers


@pytest.fixture
def ensemble():
    return networks.Ensemble([lstm() for _ in range(3)], {}, {})


def test_an_ensemble_is_kept_and_loaded_to_the_same_predictions(ensemble, tmp_path):
    names = [f"feature {number}" for number in range(N_FEATURES)]
    preparation = {"features": names, "mean": [0.5] * N_FEATURES}
    networks.save_ensemble(ensemble, tmp_path / "kept", preparation)
    loaded, read_back = networks.load_ensemble(tmp_path / "kept")
    assert read_back == preparation
    values, _ = make_sequences()
    np.testing.assert_array_equal(loaded.predict(values), ensemble.predict(values))


def test_a_smaller_ensemble_leaves_nothing_of_the_larger_one(ensemble, tmp_path):
    networks.save_ensemble(ensemble, tmp_path, {})
    networks.save_ensemble(ensemble._replace(members=ensemble.members[:1]), tmp_path, {})
    assert len(list(tmp_path.glob("*.keras"))) == 1
    assert len(networks.load_ensemble(tmp_path)[0].members) == 1


def test_a_broken_network_file_is_named(ensemble, tmp_path):
    networks.save_ensemble(ensemble, tmp_path, {})
    (tmp_path / "member-02.keras").write_bytes(b"no network")
    with pytest.raises(Refusal, match=r"member-02\.keras is damaged"):
        networks.load_ensemble(tmp_path)


def test_no_ensemble_is_a_refusal(tmp_path):
    with pytest.raises(Refusal, match=r"ensemble\.json"):
        networks.load_ensemble(tmp_path)


def test_a_network_that_would_take_all_memory_is_refused_before_it_is_built(tmp_path, monkeypatch):
    small = keras.Sequential([keras.Input((4,)), layers.Dense(2, "softmax")])
    networks.save_ensemble(networks.Ensemble([small], {}, {}), tmp_path, {})
    path = tmp_path / "member-01.keras"
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    described = json.loads(content["config.json"])
    dense = described["config"]["layers"][-1]
    dense["config"]["units"] = 10**9
    many = json.loads(content["config.json"])
    many["config"]["layers"] += 10_000 * [many["config"]["layers"][-1]]
    monkeypatch.setattr(keras.saving, "load_model", lambda *_, **__: pytest.fail("it was built"))
    deep = "[" * 100_000
    for config in (json.dumps(described), json.dumps(many), deep, "[]" + deep):
        with zipfile.ZipFile(path, "w") as archive:
            for name, part in (content | {"config.json": config.encode()}).items():
                archive.writestr(name, part)
        with pytest.raises(Refusal, match=r"member-01\.keras describes no network that can be"):
            networks.load_ensemble(tmp_path)


# What networks are made of


def layers_of(model, *names):
    """Give the values of some settings of a network's layers, where they have them."""
    configs = [(type(layer).__name__, layer.get_config()) for layer in model.layers]
    return [(kind, *(c[name] for name in names if name in c)) for kind, c in configs]


def test_the_recurrent_network_is_the_reports():
    model = networks.recurrent((3, 40), 10)
    assert model.output_shape == (None, 3, 10)
    assert layers_of(model, "units", "rate", "activation") == [
        ("InputLayer",),
        ("LSTM", 128, "tanh"),
        ("Dense", 128, "relu"),
        ("Dropout", 0.3),
        ("Dense", 10, "softmax"),
    ]


def test_the_convolutional_network_halves_the_columns_three_times():
    model = networks.convolutional((128, 64), 10)
    convolutions = [layer.output.shape[1:] for layer in model.layers if "conv1d" in layer.name]
    assert convolutions == [(128, 128), (64, 128), (32, 128)]
    found = layers_of(model, "kernel_size", "use_bias", "pool_size", "momentum", "rate", "units")
    block = [("Conv1D", (4,), False), ("MaxPooling1D", (2,)), ("BatchNormalization", 0.9)]
    block += [("ReLU",), ("Dropout", 0.2)]
    ends = [("GlobalAveragePooling1D",), ("GlobalMaxPooling1D",), ("Concatenate",)]
    ends += [("Dense", True, 64), ("Dropout", 0.3), ("Dense", True, 10)]
    assert found == [("InputLayer",), *block, *block, *block, *ends]


@pytest.mark.parametrize("width", [5, 9])
def test_windows_are_drawn_anywhere_and_mixed_with_those_of_other_clips(width):
    rng = np.random.default_rng(0)
    values, labels = rng.normal(size=(40, 9, 2)), rng.integers(0, N_GENRES, 40)
    windows, targets = networks.mix_windows(
        width, N_GENRES, np.random.default_rng(3), values, labels
    )
    rng = np.random.default_rng(3)  # which draws windows, then shares, then partners
    starts = rng.integers(0, 10 - width, 40)
    shares, partners = rng.beta(0.3, 0.3, 40), rng.permutation(40)
    assert set(starts) == set(range(10 - width))
    for row, (share, partner) in enumerate(zip(shares, partners, strict=True)):
        own, other = (values[i, starts[i] : starts[i] + width] for i in (row, partner))
        np.testing.assert_allclose(windows[row], share * own + (1 - share) * other, atol=1e-6)
        wanted = np.zeros(N_GENRES)
        wanted[labels[row]] += share
        wanted[labels[partner]] += 1 - share
        np.testing.assert_allclose(targets[row], wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("n_steps", "rates"),
    [
        (100, {0: 0.1, 5: 0.55, 10: 1, 55: 0.505, 100: 0.01, 120: 0.01}),
        (20, {0: 0.1, 1: 0.55, 2: 1, 11: 0.505, 20: 0.01}),
        (5, {0: 0.1, 1: 1, 3: 0.505, 5: 0.01}),
        (1, {0: 0.1, 1: 1, 2: 0.01}),
    ],
)
def test_the_rate_of_learning_rises_for_a_tenth_of_the_steps_and_falls_along_a_cosine(
    n_steps, rates
):
    optimizer = networks.cosine_decay(0.004)(n_steps)
    for step, share in rates.items():
        optimizer.iterations.assign(step)
        assert float(optimizer.learning_rate) == pytest.approx(0.004 * share, rel=1e-4)


class Fixed:
    """A network that predicts what its rows say, and notes how many it gets at once."""

    def __init__(self):
        self.sizes = []

    def predict_on_batch(self, rows):
        self.sizes.append(len(rows))
        return rows


def test_rows_are_predicted_in_batches():
    fixed, rows = Fixed(), np.arange(520)[:, None]
    np.testing.assert_array_equal(networks.predict(fixed, rows), rows)
    networks.predict(fixed, rows[:6], batch_size=3)
    assert fixed.sizes == [256, 256, 8, 3, 3]


# What is kept of them


def kept_network(folder, preparation, *blocks, inputs=(4,)):
    """Keep an ensemble of one small network."""
    blocks = blocks or [layers.Dense(3)]
    member = networks.sequential(inputs, blocks, 2)
    networks.save_ensemble(networks.Ensemble([member], {}, {}), folder, preparation)
    return member


def test_a_network_is_loaded_as_it_was_kept_but_for_its_training(tmp_path):
    folder = tmp_path / "models" / "kept"
    kept_network(folder, {})
    model = networks.sequential((4,), [layers.Dense(3)], 2)
    model.compile("adam", "sparse_categorical_crossentropy")
    for _ in range(2):
        networks.save_ensemble(networks.Ensemble([model] * 2, {}, {}), folder, {"width": 7})
    assert [path.name for path in sorted(folder.iterdir())] == [
        "ensemble.json",
        "member-01.keras",
        "member-02.keras",
    ]
    loaded, preparation = networks.load_ensemble(folder)
    assert preparation == {"width": 7}
    assert not any(member.compiled for member in loaded.members)
    assert (loaded.curves, loaded.seconds) == ({}, {})


def test_code_in_a_network_is_not_run(tmp_path):
    kept_network(tmp_path, {}, layers.Lambda(lambda tensor: tensor * 2))
    with pytest.raises(Refusal, match=r"member-01\.keras cannot be read as a network"):
        networks.load_ensemble(tmp_path)


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    member = networks.sequential((4,), [layers.Dense(3)], 2)
    weights = member.get_weights()
    weights[2][0, 0] = np.nan
    member.set_weights(weights)
    networks.save_ensemble(networks.Ensemble([member], {}, {}), tmp_path, {})
    with pytest.raises(Refusal, match="weights that are no numbers"):
        networks.load_ensemble(tmp_path)


def test_members_read_and_predict_what_has_one_shape(tmp_path):
    members = [networks.sequential((width,), [layers.Dense(3)], 2) for width in (4, 5)]
    networks.save_ensemble(networks.Ensemble(members, {}, {}), tmp_path, {})
    with pytest.raises(Refusal, match="describes no ensemble"):
        networks.load_ensemble(tmp_path)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([f"member-{n}.keras" for n in range(1001)], "describes no ensemble"),
        ([f"member-{n}.keras" for n in range(1000)], r"member-0\.keras cannot be read: No such"),
        (["member-1.keras", "member-1.keras"], "describes no ensemble"),
        (["member-1.keras", "member-a.keras"], "describes no ensemble"),
        ([], "describes no ensemble"),
    ],
)
def test_members_are_up_to_a_thousand_files_of_that_folder(tmp_path, names, told):
    (tmp_path / "ensemble.json").write_text(json.dumps({"members": names}))
    with pytest.raises(Refusal, match=told):
        networks.load_ensemble(tmp_path)


@pytest.mark.parametrize(
    ("preparation", "sound"),
    [
        ({}, True),
        ({"mean": [0, 0, 0], "deviation": [1, 2, 1e-9], "features": ["a", "b", "c"]}, True),
        ({"mean": [0, 0]}, False),
        ({"mean": [[0, 0, 0]]}, False),
        ({"deviation": [1, 1, 1, 1]}, False),
        ({"mean": [0, 0, float("inf")]}, False),
        ({"deviation": [1, 1, float("inf")]}, False),
        ({"deviation": [1, 1, 0]}, False),
        ({"deviation": [1, 1, -1]}, False),
        ({"width": 1}, True),
        ({"width": 10_000}, True),
        ({"width": 10_001}, False),
        ({"width": 0}, False),
        ({"width": 2.0}, False),
        ({"features": ["a", "b"]}, False),
        ({"features": ["a", "b", "b"]}, False),
        ({"features": ["a", "b", "c", "d"]}, False),
    ],
)
def test_what_turns_rows_into_input_has_to_fit_the_network(preparation, sound):
    if sound:
        networks._check(preparation, 3)
    else:
        with pytest.raises(ValueError, match=r"features|means|width"):
            networks._check(preparation, 3)


# Batches


@pytest.mark.parametrize("n_rows", [64, 70])
def test_batches_are_those_that_keras_makes_of_arrays(n_rows):
    values, labels = np.arange(n_rows, dtype="float32"), np.arange(n_rows) % 3

    class Noting(keras.Model):
        def train_step(self, data):
            taken.append([part.numpy().tolist() for part in data])
            return {"loss": 0.0}

    def batches_of(*rows, **settings):
        taken.clear()
        model = Noting()
        model.compile(run_eagerly=True)
        model.fit(*rows, epochs=2, verbose=0, **settings)
        return list(taken)

    taken = []
    keras.utils.set_random_seed(5)
    keras_own = batches_of(values, labels)
    keras.utils.set_random_seed(5)
    own = networks.shuffled((values, labels), 32)
    ours = batches_of(own, steps_per_epoch=len(own))
    assert ours == keras_own
    assert len(ours) == 2 * len(own) == 2 * -(-n_rows // 32)
    first_epoch = np.concatenate([batch for batch, _ in ours[: len(own)]])
    assert sorted(first_epoch) == values.tolist() != first_epoch.tolist()


def test_batches_hold_all_that_a_network_of_two_branches_takes():
    first, second, labels = np.arange(5), np.arange(5) * 10.0, np.arange(5) + 1
    batches = networks.shuffled(([first, second], labels), 2)
    rows = [np.stack([*values, targets]) for values, targets in batches]
    assert [row.shape[1] for row in rows] == [2, 2, 1]
    ours, theirs, known = np.concatenate(rows, axis=1)
    np.testing.assert_array_equal(theirs, 10 * ours)
    np.testing.assert_array_equal(known, ours + 1)


def test_nothing_tunes_itself_while_a_network_trains():
    batches = networks.shuffled((np.zeros((4, 1)), np.zeros(4)), 2)
    assert batches.options().autotune.enabled is False
