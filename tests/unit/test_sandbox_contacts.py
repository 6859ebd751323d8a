"""The sandbox's contacts over JMAP: what RFC 9610 demands and what was seen on the engine, over a socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from mailroom.sandbox import Limits, Sandbox, SandboxAccount
from mailroom.sandbox.store.addressbook import AddressBook
from tests.support.raw_clients import CONTACTS, CORE, MAIL, RawDav, RawJmap

LIMITS = Limits(max_objects_in_get=4, max_objects_in_set=3)
BASE = {"@type": "Card", "version": "1.0"}


class ContactsJmap(RawJmap):
    using = (CORE, MAIL, CONTACTS)

    def cards(self, **arguments: Any) -> dict[str, dict[str, Any]]:
        """Return cards by their uid."""
        found = self.call("ContactCard/get", ids=None, **arguments)["list"]
        return {card["uid"]: card for card in found}

    def id_of(self, uid: str) -> str:
        return str(self.cards()[uid]["id"])

    def state(self) -> str:
        return str(self.call("ContactCard/get", ids=[])["state"])

    def refused(self, kind: str, **arguments: Any) -> dict[str, Any]:
        """Make a set of one object that is refused, and return the error."""
        ((_, error),) = self.call("ContactCard/set", **arguments)[kind].items()
        return dict(error)


@pytest.fixture
def account() -> SandboxAccount:
    account = SandboxAccount(limits=LIMITS)
    account.add_mailbox("Inbox", role="inbox")
    return account


@pytest.fixture
def sandbox(account: SandboxAccount) -> Iterator[Sandbox]:
    with Sandbox(account) as sandbox:
        yield sandbox


@pytest.fixture
def jmap(sandbox: Sandbox) -> Iterator[ContactsJmap]:
    with closing(ContactsJmap(sandbox)) as client:
        yield client


@pytest.fixture
def dav(sandbox: Sandbox) -> Iterator[RawDav]:
    with closing(RawDav(sandbox)) as client:
        yield client


def new(uid: str, **more: Any) -> dict[str, Any]:
    return {**BASE, "uid": uid, "addressBookIds": {"Default": True}, "name": {"full": uid}, **more}


class TestSession:
    def session(self, jmap: RawJmap) -> Any:
        return jmap.request("GET", "/jmap/session", Authorization=f"Bearer {jmap.account.token}").json

    def test_without_the_scope_there_are_no_contacts(self, jmap: ContactsJmap) -> None:
        """The session does not list them then, and a request that uses them is refused as a whole."""
        before = self.session(jmap)
        jmap.account.offers_contacts = False
        session = self.session(jmap)
        assert CONTACTS not in session["capabilities"]
        assert CONTACTS not in session["primaryAccounts"]
        assert session["state"] != before["state"]
        assert jmap.post({"using": [CORE, CONTACTS], "methodCalls": []}).status == 400

    def test_they_may_be_in_another_account_than_the_mail(self, jmap: ContactsJmap) -> None:
        """Each method has its account: who asks for contacts with that of the mail is told so."""
        jmap.account.contacts_id = "contacts-of-mine"
        jmap.account.add_contact("Ann", "ann@a.example")
        session = self.session(jmap)
        assert session["primaryAccounts"] == {
            **dict.fromkeys(session["primaryAccounts"], jmap.account.id),
            CONTACTS: "contacts-of-mine",
        }
        assert jmap.error("ContactCard/get", ids=None) == "accountNotSupportedByMethod"
        assert len(jmap.call("ContactCard/get", accountId="contacts-of-mine", ids=None)["list"]) == 1
        assert jmap.error("Email/query", accountId="contacts-of-mine") == "accountNotSupportedByMethod"
        assert jmap.error("ContactCard/get", accountId="nobody", ids=None) == "accountNotFound"

    def test_a_token_that_may_only_read_shows_the_same_and_is_refused(self, jmap: ContactsJmap) -> None:
        """The capability is there; `isReadOnly` says it, and so does every write."""
        jmap.account.is_read_only = True
        session = self.session(jmap)
        assert session["accounts"][jmap.account.id]["isReadOnly"] is True
        assert CONTACTS in session["capabilities"]
        assert jmap.error("ContactCard/set", create={"a": new("a")}) == "accountReadOnly"
        assert jmap.error("Email/set", destroy=[]) == "accountReadOnly"

    def test_other_peoples_contacts_are_accounts_of_their_own(self, jmap: ContactsJmap) -> None:
        """They are listed with the capability and no mail, and their cards are not among the person's."""
        theirs = jmap.account.share_contacts("theirs")
        uid = theirs.add_contact("Their friend", "friend@x.example")
        listed = self.session(jmap)["accounts"]["theirs"]
        assert listed["isPersonal"] is False
        assert listed["accountCapabilities"].keys() == {CORE, CONTACTS}
        assert jmap.cards() == {}
        (card,) = jmap.call("ContactCard/get", accountId="theirs", ids=None)["list"]
        assert card["uid"] == uid
        theirs.is_read_only = True
        assert jmap.error("ContactCard/set", accountId="theirs", create={}) == "accountReadOnly"

    def test_events_name_the_account_that_changed(self, account: SandboxAccount) -> None:
        """States are told by account and data type; the address books' changes only with the books."""
        account.contacts_id = "contacts-of-mine"
        theirs = account.share_contacts("theirs")
        before = account.states()
        account.add_contact("Ann", "ann@a.example")
        theirs.add_contact("Bob", "bob@b.example")
        changed = {key for key, state in account.states().items() if before[key] != state}
        assert changed == {("contacts-of-mine", "ContactCard"), ("theirs", "ContactCard")}
        account.add_book(AddressBook("Second", "Second"))
        after = account.states()
        assert after["contacts-of-mine", "AddressBook"] != before["contacts-of-mine", "AddressBook"]


