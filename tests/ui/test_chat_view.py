"""The chat: turns, sources, choices, prompts, and the box to write in, all by mouse and by key."""

from dataclasses import replace
from itertools import pairwise

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.ui.page_help import button, child, click, text, unnamed
from ui.theme import Theme
from ui.widgets.chat_scene import AGENT, BUYER, Bubble, Scene, band_label
from ui.widgets.chat_turn import AgentTurn, BuyerTurn, Divider, SourceTag
from ui.widgets.chat_view import ChatView
from ui.widgets.notices import toast_area

# said by the offscreen platform whenever a window is shown
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints")

ASKED = Bubble(BUYER, "How long may a customer take?", "1")
ANSWERED = Bubble(AGENT, "Thirty days.", "2", band_label("answer"), ("Returns policy",))
UNSURE = Bubble(AGENT, "Did you mean:", "3", band_label("did_you_mean"), (), ("How long?", "How much?"))
QUIET = Scene(greeting="Hello, I am Customer Care.", prompts=("First question?", "Second question?"))


@pytest.fixture
def view(look: Theme, qtbot: QtBot) -> ChatView:
    made = ChatView(name="chat")
    qtbot.addWidget(made)
    made.resize(600, 500)
    made.show()
    made.show_scene(QUIET)
    return made


def write(view: ChatView, words: str) -> None:
    view.focus_input()
    QTest.keyClicks(view.question, words)


def test_greeting_is_the_first_turn_and_prompts_are_offered(view: ChatView) -> None:
    first = view.thread_view.turns()[0]
    assert isinstance(first, AgentTurn)
    assert first.accessibleName() == "Agent: Hello, I am Customer Care."
    assert button(view, "chatPrompt-1").text() == "Second question?"


def test_clicking_a_prompt_sends_it(view: ChatView, qtbot: QtBot) -> None:
    with qtbot.waitSignal(view.sent) as sent:
        click(view, "chatPrompt-0")
    assert sent.args == ["First question?"]


