import matplotlib.pyplot as plt
import pytest

from genres.lab import diagrams, plots


@pytest.mark.parametrize(("n_members", "drawn"), [(1, {1}), (2, {1, 2}), (10, {1, 2, 10})])
def test_the_networks_of_an_ensemble_are_drawn_with_all_their_layers(n_members, drawn):
    layers = ["LSTM\n128", "Dense\n128", "softmax"]
    figure = diagrams.voting("3 × 40", layers, n_members, "genre", "An ensemble that votes")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert {text for text in texts if text.startswith("network")} == {f"network {n}" for n in drawn}
    for layer in layers:
        assert texts.count(layer) == len(drawn)
    assert ("⋮" in texts) == (n_members > 3)
    assert plots.describe(figure) == "An ensemble that votes."
    plt.close(figure)


def test_no_box_runs_into_another():
    figure = diagrams.voting("a", ["b", "c"], 5, "d", "e")
    boxes = [patch.get_bbox() for patch in figure.axes[0].patches]
    assert len(boxes) == 1 + 3 * 2 + 2
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])
    plt.close(figure)


def test_branches_of_a_network_meet_behind_the_longest():
    chains, joined = [["mel", "conv", "dense"], ["MFCC", "dense"]], ["softmax", "genre"]
    figure = diagrams.branches(chains, joined, "Two branches")
    boxes = [patch.get_bbox() for patch in figure.axes[0].patches]
    assert [text.get_text() for text in figure.axes[0].texts if text.get_text()] == [
        *chains[0],
        *chains[1],
        *joined,
    ]
    for number, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:number])
    assert min(box.x0 for box in boxes[-2:]) > max(box.x1 for box in boxes[:-2])
    plt.close(figure)