class TestAddressBooks:
    def test_rights_are_told_and_kept(self, jmap: ContactsJmap) -> None:
        """A book that may only be read takes no card, and lets none be changed or destroyed."""
        uid = jmap.account.add_contact("Ann", "ann@a.example")
        jmap.account.book.privileges = ("read",)
        (book,) = jmap.call("AddressBook/get", ids=None)["list"]
        assert (book["myRights"]["mayRead"], book["myRights"]["mayWrite"]) == (True, False)
        ann = jmap.id_of(uid)
        created = jmap.refused("notCreated", create={"a": new("a")})
        assert created == {"type": "invalidProperties", "properties": ["addressBookIds"]}
        updated = jmap.refused("notUpdated", update={ann: {"nicknames": None}})
        assert updated == jmap.refused("notDestroyed", destroy=[ann]) == {"type": "accountReadOnly"}

    def test_several_are_told_and_each_card_says_in_which_it_is(self, jmap: ContactsJmap) -> None:
        """Those that somebody else shares over CardDAV are of another account, and not told."""
        jmap.account.add_book(AddressBook("Second", "The second"))
        shared = AddressBook("Shared", "Shared")
        shared.owner = "somebody"
        jmap.account.add_book(shared)
        books = jmap.call("AddressBook/get", ids=None, properties=["name"])["list"]
        assert books == [{"id": "Default", "name": "Personal"}, {"id": "Second", "name": "The second"}]
        made = jmap.call("ContactCard/set", create={"a": new("a", addressBookIds={"Second": True})})
        assert made["created"]
        assert jmap.cards()["a"]["addressBookIds"] == {"Second": True}
        both = new("b", addressBookIds={"Second": True, "Default": True})
        assert jmap.refused("notCreated", create={"b": both})["properties"] == ["addressBookIds"]
        again = jmap.refused("notCreated", create={"a": new("a")})
        assert again["properties"] == ["uid"], "a uid is taken in whichever book it is"


