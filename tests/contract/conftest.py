"""Which sentences of the contract the double and Apache James are asked, and which James does not keep."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

MODULES = (
    "test_journal",
    "test_conversations",
    "test_mail_store",
    "test_notes",
    "test_cycle_mail",
    "test_cycle_senders",
    "test_cycle_marks",
    "test_entire_list",
    "test_replies",
    "test_stragglers",
)
"""Those about mail: the contacts beside James are the sandbox's, which has its own turn."""

MODULES_ON_NEWER = (
    "test_journal",
    "test_conversations",
    "test_mail_store",
    "test_notes",
    "test_cycle_mail",
    "test_cycle_senders",
    "test_entire_list",
    "test_push",
    "test_replies",
    "test_removal",
    "test_taking_back",
    "test_undo_last",
    "test_uninstall",
    "test_why",
)
"""Those in which a newer engine could differ."""

MODULES_IN_MEMORY = (
    "test_journal",
    "test_conversations",
    "test_cycle_contacts",
    "test_cycle_mail",
    "test_cycle_marks",
    "test_cycle_senders",
    "test_entire_list",
    "test_mail_store",
    "test_notes",
    "test_replies",
    "test_stragglers",
    "test_taking_back",
)
"""Those that ask triage's ports; the others need a server's protocol, a command or a process."""

MODULES_OVER_JMAP = (
    "test_accounts",
    "test_apply",
    "test_approve",
    "test_books",
    "test_category_gone",
    "test_check",
    "test_check_rights",
    "test_check_waiting",
    "test_conversations",
    "test_cycle_contacts",
    "test_cycle_mail",
    "test_cycle_marks",
    "test_cycle_process",
    "test_cycle_refusals",
    "test_cycle_senders",
    "test_entire_list",
    "test_forecast",
    "test_group_forms",
    "test_history",
    "test_lists",
    "test_init",
    "test_journal",
    "test_notices",
    "test_own_addresses",
    "test_own_categories",
    "test_reading",
    "test_removal",
    "test_replies",
    "test_rules",
    "test_senders",
    "test_setup",
    "test_stragglers",
    "test_switched_off",
    "test_taking_back",
    "test_undo",
    "test_undo_last",
    "test_uninstall",
    "test_waiting",
    "test_warnings",
    "test_whole_promise",
    "test_why",
    "test_writing",
)
"""Those in which it counts how contacts are reached."""

SLOW_OVER_JMAP = ("test_accounts", "test_journal", "test_notices", "test_own_addresses", "test_waiting")
"""Those of them in which it counts for little: they wait for the long run."""

NO_VCARD = "the double makes no vCard"
NO_REQUESTS = "the double makes no requests to be counted or refused"
NO_BYTES = "the double has no messages as bytes"
NO_COMMAND = "a command opens an account by its settings, and the double has none"
NOT_IN_MEMORY = {
    "test_a_list_is_decided_on_with_as_many_requests_as_a_sender": NO_REQUESTS,
    "test_undo_takes_it_back": NO_COMMAND,
    "test_each_label_has_its_group_destination_and_kind_of_card": NO_VCARD,
    "test_one_that_somebody_has_changed_stays": NO_VCARD,
    "test_one_that_got_a_second_address_stays_for_either": NO_VCARD,
    "test_they_join_the_new_group_first_and_leave_the_old_one_after_their_mail_moved": NO_REQUESTS,
    "test_is_one_request_where_the_messages_fit": NO_REQUESTS,
    "test_a_second_time_changes_nothing": NO_REQUESTS,
    "test_never_leaves_a_message_nowhere": NO_REQUESTS,
    "test_changes_more_messages_than_one_request_may": NO_REQUESTS,
    "test_what_is_concluded_comes_with_the_last_of_the_others": NO_REQUESTS,
    "test_several_are_one_request": NO_REQUESTS,
    "test_other_programs_read_it": NO_BYTES,
    "test_a_person_and_other_programs_read_it": NO_BYTES,
    "test_idle_cycles_add_nothing_and_cost_one_request": NO_REQUESTS,
    "test_telling_costs_one_request": NO_REQUESTS,
    "test_any_subject_is_one_line": NO_BYTES,
    "test_a_contacts_server_that_is_down_postpones_it": NO_REQUESTS,
    "test_a_full_screener_is_read_by_itself": NO_REQUESTS,
    "test_after_a_filing_too_a_sweep_is_decided_by_the_contacts_of_the_moment": NO_REQUESTS,
    "test_it_costs_two_requests_and_an_idle_cycle_stays_one": NO_REQUESTS,
    "test_it_can_be_turned_off": NO_REQUESTS,
    "test_looking_costs_one_request_where_new_mail_waits_and_none_where_none_does": NO_REQUESTS,
    "test_mail_of_a_sender_in_two_triage_groups": NO_COMMAND,
    "test_moves_what_a_late_rule_let_through_and_says_whose": NO_COMMAND,
    "test_a_second_time_writes_nothing": NO_COMMAND,
    "test_works_where_the_service_is_told_not_to": NO_COMMAND,
    "test_people_who_were_approved_are_told_and_can_be_taken_back": NO_COMMAND,
    "test_apply_and_rescue_are_told": NO_COMMAND,
    "TestCheck": NO_COMMAND,
    "TestRescueOfContacts": NO_COMMAND,
    "test_plan_tells_what_a_cycle_would_sweep": NO_COMMAND,
}
"""What cannot hold for the double, by the name of a test or of a class of them, and why."""

