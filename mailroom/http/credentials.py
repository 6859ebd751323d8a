"""What a client proves with who it is, and what helps where a server refuses it."""

from __future__ import annotations

from attrs import field, frozen

from mailroom.errors import AuthenticationError


@frozen
class Credentials:
    """Credentials for one server. What they are made of does not show in their repr.

    Attributes:
        authorization: The value of the Authorization header.
        name: What a person calls them.
        server: Whom they are for.
        variables: The settings that hold them.
        renewal: How a person gets new ones.
        address_variable: The setting that says where the server is; empty where nobody has set it.
    """

    authorization: str = field(repr=False)
    name: str = "credentials"
    server: str = "server"
    variables: tuple[str, ...] = ()
    renewal: str = "check them"
    address_variable: str = ""

    def misled(self, told: str, answer: str = "") -> str:
        """Return what a person is told where the server's address seems to be wrong.

        Args:
            answer: The request and the answer that show it.
        """
        what = f"{self.address_variable}: {told}; check the address" if self.address_variable else told
        return f"{what} ({answer})" if answer else what

    def refused(self, answer: str) -> AuthenticationError:
        """Return the error that tells a person of their refusal, and what to do.

        Args:
            answer: The request and the answer that refused them, for whoever looks for the reason elsewhere.
        """
        subject = f"{', '.join(self.variables)}: " if self.variables else ""
        return AuthenticationError(
            f"{subject}the {self.server} refuses the {self.name}; {self.renewal}", answer
        )