class TestGet:
    def test_an_id_is_not_a_uid(self, jmap: ContactsJmap) -> None:
        """As at Fastmail: members are uids, and objects go by their ids."""
        uid = jmap.account.add_contact("Ann", "ann@a.example")
        assert jmap.id_of(uid) != uid
        assert jmap.call("ContactCard/get", ids=[uid])["notFound"] == [uid]

    def test_all_at_once_may_be_more_than_the_limit_and_named_ones_not(self, jmap: ContactsJmap) -> None:
        """As on the engine, which gave 5,000 where the limit was 4,096."""
        for number in range(LIMITS.max_objects_in_get + 1):
            jmap.account.add_contact(f"P {number}", f"p{number}@x.example")
        ids = [card["id"] for card in jmap.cards().values()]
        assert len(ids) == LIMITS.max_objects_in_get + 1
        assert jmap.error("ContactCard/get", ids=ids) == "requestTooLarge"

    def test_a_card_of_another_program_is_read_as_it_is(self, jmap: ContactsJmap) -> None:
        """Labels without Apple's wrapping, contexts and preference from types, organizations with units."""
        lines = (
            *("BEGIN:VCARD", "VERSION:3.0", "UID:u", "FN:Ann Example", "N:Example;Ann;;;"),
            *("item1.EMAIL;TYPE=HOME,PREF:ann@a.example", "item1.X-ABLabel:_$!<Home>!$_"),
            *("ORG:Example\\; Inc;Research", "EMAIL;TYPE=WORK:ann@work.example", "END:VCARD", ""),
        )
        jmap.account.put_card("u.vcf", "\r\n".join(lines).encode())
        card = jmap.cards()["u"]
        assert list(card["emails"].values()) == [
            {"address": "ann@a.example", "contexts": {"private": True}, "pref": 1, "label": "Home"},
            {"address": "ann@work.example", "contexts": {"work": True}},
        ]
        assert list(card["organizations"].values()) == [
            {"name": "Example; Inc", "units": [{"name": "Research"}]}
        ]
        assert card["name"]["components"] == [
            {"kind": "surname", "value": "Example"},
            {"kind": "given", "value": "Ann"},
        ]

    def test_unknown_properties_are_refused(self, jmap: ContactsJmap) -> None:
        """A vendor's may be asked for."""
        assert jmap.error("ContactCard/get", ids=[], properties=["colour"]) == "invalidArguments"
        assert jmap.call("ContactCard/get", ids=[], properties=["example.com:colour"])["list"] == []


