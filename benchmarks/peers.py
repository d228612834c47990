"""The project's way against other libraries, where they are installed: requirements-peers.lock.

They do the same work, or less where the row's note says so. One that is missing is passed over.
"""

import importlib
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import row, taking_turns
from benchmarks._lstms import BATCH, EPOCHS, N_MEMBERS, with_jax, with_torch, with_torch_vmap
from genres.data import folders, tables
from genres.models import networks, training
from genres.models.networks import layers
from genres.sound import features
from genres.synth import corpus

TURNS = 1
SR, FRAME, HOP = corpus.SAMPLE_RATE, 2048, 512


def rows():
    return [*_features(), *_ensembles()]


def _installed(name):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        print(f"{name} is passed over: {error}.", file=sys.stderr)
        return None


def _features():
    """Give each library the same 30 s, in a process of its own, which it may take down."""
    compared = []
    for name in ("essentia", "audioflux", "opensmile"):
        if _installed(name):
            apart = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=apart) as process:
                try:
                    compared.append(process.submit(_features_by, name).result())
                except BrokenProcessPool:
                    print(f"{name} is passed over: it ends the process.", file=sys.stderr)
    return compared


def _features_by(name):
    measure = {"essentia": _by_essentia, "audioflux": _by_audioflux, "opensmile": _by_opensmile}
    clip = corpus.render("rock", seed=7).samples
    library = importlib.import_module(name)
    with threadpool_limits(1):
        what = measure[name](library, clip)
        features.course_features(clip)
        sides = [lambda: measure[name](library, clip), lambda: features.course_features(clip)]
        seconds = taking_turns(sides, 6 * TURNS)
    note = f"One thread. {name}: {what}; here: all 63 features, the tempo among them."
    return row(f"features of 30 s: {name}", *seconds, note)


def _by_essentia(essentia, clip):
    standard = importlib.import_module("essentia.standard")
    window = standard.Windowing(type="hann", size=FRAME, normalized=False)
    spectrum = standard.Spectrum(size=FRAME)
    centroid = standard.Centroid(range=SR / 2)
    roll_off = standard.RollOff(sampleRate=SR, cutoff=0.85)
    crossings, rms, flatness = standard.ZeroCrossingRate(), standard.RMS(), standard.Flatness()
    mfcc = standard.MFCC(
        inputSize=FRAME // 2 + 1, sampleRate=SR, numberBands=128, numberCoefficients=12
    )
    found = []
    for frame in standard.FrameGenerator(clip, frameSize=FRAME, hopSize=HOP):
        magnitudes = spectrum(window(frame))
        single = centroid(magnitudes), roll_off(magnitudes), flatness(magnitudes)
        found.append([*single, crossings(frame), rms(frame), *mfcc(magnitudes)[1]])
    measured = np.array(found).shape[1]
    return f"{measured} measures of each frame, without chroma and contrast"


def _by_audioflux(audioflux, clip):
    audioflux.mfcc(clip, cc_num=12, samplate=SR, slide_length=HOP)
    return "12 MFCC of each frame alone"


def _by_opensmile(opensmile, clip):
    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02)
    return f"the {smile.process_signal(clip, SR).shape[1]} functionals of eGeMAPS, with the pitch"


def _ensembles():
    """Train ten LSTMs on sequences of three steps, each library in its own way."""
    tracks = tables.sequences(folders.find(offline=True).table(10), tables.FEATURES[:40])
    train, test = tracks.train, ~tracks.train
    data = tracks.values[train], tracks.labels[train], tracks.values[test], tracks.labels[test]
    data = data[0].astype(np.float32), data[1], data[2].astype(np.float32), data[3]
    ways = [("PyTorch, one after the other", "torch", with_torch)]
    ways += [("torch.func.vmap", "torch", with_torch_vmap), ("jax.vmap", "jax", with_jax)]
    compared = []
    for name, library, fit in ways:
        if not _installed(library):
            continue
        theirs, ours = [], []
        for seed in range(TURNS):
            theirs.append(_timed(fit, *data, seed=seed))
            ours.append(_timed(_here, *data, seed=seed))
        accuracies = np.mean([found for _, found in theirs]), np.mean([found for _, found in ours])
        note = (
            "Tracing and compiling included; evaluation, too. Mean accuracy of the ten: "
            f"{accuracies[0]:.3f} and {accuracies[1]:.3f}. "
            "The same layers, optimiser, epochs and size of batches."
        )
        seconds = [np.median([spent for spent, _ in side]) for side in (theirs, ours)]
        compared.append(row(f"ten LSTMs, 3 steps: {name}", *seconds, note))
    return compared


def _timed(fit, *data, seed):
    start = time.perf_counter()
    accuracy = fit(*data, seed)
    return time.perf_counter() - start, accuracy


def _here(x, y, x_test, y_test, seed):
    def build():
        blocks = [layers.LSTM(128, return_sequences=True), layers.Dense(128, "relu")]
        blocks.append(layers.Dropout(0.3))
        return networks.sequential(x.shape[1:], blocks, y.max() + 1)

    fitted = training.fit_ensemble(
        build, x, y, n_members=N_MEMBERS, epochs=EPOCHS, batch_size=BATCH, seed=N_MEMBERS * seed
    )
    predicted = [member.predict(x_test, verbose=0)[:, -1].argmax(1) for member in fitted.members]
    return np.mean(np.array(predicted) == y_test)
