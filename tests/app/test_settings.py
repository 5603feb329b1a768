"""Settings: defaults, file, environment, arguments, in this order; what cannot be understood is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.settings import Settings, SettingsError, load


def with_file(data_dir: Path, text: str) -> Path:
    (data_dir / "souk.toml").write_text(text, "utf-8")
    return data_dir


def test_without_anything_the_defaults_hold(data_dir: Path) -> None:
    assert load(data_dir, {}) == Settings(data=data_dir)
    assert (load(data_dir, {}).host, load(data_dir, {}).port, load(data_dir, {}).remote) == ("127.0.0.1", 8741, "")


def test_the_file_is_read(data_dir: Path) -> None:
    found = load(
        with_file(
            data_dir,
            'remote = "https://souk.example"\nport = 9000\n'
            'allowed_origins = ["https://a.example", " https://b.example "]\n'
            'model_url = "http://127.0.0.1:11434/v1"\nmodel_allow_loopback = true\n',
        ),
        {},
    )
    assert (found.remote, found.port, found.model_allow_loopback) == ("https://souk.example", 9000, True)
    assert found.allowed_origins == ("https://a.example", "https://b.example")


def test_the_environment_beats_the_file_and_arguments_beat_both(data_dir: Path) -> None:
    folder = with_file(data_dir, 'port = 1\nhost = "file"\nmodel_name = "file"\n')
    environ = {"SOUK_PORT": "2", "SOUK_HOST": "environment", "SOUK_MODEL_NAME": "environment"}
    found = load(folder, environ, port=3, host=None)
    assert (found.port, found.host, found.model_name) == (3, "environment", "environment")


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("TRUE", True), ("1", True), ("false", False), ("False", False), ("0", False)]
)
def test_a_switch_is_on_or_off(text: str, value: bool, data_dir: Path) -> None:
    assert load(data_dir, {"SOUK_MODEL_ALLOW_LOOPBACK": text}).model_allow_loopback is value


@pytest.mark.parametrize(("text", "origins"), [("", ()), ("a,b", ("a", "b")), (" a , ,b,", ("a", "b"))])
def test_a_list_may_be_written_with_commas(text: str, origins: tuple[str, ...], data_dir: Path) -> None:
    assert load(data_dir, {"SOUK_ALLOWED_ORIGINS": text}).allowed_origins == origins


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("prot = 1", "unknown setting prot"),
        ('data = "/elsewhere"', "unknown setting data"),
        ("port = 1\nhots = 2\nprot = 3", "unknown setting hots, prot"),
        ("port =", "souk.toml"),
        ("port = 1\nport = 2", "souk.toml"),
        ('port = "many"', "port: 'many'"),
        ("port = 8741.5", "port: 8741.5"),
        ("port = true", "port: True"),
        ("port = -1", "port: -1"),
        ("port = 65536", "port: 65536"),
        ('model_allow_loopback = "perhaps"', "model_allow_loopback: 'perhaps'"),
        ('remote = ["a", "b"]', "remote"),
        ("[model_url]\nx = 1", "model_url"),
    ],
)
def test_what_cannot_be_understood_is_named(text: str, named: str, data_dir: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(with_file(data_dir, text), {})
    assert named in str(caught.value)


@pytest.mark.parametrize("name", ["SOUK_PORT", "SOUK_MODEL_ALLOW_LOOPBACK"])
def test_so_is_a_variable(name: str, data_dir: Path) -> None:
    with pytest.raises(SettingsError, match=name.removeprefix("SOUK_").lower()):
        load(data_dir, {name: "neither"})


def test_a_file_that_is_no_text_is_named(data_dir: Path) -> None:
    (data_dir / "souk.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match=r"souk\.toml"):
        load(data_dir, {})


def test_a_file_that_cannot_be_read_is_named(data_dir: Path) -> None:
    (data_dir / "souk.toml").mkdir()
    with pytest.raises(SettingsError, match=r"souk\.toml"):
        load(data_dir, {})


# ---- where things lie


def test_the_folder_comes_from_the_argument_the_variable_or_the_system(data_dir: Path, tmp_path: Path) -> None:
    assert load(data_dir, {"SOUK_DATA": str(tmp_path / "other")}).data == data_dir
    assert load(None, {"SOUK_DATA": str(tmp_path / "other")}).data == tmp_path / "other"
    for environ in ({}, {"SOUK_DATA": ""}):
        assert tmp_path in load(None, environ).data.parents  # the user's data folder, which tests keep to themselves


def test_a_folder_below_home_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert load(Path("~/souk"), {}).data == tmp_path / "souk"


def test_everything_lies_in_the_folder_and_nothing_is_made_by_asking(data_dir: Path) -> None:
    found = load(data_dir / "new", {})
    places = (found.database_file, found.provider_file, found.backups, found.preferences, found.log_file)
    assert {place.parent for place in places} == {data_dir / "new"}
    assert len(set(places)) == len(places)
    assert not (data_dir / "new").exists()


def test_a_key_is_not_shown(data_dir: Path) -> None:
    found = load(data_dir, {"SOUK_MODEL_KEY": "canary-key-77"})
    assert found.model_key == "canary-key-77"
    assert "canary" not in repr(found)


@pytest.mark.parametrize("text", ['model_key = ["canary-key-77"]', '[model_key]\nkey = "canary-key-77"'])
def test_a_key_in_the_wrong_place_is_not_shown_either(text: str, data_dir: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load(with_file(data_dir, text), {})
    assert "canary" not in str(caught.value)