class TestSet:
    def test_what_was_made_is_there_for_the_patch_of_the_same_call(self, jmap: ContactsJmap) -> None:
        """Creations come before updates, whatever their order in the request."""
        group = jmap.account.add_group("Feed", ["x"])
        patch = {jmap.id_of(group): {"members/new": True}}
        done = jmap.call("ContactCard/set", update=patch, create={"n": new("new")})
        assert done["created"]["n"]["id"]
        assert jmap.cards()[group]["members"] == {"x": True, "new": True}

    def test_a_group_without_members_has_none_to_patch(self, jmap: ContactsJmap) -> None:
        """A path below what is not there is an invalid patch; the whole set may be given (RFC 8620 5.3)."""
        group = jmap.account.add_group("Feed")
        feed = jmap.id_of(group)
        assert "members" not in jmap.cards()[group]
        assert jmap.refused("notUpdated", update={feed: {"members/a": True}}) == {"type": "invalidPatch"}
        assert jmap.call("ContactCard/set", update={feed: {"members": {"a": True}}})["updated"]
        assert jmap.call("ContactCard/set", update={feed: {"members/a": None}})["updated"]
        assert "members" not in jmap.cards()[group]
        made = jmap.call("ContactCard/set", create={"g": new("g", kind="group")})
        assert made["created"]["g"]["members"] == {}

    @pytest.mark.parametrize(
        ("patch", "error"),
        [
            ({"members/x": "yes"}, {"type": "invalidProperties", "properties": ["members"]}),
            ({"members/x": True, "members/x/y": True}, {"type": "invalidPatch"}),
            ({"members": {"y": True}, "members/x": True}, {"type": "invalidPatch"}),
            ({"members/a~2b": True}, {"type": "invalidPatch"}),
            ({"name/full/more": "x"}, {"type": "invalidPatch"}),
            ({"kind": "individual"}, {"type": "invalidProperties", "properties": ["kind"]}),
            ({"uid": "another"}, {"type": "invalidProperties", "properties": ["uid"]}),
            ({"id": "another"}, {"type": "invalidProperties", "properties": ["id"]}),
            ({"colour": "red"}, {"type": "invalidProperties", "properties": ["colour"]}),
            ({"vCardProps": []}, {"type": "invalidProperties", "properties": ["vCardProps"]}),
        ],
        ids=str,
    )
    def test_a_patch_that_is_none_changes_nothing(
        self, jmap: ContactsJmap, patch: dict[str, Any], error: dict[str, Any]
    ) -> None:
        """Not even what of it would have been right."""
        group = jmap.account.add_group("Feed", ["x"])
        feed, state = jmap.id_of(group), jmap.state()
        refused = jmap.refused("notUpdated", update={feed: patch})
        refused.pop("description", None)
        assert refused == error
        assert jmap.state() == state
        assert jmap.cards()[group]["members"] == {"x": True}

    def test_a_uid_is_escaped_in_a_path_and_stays_as_it_is_in_the_group(
        self, jmap: ContactsJmap, dav: RawDav
    ) -> None:
        """RFC 6901; over CardDAV the group has it in a line of its version."""
        group = jmap.account.add_group("Feed", ["x"])
        odd = "urn:uuid:a/b~c"
        jmap.call("ContactCard/set", update={jmap.id_of(group): {"members/urn:uuid:a~1b~0c": True}})
        assert jmap.cards()[group]["members"] == {"x": True, odd: True}
        shown = dav.dav("GET", dav.book + f"{group}.vcf", Accept="text/vcard; version=4.0").body.decode()
        assert f"MEMBER:{odd}\r\n" in shown

    @pytest.mark.parametrize(
        ("card", "properties"),
        [
            ({"name": {"full": "A"}}, ["@type", "version"]),
            ({**BASE, "version": "2.0"}, ["version"]),
            ({**BASE, "kind": "robot"}, ["kind"]),
            ({**BASE, "uid": ""}, ["uid"]),
            ({**BASE, "uid": 7}, ["uid"]),
            ({**BASE, "emails": {"e": {"addres": "a@b.example"}}}, ["emails"]),
            ({**BASE, "emails": ["a@b.example"]}, ["emails"]),
            ({**BASE, "members": {"a": False}}, ["members"]),
            ({**BASE, "members": ["a"]}, ["members"]),
            ({**BASE, "name": "A"}, ["name"]),
            ({**BASE, "created": "yesterday"}, ["created"]),
            ({**BASE, "addresses": {}}, ["addresses"]),
            ({**BASE, "addressBookIds": {}}, ["addressBookIds"]),
            ({**BASE, "addressBookIds": {"Default": False}}, ["addressBookIds"]),
        ],
        ids=str,
    )
    def test_a_card_that_is_none_is_not_made(
        self, jmap: ContactsJmap, card: dict[str, Any], properties: list[str]
    ) -> None:
        """What is wrong is named; nothing else of the call suffers."""
        done = jmap.call("ContactCard/set", create={"bad": card, "good": new("good")})
        assert done["notCreated"]["bad"]["properties"] == properties
        assert jmap.cards().keys() == {"good"}

    def test_limits_states_and_too_much_use_are_refused(self, jmap: ContactsJmap) -> None:
        """As the methods' errors, and `rateLimit` for each object that came too late."""
        state = jmap.state()
        many = {f"n{number}": new(f"u{number}") for number in range(LIMITS.max_objects_in_set + 1)}
        assert jmap.error("ContactCard/set", create=many) == "requestTooLarge"
        jmap.call("ContactCard/set", create={"a": new("a")}, ifInState=state)
        assert jmap.error("ContactCard/set", create={"b": new("b")}, ifInState=state) == "stateMismatch"
        jmap.account.contact_writes_left = 1
        done = jmap.call("ContactCard/set", create={"b": new("b"), "c": new("c")})
        assert done["created"].keys() == {"b"}
        assert done["notCreated"]["c"]["type"] == "rateLimit"
        jmap.account.contact_writes_left = None
        assert jmap.call("ContactCard/set", create={"c": new("c")})["created"]

    def test_one_that_says_no_name_has_one_over_carddav_alone(self, jmap: ContactsJmap, dav: RawDav) -> None:
        """A vCard must have one (RFC 6350 section 6.2.1); it is marked as made up."""
        uid = "0f6a3dd0-0000-5000-8000-000000000001"
        jmap.call("ContactCard/set", create={"a": {**BASE, "uid": uid}})
        assert "name" not in jmap.cards()[uid]
        assert b"FN;DERIVED=TRUE:No Name" in dav.dav("GET", f"{dav.book}{uid}.vcf").body

    def test_a_vendors_property_comes_back(self, jmap: ContactsJmap) -> None:
        """It is kept on the card (RFC 9555 section 3.2.1), through a patch too."""
        value = {"a": ["b, c", 1]}
        jmap.call("ContactCard/set", create={"a": new("a", **{"example.com:own": value})})
        jmap.call("ContactCard/set", update={jmap.id_of("a"): {"notes": {"n": {"note": "x; y"}}}})
        card = jmap.cards()["a"]
        assert card["example.com:own"] == value
        assert list(card["notes"].values()) == [{"note": "x; y"}]