NO_PASSWORD = "over JMAP there is no password, nor any words of it"
NOT_OVER_JMAP = {
    "test_is_said_with_the_secrets_that_could_go": NO_PASSWORD,
    "test_a_refused_password_is_told_once_and_nothing_behind_it_is_ticked": NO_PASSWORD,
    "test_refused_credentials_are_told_with_what_to_do": NO_PASSWORD,
    "test_what_could_not_be_read_is_told": "half a text is half of a mail's, too",
}
"""What cannot hold for contacts over JMAP, by the name of a test, and why."""

NO_IF_IN_STATE = "James ignores ifInState (RFC 8620 section 5.3), so that a change in between is overwritten"
ODD_ADDRESSES = "James gives no address for <mailto:…> and <<…>>, so that the label is left to the person"
UPLOADED = "James wants what goes along with a note uploaded before, in a request of its own"
NOT_KEPT = {
    "test_asks_anew_after_a_concurrent_change": NO_IF_IN_STATE,
    "test_what_changed_meanwhile_is_asked_anew": NO_IF_IN_STATE,
    "test_what_was_not_read_again_is_asked_anew_by_the_next_change": NO_IF_IN_STATE,
    "test_telling_costs_one_request": UPLOADED,
    "test_an_oddly_written_sender_is_the_one_who_is_known[james-URI]": ODD_ADDRESSES,
    "test_an_oddly_written_sender_is_the_one_who_is_known[james-brackets]": ODD_ADDRESSES,
    "test_gives_from_as_it_was_written[james-capitals]": "James gives domains in lower case",
}
"""Each fails there, and must go on failing: when James fixes it, it is to be taken out of this list."""

BEHIND_ONE_PROXY = ("test_after_a_filing_too_a_sweep_is_decided_by_the_contacts_of_the_moment",)
"""It interferes by a proxy before one server; here mail and contacts are on two."""

TOO_SLOW = (
    "test_more_than_the_server_takes_at_once_are_written_all_the_same",
    "test_reads_more_messages_than_the_server_gives_at_once",
    "test_reads_exactly_as_many_as_the_limit",
    "test_changes_more_messages_than_one_request_may",
    "test_goes_on_where_the_account_changes_between_batches",
    "test_more_messages_than_the_server_takes_at_once_all_go",
    "test_every_labelled_message_is_found",
    "test_moves_what_a_late_rule_let_through_and_says_whose",
)

LARGE = ("test_four_hundred_senders_go_from_the_list_into_their_groups",)
"""What not even one example of is quick on Cyrus."""


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what a server is not asked for, and mark what is slow and what James does not keep."""
    left_out = [item for item in items if _is_on_james(item) and not _is_about(item, MODULES)]
    left_out += [item for item in items if _is_over_jmap(item) and not _is_asked_over_jmap(item)]
    left_out += [item for item in items if _is_in_memory(item) and not _is_asked_of_the_double(item)]
    left_out += [item for item in items if _is_on_newer(item) and not _is_about(item, MODULES_ON_NEWER)]
    items[:] = [item for item in items if item not in left_out]
    for item in items:
        if _is_over_jmap(item) and _is_about(item, SLOW_OVER_JMAP):
            item.add_marker(pytest.mark.slow)
    config.hook.pytest_deselected(items=left_out)
    _ask_cyrus_the_rest_slowly(items)
    for item in filter(_is_on_james, items):
        for name, reason in NOT_KEPT.items():
            if name in item.name:
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
        if item.name.startswith(BEHIND_ONE_PROXY):
            item.add_marker(pytest.mark.skip(reason="mail and contacts are behind different proxies here"))
        if item.name.startswith(TOO_SLOW):
            item.add_marker(pytest.mark.skip(reason="James takes minutes for hundreds of messages"))


def _ask_cyrus_the_rest_slowly(items: Iterable[pytest.Item]) -> None:
    """Leave one example of each sentence in the quick suite: each takes a new account on a real server."""
    asked = set()
    for item in items:
        if "[cyrus" in item.name and not item.get_closest_marker("slow"):
            sentence = item.nodeid.partition("[")[0]
            if sentence in asked or sentence.endswith(LARGE):
                item.add_marker(pytest.mark.slow)
            asked.add(sentence)


def _is_on_james(item: pytest.Item) -> bool:
    return "[james" in item.name


def _is_on_newer(item: pytest.Item) -> bool:
    return "[newer cyrus" in item.name and "bare_account" in getattr(item, "fixturenames", ())


def _is_over_jmap(item: pytest.Item) -> bool:
    return "[sandbox over JMAP" in item.name


def _is_in_memory(item: pytest.Item) -> bool:
    return "[memory" in item.name


def _is_asked_of_the_double(item: pytest.Item) -> bool:
    names = item.name.partition("[")[0], getattr(item.parent, "name", "")
    return _is_about(item, MODULES_IN_MEMORY) and NOT_IN_MEMORY.keys().isdisjoint(names)


def _is_asked_over_jmap(item: pytest.Item) -> bool:
    is_about_password = "CARDDAV_PASSWORD" in item.name or item.name.partition("[")[0] in NOT_OVER_JMAP
    return _is_about(item, MODULES_OVER_JMAP) and not is_about_password


def _is_about(item: pytest.Item, modules: Iterable[str]) -> bool:
    return item.path.stem in modules
