"""Garbage is collected where Qt lives, and nowhere else."""

import gc
import threading
import weakref
from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication

from app.collector import MainThreadCollector


class Loop:
    """A cycle that says in which thread it was collected."""

    def __init__(self, died_in: list[int]) -> None:
        self.itself = self
        weakref.finalize(self, lambda: died_in.append(threading.get_ident()))


@pytest.fixture
def collector(qapp: QApplication) -> Iterator[MainThreadCollector]:
    made = MainThreadCollector()
    yield made
    made.release()
    made.deleteLater()


def litter(died_in: list[int]) -> None:
    Loop(died_in)
    keep: list[list[int]] = [[] for _ in range(200_000)]  # far more than any threshold
    del keep


def test_another_thread_collects_nothing_however_much_it_allocates(collector: MainThreadCollector) -> None:
    died_in: list[int] = []
    worker = threading.Thread(target=litter, args=(died_in,))
    worker.start()
    worker.join()
    assert died_in == []
    collector.look()
    gc.collect()
    assert died_in == [threading.get_ident()]


def test_what_is_due_is_collected_in_this_thread(collector: MainThreadCollector) -> None:
    died_in: list[int] = []
    litter(died_in)
    keep: list[list[int]] = [[] for _ in range(gc.get_threshold()[0] + 1)]
    collector.look()
    assert died_in == [threading.get_ident()]
    assert keep


def test_python_gets_its_own_collector_back(qapp: QApplication) -> None:
    before = gc.isenabled()
    gc.enable()
    made = MainThreadCollector()
    assert not gc.isenabled()
    made.release()
    assert gc.isenabled()
    made.deleteLater()
    if not before:
        gc.disable()
