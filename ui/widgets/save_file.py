"""Keeping a file: the system's own dialog asks where, Downloads first; what is there already is asked about."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QStandardPaths
from PySide6.QtWidgets import QFileDialog, QWidget

from ui.text import tr
from ui.widgets.notices import toast_area


def offer_file(widget: QWidget, name: str, data: bytes, *, title: str, kinds: str) -> QFileDialog:
    """Opens the dialog beside the window; nothing waits for it. `kinds`: "CSV (*.csv)"."""
    folder = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DownloadLocation)
    dialog = QFileDialog(widget.window(), title, str(Path(folder, name)), kinds)
    dialog.setObjectName("saveFileDialog")
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix(Path(name).suffix.lstrip("."))
    dialog.selectFile(name)
    dialog.fileSelected.connect(lambda chosen: save_file(widget, Path(chosen), data, title=title, kinds=kinds))
    dialog.finished.connect(dialog.deleteLater)
    dialog.open()
    return dialog


def save_file(widget: QWidget, path: Path, data: bytes, *, title: str, kinds: str) -> None:
    """Writes it and says so, or says why not and offers another place."""
    try:
        path.write_bytes(data)
    except OSError as error:
        text = tr("The file could not be saved: {reason}. Choose another place.", reason=error.strerror or str(error))
        toast_area(widget).show_toast(
            text,
            action=tr("Choose"),
            on_action=lambda: offer_file(widget, path.name, data, title=title, kinds=kinds),
            icon="circle-alert",
        )
    else:
        toast_area(widget).show_toast(tr("Saved as {name}.", name=path.name), icon="file-down")