class TestOneStore:
    def test_what_is_written_over_carddav_is_a_change_over_jmap(
        self, jmap: ContactsJmap, dav: RawDav
    ) -> None:
        """Made, changed, deleted; and the other way round, in the sync token's report."""
        state = jmap.state()
        card = b"BEGIN:VCARD\r\nVERSION:3.0\r\nUID:u\r\nFN:A\r\nN:A;;;;\r\nEND:VCARD\r\n"
        assert dav.put("u.vcf", card).status == 201
        made = jmap.call("ContactCard/changes", sinceState=state)
        assert (made["created"], made["updated"], made["destroyed"]) == ([jmap.id_of("u")], [], [])
        card_id = jmap.id_of("u")
        dav.put("u.vcf", card.replace(b"FN:A", b"FN:B"))
        assert jmap.call("ContactCard/changes", sinceState=made["newState"])["updated"] == [card_id]
        token = jmap.account.book.log.state
        jmap.call("ContactCard/set", destroy=[card_id])
        assert jmap.account.book.log.since(token).destroyed == ("u.vcf",)
        assert dav.dav("GET", dav.book + "u.vcf").status == 404
        gone = jmap.call("ContactCard/changes", sinceState=made["newState"])
        assert (gone["updated"], gone["destroyed"]) == ([], [card_id])

    def test_a_patch_leaves_what_jscontact_does_not_say(self, jmap: ContactsJmap, dav: RawDav) -> None:
        """Unknown lines stay, with their groups; the label of an address stays its label."""
        lines = (
            *("BEGIN:VCARD", "VERSION:3.0", "UID:u", "FN:Ann", "N:Ann;;;;", "item3.X-OWN;X-A=b:kept"),
            *(
                "item1.EMAIL;TYPE=INTERNET:ann@a.example",
                "item1.X-ABLabel:Home",
                "BDAY:1980-01-01",
                "END:VCARD",
                "",
            ),
        )
        dav.put("u.vcf", "\r\n".join(lines).encode())
        jmap.call("ContactCard/set", update={jmap.id_of("u"): {"nicknames": {"n": {"name": "Annie"}}}})
        shown = dav.dav("GET", dav.book + "u.vcf").body.decode().replace("\r\n ", "")
        for line in (
            "item3.X-OWN;X-A=b:kept",
            "BDAY:1980-01-01",
            "email0.X-ABLabel:Home",
            "NICKNAME;PROP-ID=n:Annie",
        ):
            assert f"\r\n{line}\r\n" in shown
        assert list(jmap.cards()["u"]["emails"].values()) == [{"address": "ann@a.example", "label": "Home"}]

    def test_rewriting_a_group_loses_whose_a_member_was(self, jmap: ContactsJmap, dav: RawDav) -> None:
        """A member of another account becomes an ordinary one: the share is damaged by any patch."""
        lines = (
            *(
                "BEGIN:VCARD",
                "VERSION:3.0",
                "UID:g",
                "FN:Feed",
                "N:Feed;;;;",
                "X-ADDRESSBOOKSERVER-KIND:group",
            ),
            *("X-FM-OTHERACCOUNT-MEMBER;USERID=other:urn:uuid:theirs", "END:VCARD", ""),
        )
        dav.put("g.vcf", "\r\n".join(lines).encode())
        assert jmap.cards()["g"]["members"] == {"theirs": True}
        jmap.call("ContactCard/set", update={jmap.id_of("g"): {"members/mine": True}})
        shown = dav.dav("GET", dav.book + "g.vcf").body.decode()
        assert "USERID" not in shown
        assert "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:theirs\r\n" in shown

    def test_states_from_before_a_restart_are_unknown(self, jmap: ContactsJmap) -> None:
        """So are those that were never given out; one that is yet to come has no changes."""
        jmap.account.add_contact("Ann", "ann@a.example")
        state = jmap.state()
        future = str(int(state) + 100)
        none = jmap.call("ContactCard/changes", sinceState=future)
        assert (none["created"], none["updated"], none["destroyed"]) == ([], [], [])
        jmap.account.forget_changes()
        for since in (state, "nonsense", ""):
            assert jmap.error("ContactCard/changes", sinceState=since) == "cannotCalculateChanges"

    def test_changes_come_in_portions(self, jmap: ContactsJmap) -> None:
        """With `maxChanges`, each portion's state leads to the next."""
        state = jmap.state()
        uids = [jmap.account.add_contact(f"P {n}", f"p{n}@x.example") for n in range(5)]
        found, is_more = [], True
        while is_more:
            part = jmap.call("ContactCard/changes", sinceState=state, maxChanges=2)
            assert len(part["created"]) <= 2
            found += part["created"]
            state, is_more = part["newState"], part["hasMoreChanges"]
        assert sorted(found) == sorted(jmap.id_of(uid) for uid in uids)


