"""The settings: defaults, secrets, and every problem reported at once without telling a secret."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailroom.errors import UserError
from mailroom.http import Credentials, HttpClient, find_url_problem, resolve
from mailroom.settings.misspelt import misspelt
from mailroom.settings.settings import Settings, load_settings
from mailroom.settings.variables import CARDDAV_SECRETS, NAMES, OTHER_DEFAULTS, PUBLIC_DEFAULTS, SECRETS
from tests.support.nix_settings import TABLE, table

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
    assert [
        (c.title, c.label, c.group.name, c.group.mailbox, c.kind.value) for c in settings.scheme.categories
    ] == [
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


def test_the_nixos_module_has_the_table_of_the_code() -> None:
    """Where a setting is new or its default another: python -m tests.support.nix_settings."""
    assert TABLE.read_text("utf-8") == table()


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
    environment.setenv("MAILROOM_CONTACTS", "carddav")
    told = problems()
    for name in (*wrong, *GIVEN):
        assert f"{name}: " in told


@pytest.mark.parametrize(
    ("said", "is_paired", "is_over_carddav"),
    [
        ("auto", True, True),
        ("auto", False, False),
        ("carddav", True, True),
        ("jmap", True, False),
        ("jmap", False, False),
    ],
)
def test_contacts_go_over_carddav_where_its_secrets_are_set(
    environment: pytest.MonkeyPatch, said: str, is_paired: bool, is_over_carddav: bool
) -> None:
    """So by itself; either way can be asked for, and over JMAP the token is the only secret."""
    environment.setenv("MAILROOM_CONTACTS", said)
    for name in () if is_paired else CARDDAV_SECRETS:
        environment.delenv(name)
    settings = load_settings()
    assert settings.uses_carddav == is_over_carddav
    assert ("Contacts" in settings.jmap_credentials.renewal) != is_over_carddav
    home = "carddav" if is_over_carddav else "api"
    assert settings.servers["contacts_server"] == f"{home}.fastmail.com"


@pytest.mark.parametrize("missing", CARDDAV_SECRETS)
@pytest.mark.parametrize("said", ["auto", "carddav", "jmap"])
def test_half_a_pair_of_credentials_is_a_mistake(
    environment: pytest.MonkeyPatch, missing: str, said: str
) -> None:
    """Whoever sets one of them means both; which way they meant, nobody can know."""
    environment.setenv("MAILROOM_CONTACTS", said)
    environment.delenv(missing)
    told = problems()
    assert f"{missing}: is not set" in told
    assert "set both, or take this one out too" in told


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_lie_in_a_file(environment: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """A variable that ends in _FILE names the file; its last line break does not count."""
    (tmp_path / "secret").write_text("from-a-file\n")
    environment.delenv(name)
    environment.setenv(f"{name}_FILE", str(tmp_path / "secret"))
    settings = load_settings()
    assert "from-a-file" in (settings.jmap_token, settings.carddav_username, settings.carddav_password)


@pytest.mark.parametrize(
    ("url", "is_whole"),
    [
        ("https://ntfy.sh", False),
        ("https://NTFY.sh/?auth=x", False),
        ("https://me:hush@ntfy.sh//", False),
        ("https://ntfy.sh/a-name", True),
        ("https://push.home.example/", True),
    ],
)
def test_a_receiver_at_ntfy_needs_a_topic(environment: pytest.MonkeyPatch, url: str, is_whole: bool) -> None:
    """Its front page takes every notice and shows it to nobody; elsewhere a front page may be one."""
    environment.setenv("MAILROOM_NOTIFY_URL", url)
    if is_whole:
        assert load_settings().notify_url == url
    else:
        assert problems().startswith("MAILROOM_NOTIFY_URL: names no topic")


def test_where_to_notify_may_lie_in_a_file_or_be_left_out(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It is a secret that nobody needs; empty is left out."""
    assert load_settings().notify_url == ""
    environment.setenv("MAILROOM_NOTIFY_URL", "")
    assert load_settings().notify_url == ""
    environment.delenv("MAILROOM_NOTIFY_URL")
    (tmp_path / "url").write_text("https://me:hush-hush@ntfy.example/topic-of-mine\n")
    environment.setenv("MAILROOM_NOTIFY_URL_FILE", str(tmp_path / "url"))
    settings = load_settings()
    assert settings.notify_url == "https://me:hush-hush@ntfy.example/topic-of-mine"
    assert "hush" not in repr(settings)
    assert "topic" not in repr(settings)


