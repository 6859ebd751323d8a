"""The settings as a command reads them."""

from __future__ import annotations

from mailroom.output.complaints import complain
from mailroom.settings.settings import Settings, load_settings


def configured() -> Settings:
    """Read the settings, and say beside the output which variable may be misspelt.

    Raises:
        UserError: Names every variable that is missing or wrong.
    """
    settings = load_settings()
    complain(settings.misspelt)
    return settings
