"""Settings: how Souk looks, where its data is, which version this is, and whose work it stands on."""

from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

import resources
from ui import theme
from ui.prefs import Prefs
from ui.text import tr
from ui.theme import MODES, TEXT_SCALES, Theme
from ui.widgets.controls import (
    Button,
    Card,
    Checkbox,
    CopyField,
    IconButton,
    Segmented,
    card,
    column,
    label,
    page,
    row,
    rule,
    scroll_page,
)
from ui.widgets.focus_order import set_tab_order
from ui.widgets.folding import FoldingRow, Reading
from ui.widgets.overlay import Sheet


class SettingsPage(QWidget):
    """Everything here takes effect at once; the window keeps it."""

    def __init__(self, look: Theme, prefs: Prefs, *, data_folder: str, version: str) -> None:
        super().__init__()
        self._look = look
        self._prefs = prefs
        self._data_folder = data_folder
        self._version = version
        self.setObjectName("settingsPage")
        self.setAccessibleName(tr("Settings"))
        page(self)
        self._build()
        self._look.changed.connect(self._render)
        self._render()
        set_tab_order(self)

    # -- building --------------------------------------------------------------------------------------------------
    def _build(self) -> None:
        space = theme.current().space
        content = Reading()
        inner = QWidget()
        inner.setLayout(
            column(
                label(tr("Settings"), "display", name="pageTitle"),
                self._appearance(), self._data(), self._about(), None,
                spacing=space(5),
            )
        )  # fmt: skip
        self._inner = inner
        line = row(inner, None, spacing=0, margins=(space(6), space(5), space(6), space(8)))
        line.setStretch(0, 1)
        content.setLayout(line)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll_page(content))

    def _appearance(self) -> Card:
        box = card(20, 16, name="appearance")
        box.body.addWidget(label(tr("Appearance"), "section"))
        box.body.addWidget(
            _setting(tr("Theme"), tr("System follows the light or dark setting of your computer."), self._themes())
        )
        box.body.addWidget(rule())
        box.body.addWidget(_setting(tr("Text size"), tr("Also with Ctrl and plus, minus or 0."), self._text_size()))
        box.body.addWidget(rule())
        self.motion = Checkbox(tr("Reduce motion"), name="reducedMotion", switch=True)
        self.motion.toggled.connect(self._on_motion_toggled)
        box.body.addWidget(self.motion)
        box.body.addWidget(label(tr("Nothing slides or fades. Spinners stand still."), "small", wrap=True))
        return box

    def _themes(self) -> Segmented:
        names = {"system": (tr("System"), "sun-moon"), "light": (tr("Light"), "sun"), "dark": (tr("Dark"), "moon")}
        self.themes = Segmented([names[mode] for mode in MODES], label=tr("Theme"), name="themeChoice")
        self.themes.changed.connect(lambda index: self._look.set_mode(MODES[index]))
        return self.themes

    def _text_size(self) -> QWidget:
        self.smaller = IconButton("minus", tr("Smaller text"), name="smallerText")
        self.larger = IconButton("plus", tr("Larger text"), name="largerText")
        self.size_label = label("", "strong", name="textSize", tabular=True)
        self.normal = Button(tr("Reset"), "ghost", name="normalText", small=True)
        self.smaller.clicked.connect(lambda: self._look.step_text_scale(-1))
        self.larger.clicked.connect(lambda: self._look.step_text_scale(1))
        self.normal.clicked.connect(lambda: self._look.step_text_scale(0))
        box = QWidget()
        box.setLayout(row(self.normal, self.smaller, self.size_label, self.larger, spacing=8))
        return box

    def _data(self) -> Card:
        box = card(20, 12, name="dataFolderCard")
        box.body.addWidget(label(tr("Your data"), "section"))
        box.body.addWidget(
            label(tr("Orders, chats and settings are kept in this folder on your computer."), "muted", wrap=True)
        )
        self.folder = CopyField(self._data_folder, label=tr("Data folder"), name="dataFolder")
        self.folder.setCursorPosition(0)
        box.body.addWidget(self.folder)
        return box

    def _about(self) -> Card:
        box = card(20, 12, name="about")
        box.body.addWidget(label(tr("About Souk"), "section"))
        box.body.addWidget(label(tr("Version {version}", version=self._version), name="version", selectable=True))
        box.body.addWidget(label(tr("Souk is free software under the MIT licence."), "muted", wrap=True))
        licences = Button(tr("Licences of fonts and icons"), "secondary", "file-text", name="licencesButton")
        licences.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        licences.clicked.connect(self._show_licences)
        box.body.addWidget(licences)
        return box

    # -- showing ---------------------------------------------------------------------------------------------------
    def _render(self) -> None:
        look = self._look
        self._inner.setMaximumWidth(look.px(look.size("readingMax")))
        self._inner.setMinimumWidth(min(look.px(280), look.px(look.size("readingMax"))))
        blocked = self.themes.blockSignals(True)
        self.themes.set_current(MODES.index(look.mode))
        self.themes.blockSignals(blocked)
        self.size_label.setText(tr("{percent} %", percent=round(look.text_scale * 100)))
        self.smaller.setEnabled(look.text_scale > TEXT_SCALES[0])
        self.larger.setEnabled(look.text_scale < TEXT_SCALES[-1])
        self.normal.setEnabled(look.text_scale != 1.0)
        blocked = self.motion.blockSignals(True)
        self.motion.setChecked(self._prefs.reduced_motion)
        self.motion.blockSignals(blocked)

    def _on_motion_toggled(self, reduced: bool) -> None:
        self._prefs.reduced_motion = reduced
        self._look.set_reduced_motion(reduced)

    def _show_licences(self) -> None:
        sheet = Sheet(self, tr("Licences"), name="licenceSheet", width=640)
        for title, parts in _licences():
            sheet.body.addWidget(label(title, "strong"))
            sheet.body.addWidget(label(resources.read_text(*parts), "small", wrap=True, selectable=True))
        sheet.open()


def _setting(title: str, help_text: str, control: QWidget) -> FoldingRow:
    words = QWidget()
    words.setLayout(column(label(title, "strong"), label(help_text, "small", wrap=True), spacing=2))
    return FoldingRow(words, control)


def _licences() -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (
        (tr("Inter (typeface), SIL Open Font License 1.1"), ("fonts", "Inter.OFL.txt")),
        (tr("JetBrains Mono (typeface), SIL Open Font License 1.1"), ("fonts", "JetBrainsMono.OFL.txt")),
        (tr("Lucide (icons), ISC, parts MIT"), ("icons.LICENSE",)),
    )
