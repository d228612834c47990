"""How does kernel ridge regression classify clips by texture, and how well without some of them?"""

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel

from genres.models import kernel
from genres.models.kernel import KernelRidgeClassifier, TextureClassifier
from genres.sound.measurements import Tracks


@pytest.fixture
def tracks():
    """Twelve tracks of two genres that differ in their spectrograms alone."""
    rng = np.random.default_rng(0)
    labels = np.arange(12) % 2
    segments = rng.normal(size=(12, 2, 63)).astype(np.float32)
    mel = rng.integers(60, 120, size=(12, 16, 64)) + 80 * labels[:, None, None]
    return Tracks(segments, mel.astype(np.uint8)), labels


def test_leaving_a_group_out_is_fitting_without_it():
    rng = np.random.default_rng(0)
    rows, targets = rng.normal(size=(30, 4)), rng.normal(size=(30, 2))
    groups = rng.integers(0, 6, size=30)
    predicted = kernel.leave_groups_out(rbf_kernel(rows), targets, groups, 0.1)
    for group in range(6):
        unseen = groups == group
        fitted = KernelRidge(alpha=0.1, kernel="rbf").fit(rows[~unseen], targets[~unseen])
        np.testing.assert_allclose(predicted[unseen], fitted.predict(rows[unseen]), atol=1e-9)


def test_targets_stay_as_they_are():
    targets = np.eye(3)
    kernel.leave_groups_out(np.eye(3), targets, [0, 1, 2], 1.0)
    np.testing.assert_array_equal(targets, np.eye(3))


def test_what_is_no_kernel_is_refused():
    with pytest.raises(ValueError, match="positive definite"):
        kernel.leave_groups_out(-np.eye(3), np.eye(3), [0, 1, 2], 0.5)


def test_only_the_families_named_are_read(tracks):
    X, y = tracks
    measured = kernel.measure_families(X)
    fitted = TextureClassifier(["rhythm", "edges"]).fit(X, y)
    sizes = [measured["rhythm"].shape[2], measured["edges"].shape[2]]
    assert fitted.kernel_ridge_.family_sizes == sizes
    other = Tracks(X.segments + 5, X.mel)
    np.testing.assert_array_equal(fitted.predict_proba(other), fitted.predict_proba(X))


@pytest.mark.parametrize("families", [["volume"], []])
def test_families_that_are_none_are_an_error(tracks, families):
    with pytest.raises(ValueError, match="families are"):
        TextureClassifier(families).fit(*tracks)


def test_what_is_farther_out_than_the_clip_counts_as_that_far():
    X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), [0, 0, 1, 1]
    fitted = KernelRidgeClassifier(clip=2.0).fit(X, y)
    far = fitted.mean_ + fitted.deviation_ * np.array([[2.0], [50.0]])
    np.testing.assert_allclose(*fitted.predict_proba(far))
