"""The settings: defaults, secrets, and every problem reported at once without telling a secret."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mailroom.errors import UserError
from mailroom.settings import (
    OTHER_DEFAULTS,
    PUBLIC_DEFAULTS,
    SECRETS,
    Settings,
    load_settings,
)

GIVEN = {
    "MAILROOM_JMAP_TOKEN": "fmu1-hush",
    "MAILROOM_CARDDAV_USERNAME": "me@home.example",
    "MAILROOM_CARDDAV_PASSWORD": "open-sesame",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """An environment that has the secrets and nothing else of Mailroom's."""
    for name in list(os.environ):
        if name.startswith("MAILROOM_"):
            monkeypatch.delenv(name)
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    # What a .env adds to the environment must not outlive the test.
    monkeypatch.setattr(os, "environ", os.environ.copy())
    return monkeypatch


def problems() -> str:
    with pytest.raises(UserError) as caught:
        load_settings()
    return "\n".join(caught.value.problems)


def test_the_defaults_are_those_of_the_contract() -> None:
    """With the secrets alone, everything else is as the README's table says."""
    settings = load_settings()
    assert settings.poll_interval_seconds == 300
    assert settings.log_level == "info"
    assert settings.health_port == 8080
    assert settings.jmap_session_url == "https://api.fastmail.com/jmap/session"
    assert settings.carddav_url == "https://carddav.fastmail.com/"
    assert [(c.title, c.label, c.group, c.mailbox, c.kind.value) for c in settings.scheme.categories] == [
        ("Imbox", "@ToImbox", "Imbox", None, "company"),
        ("Feed", "@ToFeed", "Feed", "Feed", "company"),
        ("Paper Trail", "@ToPaperTrail", "Paper Trail", "Paper Trail", "company"),
        ("Jail", "@ToJail", "Jail", "Jail", "company"),
        ("Person", "@ToPerson", "Imbox", None, "person"),
    ]
    scheme = settings.scheme
    assert (scheme.screener, scheme.error_label, scheme.warning_label) == (
        "Screener",
        "@MailroomError",
        "@MailroomWarning",
    )


def test_there_are_fifteen_public_keys() -> None:
    """The names of the public settings are a contract with the ConfigMap."""
    assert len(PUBLIC_DEFAULTS) == 15
    assert not PUBLIC_DEFAULTS.keys() & (OTHER_DEFAULTS.keys() | set(SECRETS))


@pytest.mark.parametrize("name", sorted(PUBLIC_DEFAULTS))
def test_each_public_key_has_an_effect(environment: pytest.MonkeyPatch, name: str) -> None:
    """No key of the contract is only decoration."""
    before = load_settings()
    other = {
        "MAILROOM_POLL_INTERVAL": "60",
        "MAILROOM_LOG_LEVEL": "debug",
        "MAILROOM_WARNINGS_ENABLED": "false",
    }
    environment.setenv(name, other.get(name, "Something else"))
    assert load_settings() != before


def test_everything_wrong_is_told_at_once(environment: pytest.MonkeyPatch) -> None:
    """Each wrong variable is named, in one go."""
    wrong = {
        "MAILROOM_POLL_INTERVAL": "often",
        "MAILROOM_LOG_LEVEL": "loud",
        "MAILROOM_WARNINGS_ENABLED": "perhaps",
        "MAILROOM_HEALTH_PORT": "99999",
        "MAILROOM_JMAP_SESSION_URL": "http://mail.example/",
        "MAILROOM_CARDDAV_URL": "carddav.example",
        "MAILROOM_SCREENER_MAILBOX": "",
        "MAILROOM_GROUP_FEED": "two\nlines",
    }
    for name, value in wrong.items():
        environment.setenv(name, value)
    for name in GIVEN:
        environment.delenv(name)
    told = problems()
    for name in (*wrong, *GIVEN):
        assert f"{name}: " in told


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_lie_in_a_file(environment: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """A variable that ends in _FILE names the file; its last line break does not count."""
    (tmp_path / "secret").write_text("from-a-file\n")
    environment.delenv(name)
    environment.setenv(f"{name}_FILE", str(tmp_path / "secret"))
    settings = load_settings()
    assert "from-a-file" in (settings.jmap_token, settings.carddav_username, settings.carddav_password)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot read"), (b"", "is empty"), (b"a\nb", "line break"), (b"\xff\xfe", "not UTF-8")],
)
def test_a_bad_secret_file_is_named(
    environment: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, said: str
) -> None:
    """What is wrong with a secret's file is told, but not what is in it."""
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    environment.delenv("MAILROOM_JMAP_TOKEN")
    environment.setenv("MAILROOM_JMAP_TOKEN_FILE", str(file))
    told = problems()
    assert "MAILROOM_JMAP_TOKEN" in told
    assert said in told


