"""The receipt: set on the screen so that it can be read aloud and selected, and on paper of the reader's country."""

import re
from pathlib import Path

import pytest
from PySide6.QtCore import QLocale, Qt
from PySide6.QtGui import QPageSize
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from ui.theme import Theme
from ui.widgets.receipt import Receipt, ReceiptLine, ReceiptView, paper_size, write_pdf

A4, LETTER = b"595 842", b"612 792"
RECEIPT = Receipt(
    number="Receipt SK-000042",
    title="Customer Care, Pro yearly",
    facts=(("Paid on", "22 November 2026, 09:30"), ("Buyer", "Ada Lovelace\nada@example.com")),
    lines=(ReceiptLine("Pro yearly, $99 × 12", "$1,188"), ReceiptLine("Yearly discount", "−$198", is_saving=True)),
    sums=(("Total", "$990"),),
    notes=("Test mode: no real money moved.",),
)


@pytest.fixture(autouse=True)
def look(qapp: QApplication) -> None:
    Theme("dark", text_scale=2.0).apply(qapp)  # neither may reach the paper
    Theme("light").apply(qapp)


def words(receipt: Receipt) -> str:
    pairs = (*receipt.facts, *receipt.sums, *((line.words, line.amount) for line in receipt.lines))
    return "".join((receipt.number, receipt.title, *(text for pair in pairs for text in pair), *receipt.notes))


def copied_letters(pdf: bytes) -> set[str]:
    """The letters that the fonts of a PDF give back when its text is selected."""
    tables = re.findall(rb"beginbfrange(.*?)endbfrange", pdf, re.DOTALL)
    codes = [code for table in tables for code in re.findall(rb"<([0-9A-F]{4})>", table)]
    return {chr(int(code, 16)) for code in codes}


def test_pdf_is_one_page_with_its_fonts_in_it(tmp_path: Path) -> None:
    path = tmp_path / "receipt.pdf"
    write_pdf(path, RECEIPT, QLocale("de_DE"))
    pdf = path.read_bytes()
    assert pdf.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 1
    assert pdf.count(b"/FontFile2") == 2


def test_every_letter_of_the_pdf_can_be_copied(tmp_path: Path) -> None:
    path = tmp_path / "receipt.pdf"
    write_pdf(path, RECEIPT)
    assert set(words(RECEIPT)) - {" ", "\n"} <= copied_letters(path.read_bytes())


@pytest.mark.parametrize(("country", "paper"), [("de_DE", A4), ("en_GB", A4), ("en_US", LETTER), ("fr_CA", LETTER)])
def test_paper_is_that_of_the_country(tmp_path: Path, country: str, paper: bytes) -> None:
    path = tmp_path / "receipt.pdf"
    write_pdf(path, RECEIPT, QLocale(country))
    box = re.search(rb"/MediaBox \[0 0 (\d+)\S* (\d+)", path.read_bytes())
    assert box is not None
    assert b"%s %s" % box.groups() == paper


def test_unknown_country_prints_on_a4() -> None:
    assert paper_size(QLocale.c()) is QPageSize.PageSizeId.A4


def test_long_receipt_goes_on_with_another_page(tmp_path: Path) -> None:
    path = tmp_path / "receipt.pdf"
    many = tuple(ReceiptLine(f"Agent {number}, Pro yearly", "$990") for number in range(80))
    write_pdf(path, Receipt("Receipt", "Bundle", (), many, (("Total", "$79,200"),)))
    assert len(re.findall(rb"/Type /Page\b", path.read_bytes())) > 1


def test_place_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_pdf(tmp_path / "no such folder" / "receipt.pdf", RECEIPT)


def test_screen_says_the_same_and_its_values_can_be_selected(qtbot: QtBot) -> None:
    view = ReceiptView(RECEIPT)
    qtbot.addWidget(view)
    labels = view.findChildren(QLabel)
    assert set(words(RECEIPT)) <= set("".join(one.text() for one in labels))
    by_mouse = Qt.TextInteractionFlag.TextSelectableByMouse
    selectable = {one.text() for one in labels if one.textInteractionFlags() & by_mouse}
    assert {"Receipt SK-000042", "$1,188", "$990", "Ada Lovelace\nada@example.com"} <= selectable
