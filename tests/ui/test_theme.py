"""The tokens keep their promises, and the theme reaches every painter."""

import re
from collections.abc import Iterator
from string import Template

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFontInfo, QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

import resources
from ui import theme
from ui.theme import DARK, LIGHT, Tokens
from ui.widgets.avatar import tile_colors
from ui.widgets.buttons import VARIANTS, Look
from ui.widgets.layout import TONES
from ui.widgets.notices import BANNERS

SURFACES = ("canvas", "surface", "surfaceSunken", "surfaceHover", "surfaceOverlay")


def declared_pairs() -> Iterator[tuple[str, str, float]]:
    """Foreground, background, least contrast: every pair the design uses."""
    for text in ("text", "textMuted", "textSubtle", "link"):
        yield from ((text, surface, 4.5) for surface in SURFACES)
    yield from (("text", "surfaceActive", 4.5), ("textMuted", "surfaceActive", 4.5))
    yield from (("text", "sidebar", 4.5), ("textMuted", "sidebar", 4.5))
    yield from (("onAccent", fill, 4.5) for fill in ("accent", "accentHover", "accentActive"))
    yield from ((text, "accentSoft", 4.5) for text in ("onAccentSoft", "text", "textMuted"))
    yield from (("onDanger", "danger", 4.5), ("onDanger", "dangerHover", 4.5))
    yield from (("onTooltip", "tooltip", 4.5), ("onTooltip", "textMuted", 4.5))
    for tone in ("Success", "Warning", "Danger", "Info"):
        yield (f"on{tone}Soft", f"{tone.lower()}Soft", 4.5)
        yield from ((tone.lower(), surface, 4.5) for surface in ("surface", "canvas"))
    for shape in ("borderControl", "focus", "accentBorder", "star"):
        yield from ((shape, surface, 3.0) for surface in ("surface", "canvas", "surfaceSunken"))
    yield from ((f"chart{n}", "surface", 3.0) for n in range(1, 7))


def luminance(color: QColor) -> float:
    def linear(channel: float) -> float:
        return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(color.redF()) + 0.7152 * linear(color.greenF()) + 0.0722 * linear(color.blueF())


def contrast(one: QColor, other: QColor) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def ratio(tokens: Tokens, foreground: str, background: str) -> float:
    return contrast(QColor(tokens.color[foreground]), QColor(tokens.color[background]))


@pytest.fixture
def look(qapp: QApplication) -> Iterator[theme.Theme]:
    made = theme.Theme("light")
    made.apply(qapp)
    yield made
    made.set_mode("light")
    made.set_text_scale(1.0)
    QGuiApplication.styleHints().unsetColorScheme()


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_every_declared_pair_has_its_contrast(tokens: Tokens) -> None:
    pairs = list(declared_pairs())
    assert len(pairs) >= 63
    assert [(f, b, round(ratio(tokens, f, b), 2)) for f, b, least in pairs if ratio(tokens, f, b) < least] == []


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_what_widgets_paint_is_readable(tokens: Tokens) -> None:
    """Button states, badges and banners name their own pairs; each is as readable as the declared ones."""
    looks: list[Look] = []
    for variant in VARIANTS.values():
        looks += [look for look in (variant.rest, variant.hover, variant.pressed, variant.checked) if look is not None]
    painted = {(look.text, look.fill or ("tooltip" if look.text == "onTooltip" else "surface")) for look in looks}
    painted |= {(text, fill) for fill, text in TONES.values()}
    painted |= {(text, fill) for _, fill, text, _ in BANNERS.values()}
    assert sorted((f, b, round(ratio(tokens, f, b), 2)) for f, b in painted if ratio(tokens, f, b) < 4.5) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_avatars_of_every_hue_show_their_mark(dark: bool) -> None:
    worst = min(contrast(*tile_colors(hue, dark)) for hue in range(360))
    assert worst >= 3.0


def test_both_themes_have_the_same_roles() -> None:
    assert LIGHT.color.keys() == DARK.color.keys()
    assert all(re.fullmatch(r"#[0-9A-F]{6}", value) for tokens in (LIGHT, DARK) for value in tokens.color.values())


def test_the_stylesheet_names_only_tokens(look: theme.Theme) -> None:
    source = resources.read_text("qss", "base.qss")
    assert re.findall(r"#[0-9A-Fa-f]{3,8}\b|\b\d+(?:px|pt|em)\b|rgba?\(", source) == []
    assert Template(source).is_valid()
    assert "$" not in look.stylesheet()