def test_a_secret_given_twice_is_a_problem(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Which of the two would count is not left to chance."""
    environment.setenv("MAILROOM_JMAP_TOKEN_FILE", str(tmp_path / "secret"))
    assert "not both" in problems()


@pytest.mark.parametrize("value", ["line\nbreak", "tab\t", "nul\x7f"])
def test_a_secret_with_control_characters_is_refused_untold(
    environment: pytest.MonkeyPatch, value: str
) -> None:
    """It could smuggle a header in; and the message does not show it."""
    environment.setenv("MAILROOM_CARDDAV_PASSWORD", value)
    told = problems()
    assert "MAILROOM_CARDDAV_PASSWORD" in told
    assert value not in told


def test_secrets_do_not_show(environment: pytest.MonkeyPatch) -> None:
    """Neither repr nor a problem tells a secret."""
    for value in GIVEN.values():
        assert value not in repr(load_settings())
    environment.setenv("MAILROOM_LOG_LEVEL", "loud")
    environment.setenv("MAILROOM_CARDDAV_USERNAME", "me:home.example")
    told = problems()
    for value in ("fmu1-hush", "me:home.example", "open-sesame"):
        assert value not in told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MAILROOM_LABEL_TO_FEED", "@ToImbox"),
        ("MAILROOM_LABEL_TO_FEED", "@toimbox"),
        ("MAILROOM_LABEL_TO_JAIL", "Screener"),
        ("MAILROOM_LABEL_MAILROOM_ERROR", "@MailroomWarning"),
        ("MAILROOM_GROUP_FEED", "Jail"),
        ("MAILROOM_GROUP_FEED", "Imbox"),
        ("MAILROOM_GROUP_FEED", "@ToFeed"),
    ],
)
def test_a_name_may_not_mean_two_things(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A label that is also another label, a destination or Screener would make triage eat its own tail."""
    environment.setenv(name, value)
    assert problems()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:80/", "https://mail.example/"]
)
def test_plain_http_is_for_loopback_only(environment: pytest.MonkeyPatch, url: str) -> None:
    """Tests and demos run on loopback; everything else is encrypted."""
    environment.setenv("MAILROOM_JMAP_SESSION_URL", url)
    assert load_settings().jmap_session_url == url


@pytest.mark.parametrize(
    "url",
    ["http://mail.example/", "https://u:p@mail.example/", "file:///etc/passwd", "https://", "https://[/", ""],
)
def test_other_urls_are_refused(environment: pytest.MonkeyPatch, url: str) -> None:
    """No unencrypted server, no password in a URL."""
    environment.setenv("MAILROOM_CARDDAV_URL", url)
    assert "MAILROOM_CARDDAV_URL" in problems()


def test_the_environment_wins_over_a_dotenv(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A `.env` fills in what the environment lacks, and no more."""
    (tmp_path / ".env").write_text("MAILROOM_POLL_INTERVAL=7\nMAILROOM_LOG_LEVEL=error\n")
    environment.setenv("MAILROOM_POLL_INTERVAL", "8")
    settings = load_settings()
    assert (settings.poll_interval_seconds, settings.log_level) == (8, "error")


def test_a_dotenv_above_the_working_directory_is_not_read(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only the working directory's own `.env` counts."""
    (tmp_path / ".env").write_text("MAILROOM_POLL_INTERVAL=7\n")
    (tmp_path / "below").mkdir()
    environment.chdir(tmp_path / "below")
    assert load_settings().poll_interval_seconds == 300


def test_authorizations_are_as_the_rfcs_have_them() -> None:
    """Bearer for JMAP (RFC 6750), Basic in UTF-8 for CardDAV (RFC 7617)."""
    settings: Settings = load_settings()
    assert settings.jmap_authorization == "Bearer fmu1-hush"
    assert settings.carddav_authorization == "Basic bWVAaG9tZS5leGFtcGxlOm9wZW4tc2VzYW1l"
