"""Work runs side by side on this machine."""

import os

import pytest

from genres import Refusal, parallel


def square(number):
    return number * number


def fail(number):
    raise ValueError(f"cannot do {number}")


def my_process(_):
    return os.getpid()


@pytest.mark.parametrize("workers", [1, 2, None])
def test_every_item_has_its_result(workers):
    assert sorted(parallel.each(square, range(20), workers)) == [n * n for n in range(20)]


def test_one_worker_is_this_process():
    assert set(parallel.each(my_process, range(3), 1)) == {os.getpid()}


def test_several_workers_are_other_processes():
    assert os.getpid() not in set(parallel.each(my_process, range(8), 2))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failure_is_not_swallowed(workers):
    with pytest.raises(ValueError, match="cannot do"):
        list(parallel.each(fail, range(3), workers))


def test_no_workers_are_refused():
    with pytest.raises(Refusal, match="1 or more"):
        list(parallel.each(square, range(3), 0))
