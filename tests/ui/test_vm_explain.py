"""What is asked of the service to explain an amount: the root, further pages, failures, and the whole to copy."""

import pytest
from PySide6.QtCore import QCoreApplication
from pytestqt.qtbot import QtBot

from services.api.errors import DatabaseBusy, NotFound
from services.api.money import Money
from services.api.types import Explanation
from tests.fakes import FakeService
from tests.samples_money import history
from tests.ui.invoice_help import Run, fake
from ui.bridge import Bridge
from ui.text import ErrorText
from ui.viewmodels.base import ServiceHolder, Status
from ui.viewmodels.explain import PAGE, ExplainViewModel, whole
from ui.viewmodels.session import SessionViewModel


@pytest.fixture
def ref(signed_in: SessionViewModel, holder: ServiceHolder, run: Run) -> str:
    """Of the next invoice with 1,312 calls on it."""
    run(history(fake(holder)))
    upcoming = run(holder.service.list_upcoming())
    return next(f"upcoming:{one.subscription_uuid}" for one in upcoming if len(one.lines) > 2)


@pytest.fixture
def vm(ref: str, bridge: Bridge, holder: ServiceHolder, qtbot: QtBot) -> ExplainViewModel:
    made = ExplainViewModel(bridge, holder)
    made.open(ref)
    qtbot.waitUntil(lambda: made.state.status is Status.READY)
    return made


def leaves(node: Explanation) -> list[Explanation]:
    return [leaf for child in node.children for leaf in leaves(child)] if node.children else [node]


def test_root_comes_with_its_parts_which_add_up(vm: ExplainViewModel) -> None:
    root = vm.state.root
    assert root is not None
    assert root.amount == Money.parse("38.22")
    amounts = [child.amount for child in root.children if child.amount is not None]
    assert sum(amounts, Money.zero()) == root.amount


def test_more_brings_the_next_children(vm: ExplainViewModel, qtbot: QtBot) -> None:
    root = vm.state.root
    assert root is not None
    usage = next(child for child in root.children if child.child_count)
    with qtbot.waitSignal(vm.page_read) as caught:
        vm.more(7, usage.ref, 1)
    assert caught.args is not None
    number, page = caught.args
    assert (number, len(page.children)) == (7, 1)


def test_page_that_cannot_be_read_is_said_of_its_node(vm: ExplainViewModel, service: FakeService, qtbot: QtBot) -> None:
    service.fail("explain", DatabaseBusy())
    with qtbot.waitSignal(vm.page_failed) as caught:
        vm.more(3, vm.state.ref, 0)
    assert caught.args is not None
    assert caught.args[0] == 3
    assert isinstance(caught.args[1], ErrorText)
    assert vm.state.status is Status.READY  # the rest stays


def test_amount_that_cannot_be_explained_can_be_tried_again(
    vm: ExplainViewModel, ref: str, service: FakeService, qtbot: QtBot
) -> None:
    service.fail("explain", NotFound())
    vm.open(ref)
    assert vm.state.status is Status.LOADING
    qtbot.waitUntil(lambda: vm.state.status is Status.ERROR)
    vm.retry()
    qtbot.waitUntil(lambda: vm.state.status is Status.READY)


def test_whole_tree_has_every_call_and_adds_up(vm: ExplainViewModel, qtbot: QtBot) -> None:
    root = vm.state.root
    assert root is not None
    busy: list[bool] = []
    vm.changed.connect(lambda: busy.append(vm.state.is_collecting))
    with qtbot.waitSignal(vm.collected) as caught:
        vm.collect(root)
    assert caught.args is not None
    tree = caught.args[0]
    assert busy == [True, False]
    calls = [leaf for leaf in leaves(tree) if leaf.kind == "event"]
    assert len(calls) == 1312
    assert len(calls) > PAGE
    assert sum((leaf.amount for leaf in leaves(tree) if leaf.amount), Money.zero()) == root.amount


def test_tree_too_large_to_copy_says_what_is_left_out(vm: ExplainViewModel, holder: ServiceHolder, run: Run) -> None:
    root = vm.state.root
    assert root is not None
    found = run(whole(holder.service, root, 300))

    def count(node: Explanation) -> int:
        return sum(1 + count(child) for child in node.children)

    assert count(found) == 300

    def cut(node: Explanation) -> int:
        return node.child_count - len(node.children) + sum(cut(child) for child in node.children)

    assert cut(found) > 0


def test_failed_copy_is_said(vm: ExplainViewModel, service: FakeService, qtbot: QtBot) -> None:
    root = vm.state.root
    assert root is not None
    service.fail("explain", DatabaseBusy())
    with qtbot.waitSignal(vm.collect_failed):
        vm.collect(root)
    assert not vm.state.is_collecting


def test_closed_explanation_forgets_what_is_under_way(
    vm: ExplainViewModel, ref: str, service: FakeService, qtbot: QtBot
) -> None:
    gate = service.hold("explain")
    vm.more(1, ref, 0)
    qtbot.waitUntil(lambda: gate.waiting == 1)
    vm.close()
    gate.open()
    with qtbot.assertNotEmitted(vm.page_read, wait=0):
        QCoreApplication.processEvents()
    assert vm.state.root is None


def test_another_person_sees_no_explanation(vm: ExplainViewModel, signed_in: SessionViewModel) -> None:
    signed_in.sign_out()
    assert vm.state.root is None