@pytest.mark.parametrize(
    "url", ["topic-of-mine", "http://ntfy.example/topic-of-mine", "ftp://x/topic-of-mine"]
)
def test_where_to_notify_is_a_safe_url(environment: pytest.MonkeyPatch, url: str) -> None:
    """What is wrong with it is told, and nothing of what it says."""
    environment.setenv("MAILROOM_NOTIFY_URL", url)
    told = problems()
    assert "MAILROOM_NOTIFY_URL: must" in told
    assert "topic" not in told


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
        ("MAILROOM_GROUP_FEED", "Ｊail"),
        ("MAILROOM_GROUP_FEED", "JAIL"),
        ("MAILROOM_GROUP_FEED", "Imbox"),
        ("MAILROOM_GROUP_FEED", "Ｉmbox"),
        ("MAILROOM_GROUP_FEED", "@ToFeed"),
        ("MAILROOM_SCREENER_MAILBOX", "Paper  trail"),
    ],
)
def test_a_name_may_not_mean_two_things(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A label that is also another label, a destination or Screener would make triage eat its own tail."""
    environment.setenv(name, value)
    told = problems()
    assert name in told
    assert told.count("must have different names") == 1


@pytest.mark.parametrize(
    "values",
    [
        {"MAILROOM_GROUP_IMBOX": "Screener"},
        {"MAILROOM_LABEL_MAILROOM_WARNING": "Screener", "MAILROOM_WARNINGS_ENABLED": "false"},
    ],
)
def test_a_group_and_a_mailbox_may_share_a_name(
    environment: pytest.MonkeyPatch, values: dict[str, str]
) -> None:
    """What is no mailbox, or is not used, is in nobody's way."""
    for name, value in values.items():
        environment.setenv(name, value)
    assert load_settings()


def test_a_name_has_the_length_of_a_name(environment: pytest.MonkeyPatch) -> None:
    """A longer one could not be told from others: names are cut there when they are read."""
    environment.setenv("MAILROOM_GROUP_FEED", "x" * 256)
    assert load_settings()
    environment.setenv("MAILROOM_GROUP_FEED", "x" * 257)
    assert "MAILROOM_GROUP_FEED: must not be longer" in problems()


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:80/", "https://mail.example/"]
)
def test_plain_http_is_for_loopback_only(environment: pytest.MonkeyPatch, url: str) -> None:
    """Tests and demos run on loopback; everything else is encrypted."""
    environment.setenv("MAILROOM_JMAP_SESSION_URL", url)
    assert load_settings().jmap_session_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://mail.example/",
        "http://localhost.mail.example/",
        "https://u:p@mail.example/",
        "https://u@mail.example/",
        "file:///etc/passwd",
        "https://",
        "https:/mail.example/",
        "https://[/",
        "https://mail.example:99999/",
        "https://mail .example/",
        "mail.example",
        "",
    ],
)
@pytest.mark.parametrize("name", ["MAILROOM_CARDDAV_URL", "MAILROOM_JMAP_SESSION_URL"])
def test_other_urls_are_refused(environment: pytest.MonkeyPatch, name: str, url: str) -> None:
    """No unencrypted server, no password in a URL, and nothing that could not be connected to later."""
    environment.setenv(name, url)
    assert f"{name}: " in problems()


@pytest.mark.parametrize("host", ["exämple.com", "ｅxample.com", "mail。example"])
def test_an_international_domain_is_written_in_ascii(environment: pytest.MonkeyPatch, host: str) -> None:
    """Which ASCII form it has is not for a guess; what is refused says how to write it."""
    environment.setenv("MAILROOM_CARDDAV_URL", f"https://{host}/")
    assert "MAILROOM_CARDDAV_URL: is not a URL; write an international domain" in problems()
    environment.setenv("MAILROOM_CARDDAV_URL", "https://xn--exmple-cua.com/Jörg/")
    assert load_settings()