def test_an_unknown_token_is_refused(look: theme.Theme) -> None:
    with pytest.raises(KeyError):
        look.color("surfaceOfTheMoon")
    with pytest.raises(KeyError):
        look.pixmap("no-such-icon")


def test_a_switch_reaches_the_application_at_once(look: theme.Theme, qapp: QApplication, qtbot: QtBot) -> None:
    before = qapp.styleSheet()
    with qtbot.waitSignal(look.changed, timeout=1000):
        look.set_mode("dark")
    assert look.is_dark
    assert qapp.styleSheet() != before
    assert qapp.palette().window().color() == QColor(DARK.color["canvas"])
    assert theme.current() is look


def test_system_mode_follows_the_system_live(look: theme.Theme, monkeypatch: pytest.MonkeyPatch) -> None:
    """The offscreen platform has no colour scheme to change, so its answer is replaced and its signal sent by hand."""
    hints = QGuiApplication.styleHints()
    for scheme in (Qt.ColorScheme.Dark, Qt.ColorScheme.Light):
        look.set_mode("system")
        monkeypatch.setattr(theme, "_system_is_dark", lambda dark=scheme == Qt.ColorScheme.Dark: dark)
        hints.colorSchemeChanged.emit(scheme)
        assert look.is_dark is (scheme == Qt.ColorScheme.Dark)
        look.set_mode("light")
        hints.colorSchemeChanged.emit(scheme)
        assert not look.is_dark


def test_text_scale_goes_up_and_down_a_ladder(look: theme.Theme) -> None:
    steps = []
    for _ in range(6):
        look.step_text_scale(1)
        steps.append(look.text_scale)
    assert steps == [1.15, 1.3, 1.5, 1.75, 2.0, 2.0]
    look.step_text_scale(0)
    assert look.text_scale == 1.0
    look.set_text_scale(0.1)
    assert look.text_scale == 0.85
    look.set_text_scale(2.0)
    assert look.font("body").pixelSize() == 28
    assert look.line("body") == 40
    assert "font-size: 26px" in look.stylesheet()


@pytest.mark.parametrize("kind", sorted(LIGHT.type))
def test_each_kind_of_text_has_its_own_font_file(look: theme.Theme, kind: str) -> None:
    """Qt would silently show weight 500 and 600 of a variable font as 400."""
    style = LIGHT.type[kind]
    info = QFontInfo(look.font(kind))
    assert info.family() == (LIGHT.mono if style.is_mono else LIGHT.family)
    assert info.weight() == style.weight
    assert info.exactMatch()


def test_every_icon_can_be_drawn(look: theme.Theme) -> None:
    empty = []
    for name in theme.icon_names():
        image = look.pixmap(name, "text", 16, 1.0).toImage()
        if not any(image.pixelColor(x, y).alpha() for x in range(16) for y in range(16)):
            empty.append(name)
    assert empty == []


def test_icons_are_crisp_at_any_ratio(look: theme.Theme) -> None:
    for dpr in (1.0, 1.25, 1.5, 2.0):
        pixmap = look.pixmap("search", "text", 16, dpr)
        assert (pixmap.width(), pixmap.devicePixelRatio()) == (round(16 * dpr), dpr)


def test_direction_icons_flip_and_others_do_not(look: theme.Theme) -> None:
    for name, flips in (("arrow-left", True), ("search", False)):
        plain = look.pixmap(name, "text", 16, 1.0).toImage()
        flipped = look.pixmap(name, "text", 16, 1.0, rtl=True).toImage()
        assert (plain != flipped) is flips


def test_reduced_motion_takes_all_durations_away(look: theme.Theme, qtbot: QtBot) -> None:
    assert look.ms("base") == 150
    with qtbot.waitSignal(look.changed, timeout=1000):
        look.set_reduced_motion(True)
    assert {look.ms(name) for name in ("fast", "base", "slow")} == {0}


def test_licences_ship_with_fonts_and_icons() -> None:
    for name in ("Inter.OFL.txt", "JetBrainsMono.OFL.txt"):
        assert "SIL Open Font License" in resources.read_text("fonts", name)
    assert "ISC License" in resources.read_text("icons.LICENSE")


def test_high_contrast_strengthens_borders_and_quiet_text(look: theme.Theme, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theme, "_system_wants_contrast", lambda: True)
    look.set_mode("dark")
    assert look.hex("textMuted") == DARK.color["text"]
    for border in ("border", "borderStrong", "borderControl"):
        assert contrast(look.color(border), look.color("surface")) >= 3.0
