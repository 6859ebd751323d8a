"""The errors Mailroom raises, split by what their reader can do about them."""

from __future__ import annotations

from collections.abc import Iterable


class MailroomError(Exception):
    """Every error Mailroom raises on purpose."""

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, one sentence each."""
        return (str(self),)


class UserError(MailroomError):
    """Something a person can fix; it prints as a list, without a traceback.

    Args:
        problems: One sentence each: what is wrong, and what to do.
        about: What of the account it is about, which stays the same however the sentences are worded; empty
            where it is about none.
    """

    def __init__(self, problems: Iterable[str], about: str = "") -> None:
        self._problems = tuple(problems)
        self.about = about
        super().__init__("; ".join(self._problems))

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong and what to do, one sentence each."""
        return self._problems


class OutputError(MailroomError):
    """What there is to say cannot be written: nobody reads it any more, or there is no room for it."""


class AuthenticationError(MailroomError):
    """The server refused the credentials (HTTP 401 or 403 on the way in).

    Args:
        advice: Which credentials they are, and what a person can do.
        answer: The request and the answer that refused them, for whoever looks for the reason elsewhere.
    """

    def __init__(self, advice: str, answer: str = "") -> None:
        super().__init__(f"{advice} ({answer})" if answer else advice)
        self.advice = advice


class ServerError(MailroomError):
    """A server could not do what it was asked; a later cycle may succeed."""


class TransportError(ServerError):
    """No whole answer arrived: connection refused or reset, time-out, body cut short."""


class TimedOutError(TransportError):
    """No whole answer arrived in time, whatever the server did; asking for less at once may help."""


class TooLargeError(TransportError):
    """An answer is larger than we take, in bytes or in elements; asking for less at once may help."""


class ProtocolError(ServerError):
    """The answer arrived but breaks its protocol: malformed JSON, XML or vCard, a missing property."""


class UntrustedHostError(ServerError):
    """The server referred to a host that the credentials must not be sent to."""


class StatusError(ServerError):
    """The server answered with an HTTP status the request does not expect.

    Attributes:
        status: The HTTP status code.
        body: What the server said, cut to a readable length.
    """

    def __init__(self, message: str, status: int, body: bytes = b"") -> None:
        super().__init__(message)
        self.status = status
        self.body = body


class PreconditionFailedError(ServerError):
    """What was to be changed has changed in the meantime (HTTP 412, JMAP stateMismatch)."""


class MethodError(ServerError):
    """A JMAP method answered with an error (RFC 8620 section 3.6.2).

    Attributes:
        type: The error's registered name, for example ``invalidArguments``.
    """

    def __init__(self, message: str, type: str) -> None:  # noqa: A002 - the RFC's word
        super().__init__(message)
        self.type = type


class StoppedError(MailroomError):
    """The process was asked to stop while waiting to try again."""


def refusal_behind(error: BaseException) -> AuthenticationError | None:
    """Return the refusal of credentials that something failed for, if it is that."""
    refusal = error if isinstance(error, AuthenticationError) else error.__cause__
    return refusal if isinstance(refusal, AuthenticationError) else None