@given(st.text(st.sampled_from("https:/@.[]%\\?# aä1。") | st.characters(codec="utf-8"), max_size=30))
def test_what_the_settings_take_can_be_connected_to(rest: str) -> None:
    """Settings and connections read a URL by one reader, so that neither is surprised by the other."""
    url = f"https://{rest}"
    if find_url_problem(url) is None:
        HttpClient(url, Credentials("Bearer x"))
        assert resolve(url, "")


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
    assert settings.jmap_credentials.authorization == "Bearer fmu1-hush"
    assert settings.carddav_credentials.authorization == "Basic bWVAaG9tZS5leGFtcGxlOm9wZW4tc2VzYW1l"


EXPANDABLE = (
    "pa${x}ss",
    "pa${HOME}ss",
    "pa$HOME$$",
    "${MAILROOM_LOG_LEVEL:-loud}",
    "{{HOME}}",
    "p\\$a#ss",
    "a'b",
)


@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_secret_in_quotation_marks_is_refused_untold(
    environment: pytest.MonkeyPatch, tmp_path: Path, quote: str
) -> None:
    """`podman --env-file` hands them over with the value; the server would only say that it is refused."""
    name, value = "MAILROOM_CARDDAV_PASSWORD", f"{quote}hush-hush{quote}"
    environment.setenv(name, value)
    told = problems()
    assert f"{name}: stands in quotation marks" in told
    assert "hush" not in told
    environment.delenv(name)
    (tmp_path / "secret").write_text(value)
    environment.setenv(f"{name}_FILE", str(tmp_path / "secret"))
    assert load_settings().carddav_password == value


