"""Which modules are changed, and which tests are to notice it, the quickest and nearest ones first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

PACKAGE = Path("mailroom")
TESTS = Path("tests")


@frozen(eq=False)
class Area:
    """Modules that are tested together.

    Attributes:
        modules: Each with the tests that are run first, because they are the likeliest to notice.
        tests: What is run on all of them.
    """

    modules: dict[str, Sequence[str]]
    tests: Sequence[str]

    def tests_of(self, module: str) -> tuple[str, ...]:
        """Return all tests for a module, in the order in which they are run."""
        return tuple(str(TESTS / f"{x}.py") for x in dict.fromkeys((*self.modules[module], *self.tests)))


AREAS = (
    Area(
        {
            "triage/approval": ("unit/test_approve", "contract/test_approve"),
            "triage/correspondence": ("unit/test_history", "unit/test_approve", "contract/test_approve"),
            "triage/cycle": ("unit/test_cycle", "contract/test_cycle_refusals", "contract/test_check"),
            "triage/evidence": ("unit/test_evidence", "contract/test_check_rules"),
            "triage/findings": ("unit/test_evidence", "contract/test_check"),
            "triage/just_archived": ("contract/test_cycle_mail", "contract/test_cycle_marks"),
            "triage/labels": ("unit/test_plan", "contract/test_cycle_marks"),
            "triage/layout": ("unit/test_plan", "unit/test_setup_survey", "unit/test_scheme"),
            "triage/making": ("unit/test_making", "contract/test_setup"),
            "triage/old_mail": ("unit/test_history", "contract/test_approve", "contract/test_setup"),
            "triage/outcome": ("unit/test_outcome",),
            "triage/pauses": ("unit/test_pauses",),
            "triage/plan": ("unit/test_plan", "unit/test_approve"),
            "triage/renaming": ("contract/test_setup",),
            "triage/report": ("unit/test_cycle_log",),
            "triage/screener": ("unit/test_screener",),
            "triage/stragglers": ("contract/test_stragglers",),
            "triage/items": ("unit/test_setup_survey",),
            "triage/strangers": ("contract/test_waiting",),
            "triage/survey": ("unit/test_setup_survey", "contract/test_setup"),
            "triage/decisions": ("unit/test_plan",),
            "triage/waiting": ("contract/test_check_waiting", "contract/test_stragglers"),
            "triage/view": ("unit/test_cycle", "contract/test_stragglers"),
            "triage/warnings": ("contract/test_warnings",),
            "triage/work": ("unit/test_cycle", "contract/test_cycle_refusals"),
            "model/own": ("unit/test_own", "contract/test_own_addresses"),
        },
        tests=(
            "unit/test_cycle",
            "unit/test_plan",
            "unit/test_screener",
            "contract/test_cycle_marks",
            "contract/test_cycle_mail",
            "contract/test_cycle_senders",
            "contract/test_cycle_refusals",
            "contract/test_stragglers",
        ),
    ),
    Area(
        {
            "carddav/members": ("unit/test_vcard", "unit/test_carddav_cards"),
            "carddav/vcard": ("unit/test_vcard", "unit/test_vcard_compose"),
        },
        tests=(
            "unit/test_vcard",
            "unit/test_vcard_compose",
            "unit/test_carddav_cards",
            "unit/test_carddav_reading",
            "unit/test_carddav_book",
        ),
    ),
    Area(
        {
            "jmap/mail": ("contract/test_own_addresses", "unit/test_jmap_client"),
            "jmap/messages": ("unit/test_jmap_reading",),
            "jmap/note_objects": ("contract/test_notes",),
            "jmap/notes": ("contract/test_notes",),
            "jmap/pages": ("unit/test_history", "unit/test_jmap_subjects", "contract/test_notes"),
            "jmap/paging": ("unit/test_jmap_reading", "unit/test_jmap_client"),
            "jmap/reading": ("unit/test_jmap_reading", "unit/test_jmap_client"),
            "jmap/updating": ("unit/test_jmap_updating", "contract/test_cycle_refusals"),
        },
        tests=(
            "unit/test_jmap_reading",
            "unit/test_jmap_client",
            "contract/test_mail_store",
            "contract/test_cycle_refusals",
            "contract/test_cycle_mail",
            "contract/test_stragglers",
        ),
    ),
    Area(
        {
            "journal/needs": ("unit/test_needs", "contract/test_notices"),
            "journal/notices": ("unit/test_needs", "contract/test_notices"),
        },
        tests=(),
    ),
    Area(
        {
            "digest/text": ("contract/test_digest",),
            "digest/writer": ("unit/test_digest", "contract/test_digest"),
            "jmap/subjects": ("unit/test_jmap_subjects",),
            "model/schedule": ("unit/test_schedule",),
            "settings/digest": ("unit/test_settings_digest",),
        },
        tests=(),
    ),
)