class TestQuery:
    def test_an_address_is_searched_for_and_not_compared(self, jmap: ContactsJmap) -> None:
        """Whoever has all of its words is found: each hit is to be looked at."""
        for name, address in (("A", "shop@example.net"), ("B", "net.shop@example.org"), ("C", "c@x.example")):
            jmap.account.add_contact(name, address)
        found = jmap.call("ContactCard/query", filter={"email": "Shop@Example.net"})
        assert found["total"] == 2
        assert found["canCalculateChanges"] is False

    def test_pages_and_references_read_everything(self, jmap: ContactsJmap) -> None:
        """A query's page is read by the get beside it, in one request (RFC 8620 section 3.7)."""
        uids = {jmap.account.add_contact(f"P {n}", f"p{n}@x.example") for n in range(5)}
        seen: list[str] = []
        for position in range(0, 5, 2):
            reference = {"resultOf": "0", "name": "ContactCard/query", "path": "/ids"}
            _, (_, page, _) = jmap.calls(
                ("ContactCard/query", {"position": position, "limit": 2}),
                ("ContactCard/get", {"#ids": reference, "properties": ["uid"]}),
            )
            seen += [card["uid"] for card in page["list"]]
        assert (len(seen), set(seen)) == (5, uids)

    @pytest.mark.parametrize(
        ("arguments", "error"),
        [
            ({"filter": {"colour": "red"}}, "invalidArguments"),
            ({"filter": {"kind": 7}}, "invalidArguments"),
            ({"sort": [{"property": "colour"}]}, "unsupportedSort"),
        ],
        ids=json.dumps,
    )
    def test_what_cannot_be_asked_is_refused(
        self, jmap: ContactsJmap, arguments: dict[str, Any], error: str
    ) -> None:
        """By the error that RFC 8620 section 5.5 has for it."""
        assert jmap.error("ContactCard/query", **arguments) == error


class TestWhomAGroupStandsFor:
    @pytest.mark.parametrize(
        ("address", "sender", "is_meant"),
        [
            ("ann@dom.example", "Ann@Dom.example", True),
            ("*@dom.example", "any@dom.example", True),
            ("*@dom.example", "any@below.dom.example", False),
            ("*@*.dom.example", "any@below.dom.example", True),
            ("*@*.dom.example", "any@far.below.dom.example", True),
            ("*@*.dom.example", "any@dom.example", False),
        ],
    )
    def test_as_the_engine_compares(
        self, jmap: ContactsJmap, address: str, sender: str, is_meant: bool
    ) -> None:
        """A contact may stand for a whole domain, or for those below one."""
        uid = jmap.account.add_contact("Everybody", address)
        group = jmap.account.add_group("Jail", [uid])
        message = jmap.account.deliver([("", sender)])
        found = jmap.call("Email/query", filter={"fromContactCardUid": group})["ids"]
        assert found == ([message] if is_meant else [])
        assert jmap.call("Email/query", filter={"fromContactCardUid": "nobody"})["ids"] == []