@pytest.mark.parametrize("value", EXPANDABLE)
@pytest.mark.parametrize("where", ["environment", ".env", ".env, in quotes", "_FILE"])
def test_a_secret_arrives_as_it_was_given(
    environment: pytest.MonkeyPatch, tmp_path: Path, value: str, where: str
) -> None:
    """Dollar signs and braces in a secret are its own; nothing is put in their place."""
    name = "MAILROOM_CARDDAV_PASSWORD"
    environment.delenv(name)
    match where:
        case "environment":
            environment.setenv(name, value)
        case ".env":
            (tmp_path / ".env").write_text(f"{name}={value}\n")
        case ".env, in quotes":
            quoted = value.replace("\\", "\\\\").replace("'", "\\'")
            (tmp_path / ".env").write_text(f"{name}='{quoted}'\n")
        case _:
            (tmp_path / "secret").write_text(value)
            environment.setenv(f"{name}_FILE", str(tmp_path / "secret"))
    assert load_settings().carddav_password == value


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("MAILROOM_GROUP_FEED=Lektüre\n".encode("latin-1"), "UTF-8", id="Latin-1"),
        pytest.param("MAILROOM_GROUP_FEED=Feed\n".encode("utf-16"), "UTF-8", id="UTF-16"),
        pytest.param(None, "it is a folder", id="a folder"),
        pytest.param(b"# mine\n\nMAILROOM_GROUP_FEED='Feed\nhush-hush\n", "line 3", id="no closing quote"),
    ],
)
def test_a_dotenv_that_cannot_be_read_is_named_in_one_sentence(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    """It says which file and what to do, and shows nothing of what is in it."""
    file = tmp_path / ".env"
    file.mkdir() if content is None else file.write_bytes(content)
    told = problems()
    assert "\n" not in told
    assert told.startswith(".env: ")
    assert said in told
    assert "hush" not in told


def test_a_dotenv_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """Some editors write one."""
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfMAILROOM_POLL_INTERVAL=7\r\n")
    assert load_settings().poll_interval_seconds == 7


def test_the_environment_can_be_given(environment: pytest.MonkeyPatch) -> None:
    """What is given counts, and nothing that the process happens to have."""
    environment.setenv("MAILROOM_GROUP_FEED", "Not this")
    environment.setenv("MAILROOM_POLL_INTERVAL", "7")
    settings = load_settings({**GIVEN, "MAILROOM_POLL_INTERVAL": "8"}, dotenv=None)
    assert settings.poll_interval_seconds == 8
    assert "Feed" in [group.name for group in settings.scheme.groups]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MAILROOM_POLL_INTERVAL", "often", "must be a number from 0.1 to 86400"),
        ("MAILROOM_POLL_INTERVAL", "nan", "must be a number from 0.1 to 86400"),
        ("MAILROOM_HEALTH_PORT", "eighty", "must be a whole number from 0 to 65535"),
        ("MAILROOM_WARNINGS_ENABLED", "perhaps", "must be true or false"),
    ],
)
def test_what_is_no_number_or_no_truth_is_told_with_what_is_allowed(
    environment: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    """A library's own words do not say what is allowed."""
    environment.setenv(name, value)
    assert problems() == f"{name}: {said}"


class TestMisspelt:
    """A variable that is nearly a setting is told with the name that may be meant."""

    @pytest.mark.parametrize(
        ("set_", "meant"),
        [
            ("MAILROOM_JMAP_TOKN", "MAILROOM_JMAP_TOKEN"),
            ("MAILROOM_CARDDAV_PASSWORD_FIEL", "MAILROOM_CARDDAV_PASSWORD_FILE"),
            ("MAILROOM_LOGLEVEL", "MAILROOM_LOG_LEVEL"),
            ("MAILROOM_SCREENER", "MAILROOM_SCREENER_MAILBOX"),
            ("MAILROOM_LABEL_FEED", "MAILROOM_LABEL_TO_FEED"),
            ("mailroom_push", "MAILROOM_PUSH"),
        ],
    )
    def test_it_is_told_and_changes_nothing(
        self, environment: pytest.MonkeyPatch, set_: str, meant: str
    ) -> None:
        """The nearest name is said, the value is not, and the settings hold."""
        environment.setenv(set_, "s3cret")
        (said,) = load_settings().misspelt
        assert set_ in said
        assert meant in said
        assert "s3cret" not in said

    @pytest.mark.parametrize("name", NAMES)
    def test_no_setting_is_taken_for_another(self, name: str) -> None:
        """Every variable that is read is known."""
        assert misspelt([name], NAMES) == ()

    @pytest.mark.parametrize(
        "name",
        [
            "MAILROOM_SERVICE_HOST",
            "MAILROOM_SERVICE_PORT",
            "MAILROOM_SERVICE_PORT_HEALTH",
            "MAILROOM_PORT",
            "MAILROOM_PORT_8080_TCP_ADDR",
            "MAILROOM_METRICS_SERVICE_HOST",
            "MAILROOM_METRICS_PORT_8080_TCP",
            "MAILROOM_REQUIRE_CYRUS",
            "MAILROOM_REQUIRE_SERVERS",
            "LOG_LEVEL",
        ],
    )
    def test_what_others_set_is_no_misspelling(self, name: str) -> None:
        """A cluster sets variables for each Service, and CI has its own."""
        assert misspelt([name], NAMES) == ()

    def test_a_name_far_from_any_is_told_too(self, environment: pytest.MonkeyPatch) -> None:
        """Who sets a variable of this program means something by it; what there is, a page says."""
        environment.setenv("MAILROOM_FOO", "s3cret")
        (said,) = load_settings().misspelt
        assert "MAILROOM_FOO is set, but there is no such setting" in said
        assert "docs/settings.md" in said
        assert "s3cret" not in said

    def test_it_explains_what_is_missing(self, environment: pytest.MonkeyPatch) -> None:
        """Where a setting is missing, the variable that was to be it stands beside."""
        environment.delenv("MAILROOM_JMAP_TOKEN")
        environment.setenv("MAILROOM_JMAP_TOKN", "s3cret")
        told = problems()
        assert "MAILROOM_JMAP_TOKEN: is not set, nor is MAILROOM_JMAP_TOKEN_FILE" in told
        assert "MAILROOM_JMAP_TOKN is set" in told
        assert "mailroom init" in told, "the way on"
        assert "mailroom demo" in told
