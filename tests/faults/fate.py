"""What may become of a request at any moment."""

from __future__ import annotations

from collections import Counter

from attrs import define, field, frozen

from tests.support import harm
from tests.support.harm import Choice
from tests.support.proxy import Exchange, Plan, Request


def changes_of_contacts(request: Request) -> bool:
    """Choose questions for what has changed in the contacts, over JMAP."""
    return "ContactCard/changes" in request.calls


HARMS: dict[str, tuple[Choice, Plan]] = {
    "the request is lost": (harm.any_request, harm.lose_request),
    "the answer is lost": (harm.any_request, harm.lose_answer),
    "reset in mid-body": (harm.any_request, harm.reset_in_body),
    "half of the text": (harm.any_request, harm.cut_text),
    "spoilt text": (harm.any_request, harm.spoilt_text),
    "a web page": (harm.any_request, harm.web_page),
    "429": (harm.any_request, harm.status(429, Retry_After="3")),
    "503, an hour": (harm.any_request, harm.status(503, Retry_After="3600")),
    "500": (harm.any_request, harm.status(500)),
    "401": (harm.any_request, harm.status(401)),
    "412": (harm.card_write, harm.status(412)),
    "sync token refused": (harm.with_sync_token, harm.refuse_sync_token),
    "stateMismatch": (harm.mail_write, harm.method_error("stateMismatch")),
    "requestTooLarge": (harm.mail_write, harm.too_large(1)),
    "serverFail": (harm.jmap, harm.method_error("serverFail")),
    "contacts in another state": (harm.cards_set, harm.method_error("stateMismatch")),
    "too many cards": (harm.cards_set, harm.method_error("requestTooLarge")),
    "too busy for cards": (harm.cards_set, harm.method_error("rateLimit")),
    "no changes of contacts": (changes_of_contacts, harm.forget_changes_of_contacts),
}


@frozen
class Blow:
    """A harm that comes to some requests in a row; `times` of a hundred is the rest of the cycle."""

    harm: str
    times: int


@define
class Blows:
    """The blows that are to come.

    Attributes:
        seen: Counts what has come.
    """

    seen: Counter[str]
    _coming: list[Blow] = field(factory=list)

    def add(self, blow: Blow) -> None:
        """Let one come to the next requests to which it can."""
        self._coming.append(blow)

    def cease(self) -> None:
        """Let none come any more."""
        self._coming.clear()

    def struck(self, request: Request) -> Plan:
        """Return what becomes of a request."""
        for index, blow in enumerate(self._coming):
            choice, plan = HARMS[blow.harm]
            if choice(request):
                self.seen[f"harm: {blow.harm}"] += 1
                self._coming[index : index + 1] = [Blow(blow.harm, blow.times - 1)] if blow.times > 1 else []
                return plan
        return Exchange.pass_on