def test_enter_sends_and_shift_enter_breaks_the_line(view: ChatView, qtbot: QtBot) -> None:
    write(view, "One")
    QTest.keyClick(view.question, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClicks(view.question, "two")
    with qtbot.waitSignal(view.sent) as sent:
        QTest.keyClick(view.question, Qt.Key.Key_Return)
    assert sent.args == ["One\ntwo"]


def test_typing_is_told_and_enables_send(view: ChatView, qtbot: QtBot) -> None:
    assert not view.send_button.isEnabled()
    with qtbot.waitSignal(view.typed) as typed:
        write(view, "H")
    assert typed.args == ["H"]
    assert view.send_button.isEnabled()


def test_blank_question_is_not_sent(view: ChatView, qtbot: QtBot) -> None:
    write(view, "   ")
    with qtbot.assertNotEmitted(view.sent):
        QTest.keyClick(view.question, Qt.Key.Key_Return)


def test_box_grows_with_its_lines_and_stops_growing(view: ChatView, qtbot: QtBot) -> None:
    low = view.question.height()
    view.show_scene(replace(QUIET, draft="a\nb\nc"))
    grown = view.question.height()
    view.show_scene(replace(QUIET, draft="\n" * 40))
    assert low < grown < view.question.height() < 8 * view.question.fontMetrics().lineSpacing() + 40


def test_draft_of_the_view_model_is_shown_without_being_told_as_typed(view: ChatView, qtbot: QtBot) -> None:
    with qtbot.assertNotEmitted(view.typed):
        view.show_scene(replace(QUIET, draft="kept from before"))
    assert view.question.toPlainText() == "kept from before"


def test_question_and_answer_being_written_replace_send_by_stop(view: ChatView, qtbot: QtBot) -> None:
    view.show_scene(replace(QUIET, prompts=(), question="How long?", is_answering=True))
    turns = view.thread_view.turns()
    assert isinstance(turns[-2], BuyerTurn)
    assert turns[-1].accessibleName() == "Answering"
    assert view.stop_button.isVisible()
    assert not view.send_button.isVisible()
    with qtbot.waitSignal(view.stopped):
        click(view, "chatStop")


def test_streamed_words_go_into_the_same_turn(view: ChatView) -> None:
    answering = replace(QUIET, prompts=(), question="How long?", is_answering=True)
    view.show_scene(answering)
    before = view.thread_view.turns()[-1]
    view.show_scene(replace(answering, streaming="Thirty"))
    view.show_scene(replace(answering, streaming="Thirty days."))
    assert view.thread_view.turns()[-1] is before
    assert before.accessibleName() == "Agent: Thirty days."


def test_known_turns_are_kept_when_new_ones_come(view: ChatView) -> None:
    view.show_scene(replace(QUIET, prompts=(), bubbles=(ASKED, ANSWERED)))
    before = view.thread_view.turns()
    view.show_scene(replace(QUIET, prompts=(), bubbles=(ASKED, ANSWERED, ASKED, UNSURE)))
    assert view.thread_view.turns()[: len(before)] == before


def test_sources_and_where_it_comes_from_stand_under_the_answer(view: ChatView) -> None:
    view.show_scene(Scene(bubbles=(ASKED, ANSWERED)))
    tag = child(view, "chatSource-0")
    assert isinstance(tag, SourceTag)
    assert tag.text == "Source: Returns policy"
    answer = view.thread_view.turns()[-1]
    assert answer.accessibleDescription() == "Retrieved from the agent's own knowledge. Source: Returns policy"


def test_choices_of_did_you_mean_are_sent(view: ChatView, qtbot: QtBot) -> None:
    view.show_scene(Scene(bubbles=(ASKED, UNSURE)))
    with qtbot.waitSignal(view.sent) as sent:
        click(view, "chatChoice-1")
    assert sent.args == ["How much?"]


def test_answer_is_copied(view: ChatView, qtbot: QtBot) -> None:
    view.show_scene(Scene(bubbles=(ASKED, ANSWERED)))
    click(view, "chatCopy")
    assert QGuiApplication.clipboard().text() == "Thirty days."
    assert button(view, "chatCopy").accessibleName() == "Copied"


def test_notice_offers_a_retry(view: ChatView, qtbot: QtBot) -> None:
    view.show_scene(replace(QUIET, notice="The agent did not answer in time.", can_retry=True))
    assert view.notice.isVisible()
    with qtbot.waitSignal(view.retried):
        click(view, "chatNoticeAction")
    view.show_scene(QUIET)
    assert not view.notice.isVisible()


def test_used_up_sample_takes_no_more_questions(view: ChatView) -> None:
    view.show_scene(replace(QUIET, prompts=(), usage="Sample: no questions left", can_send=False))
    assert not view.question.isEnabled()
    assert not view.send_button.isEnabled()
    assert text(view, "chatUsage") == "Sample: no questions left"


def test_sample_turns_are_marked_off_in_a_bought_chat(look: Theme, qtbot: QtBot) -> None:
    view = ChatView(marks_samples=True)
    qtbot.addWidget(view)
    view.show_scene(Scene(bubbles=(replace(ASKED, is_sample=True), replace(ANSWERED, is_sample=True), ASKED)))
    names = [turn.accessibleName() for turn in view.thread_view.turns() if isinstance(turn, Divider)]
    assert names == ["From the sample, before you bought it", "Since you bought it"]


def test_end_stays_in_view_unless_the_reader_has_scrolled_up(view: ChatView, qtbot: QtBot) -> None:
    bar = view._area.verticalScrollBar()
    long = tuple(replace(ANSWERED, key=str(n), text="Line.\n" * 6) for n in range(9))
    view.show_scene(Scene(bubbles=long))
    qtbot.waitUntil(lambda: bar.maximum() > 0 and bar.value() == bar.maximum())
    bar.setValue(0)
    view.show_scene(Scene(bubbles=(*long, replace(ANSWERED, key="last"))))
    assert bar.value() == 0


def test_every_part_has_a_name_and_turns_do_not_overlap_at_any_text_size(view: ChatView, look: Theme) -> None:
    view.show_scene(Scene(bubbles=(ASKED, replace(ANSWERED, text="word " * 80), UNSURE), usage="10 left"))
    assert unnamed(view) == []
    for scale in (0.85, 1.0, 2.0):
        look.set_text_scale(scale)
        QApplication.processEvents()
        boxes = [turn.geometry() for turn in view.thread_view.turns()]
        assert all(not one.intersects(other) for one, other in pairwise(boxes))


def test_words_of_a_bubble_are_never_cut(view: ChatView) -> None:
    view.show_scene(Scene(bubbles=(replace(ASKED, text="why " * 60), replace(ANSWERED, text="because " * 60))))
    for turn in view.thread_view.turns():
        assert isinstance(turn, BuyerTurn | AgentTurn)
        words = turn._words
        assert words.heightForWidth(words.width()) <= words.height()


def test_toasts_leave_box_and_prompts_free(view: ChatView) -> None:
    area = toast_area(view)
    toast = area.show_toast("You have bought Customer Care.", action="Undo", ms=60_000)
    for part in (view.box, view._prompts):
        assert part.isVisible()
        assert not area.geometry().intersects(QRect(part.mapTo(view, QPoint(0, 0)), part.size()))
    toast.close_toast()
