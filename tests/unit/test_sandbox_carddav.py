"""The sandbox as a CardDAV server: what RFC 6352, 6578, 4918 and 9110 demand of one, over a real socket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote

import pytest

from mailroom.sandbox import Limits, Sandbox, SandboxAccount
from mailroom.sandbox.store import vcards
from mailroom.sandbox.store.addressbook import contact_card
from tests.support.raw_clients import RawDav, properties, statuses

DAV = "{DAV:}"
CARD = "{urn:ietf:params:xml:ns:carddav}"
DATA = f"{CARD}address-data"


def card(uid: str = "u1", *lines: str, version: str = "3.0") -> bytes:
    """Return a valid card with some more lines."""
    body = ("BEGIN:VCARD", f"VERSION:{version}", f"UID:{uid}", "FN:Bob", "N:Bob;;;;", *lines, "END:VCARD", "")
    return "\r\n".join(body).encode()


@pytest.fixture
def dav() -> Iterator[RawDav]:
    with Sandbox(SandboxAccount()) as sandbox, closing(RawDav(sandbox)) as client:
        yield client


class TestDiscovery:
    def test_the_well_known_path_redirects_without_credentials(self, dav: RawDav) -> None:
        """Discovery begins at /.well-known/carddav (RFC 6764); the root itself is nothing, as at Fastmail."""
        answer = dav.request("PROPFIND", "/.well-known/carddav")
        assert (answer.status, answer.headers["location"]) == (301, "/dav/addressbooks/")
        assert dav.dav("PROPFIND", "/", Depth="0").status == 404

    @pytest.mark.parametrize(
        "authorization", [None, "Basic bm9ib2R5Om5vYm9keQ==", "Bearer fmu1-sandbox-token"]
    )
    def test_nothing_else_is_there_without_credentials(self, dav: RawDav, authorization: str | None) -> None:
        """Everything but the redirect wants the user's name and password, and says so."""
        answer = dav.request("GET", dav.book + "x.vcf", Authorization=authorization)
        assert answer.status == 401
        assert answer.headers["www-authenticate"].startswith("Basic realm=")

    def test_one_leads_from_the_root_to_the_address_book(self, dav: RawDav) -> None:
        """Principal, home and address book are found by properties, one from the other."""
        root = "/dav/addressbooks/"
        found = dav.propfind(root, "d:current-user-principal")[root]
        principal = found[f"{DAV}current-user-principal"].findtext(f"{DAV}href", "")
        found = dav.propfind(principal, "c:addressbook-home-set")[principal]
        home = found[f"{CARD}addressbook-home-set"].findtext(f"{DAV}href", "")
        members = dav.propfind(home, "d:resourcetype", "d:displayname", depth="1")
        books = [
            href
            for href, props in members.items()
            if props[f"{DAV}resourcetype"].find(f"{CARD}addressbook") is not None
        ]
        assert books == [dav.book]
        assert len(members) == 2

    def test_options_tell_the_compliance_classes(self, dav: RawDav) -> None:
        """The DAV header announces addressbook (RFC 6352 section 6.1)."""
        answer = dav.dav("OPTIONS", dav.book)
        assert "addressbook" in answer.headers["dav"].split(", ")
        assert "REPORT" in answer.headers["allow"]

    def test_another_persons_contacts_are_not_there(self, dav: RawDav) -> None:
        """Only the user's own paths exist."""
        assert dav.dav("PROPFIND", "/dav/addressbooks/user/other@x.example/", Depth="0").status == 404

    def test_a_user_name_with_strange_characters_works(self) -> None:
        """Hrefs are percent-encoded, and understood however they are encoded."""
        account = SandboxAccount("ann+b c/d@x.example")
        account.put_card("ä b%.vcf", card())
        with Sandbox(account) as sandbox, closing(RawDav(sandbox)) as dav:
            home = "/dav/addressbooks/user/ann%2bb%20c%2Fd%40x.example/Default/"
            hrefs = list(dav.propfind(home, "d:getetag", depth="1"))
            assert hrefs[1] == "/dav/addressbooks/user/ann%2Bb%20c%2Fd@x.example/Default/%C3%A4%20b%25.vcf"
            assert dav.dav("GET", hrefs[1]).body == card()


class TestPropfind:
    def test_unknown_properties_are_told_apart(self, dav: RawDav) -> None:
        """A property that is not there comes back in a propstat with 404."""
        body = (
            '<propfind xmlns="DAV:"><prop><sync-token/><foo xmlns="urn:x"/><bar xmlns=""/></prop></propfind>'
        )
        answer = dav.dav("PROPFIND", dav.book, body, Depth="0")
        good, missing = answer.xml.findall(f"{DAV}response/{DAV}propstat")
        assert [prop.tag for prop in good.iterfind(f"{DAV}prop/*")] == [f"{DAV}sync-token"]
        assert [prop.tag for prop in missing.iterfind(f"{DAV}prop/*")] == ["{urn:x}foo", "bar"]
        assert missing.findtext(f"{DAV}status") == "HTTP/1.1 404 Not Found"

    def test_a_card_has_its_properties(self, dav: RawDav) -> None:
        """A card tells its tag, type, size and when it was made; a book its token, tag and reports."""
        dav.account.put_card("a.vcf", card(), created=0)
        props = dav.propfind(
            dav.book, "d:getetag", "d:getcontenttype", "d:getcontentlength", "d:creationdate", depth="1"
        )[dav.book + "a.vcf"]
        assert props[f"{DAV}getetag"].text == dav.account.card("a.vcf").etag
        assert props[f"{DAV}getcontentlength"].text == str(len(card()))
        assert props[f"{DAV}creationdate"].text == "1970-01-01T00:00:00Z"
        book = dav.propfind(dav.book, "d:supported-report-set", "cs:getctag", "d:sync-token")[dav.book]
        reports = {report[0].tag for report in book[f"{DAV}supported-report-set"].iter(f"{DAV}report")}
        assert reports == {f"{DAV}sync-collection", f"{CARD}addressbook-multiget", f"{CARD}addressbook-query"}

    @pytest.mark.parametrize("body", [None, '<propfind xmlns="DAV:"><allprop/></propfind>'])
    def test_allprop_is_what_an_empty_body_means(self, dav: RawDav, body: str | None) -> None:
        """Without a body, all properties of WebDAV are wanted (RFC 4918 section 9.1)."""
        answer = dav.dav("PROPFIND", dav.book, body, Depth="0")
        found = properties(answer.xml)[dav.book]
        assert f"{DAV}sync-token" in found
        assert all(name.startswith(DAV) for name in found)

    def test_propname_gives_names_without_values(self, dav: RawDav) -> None:
        """Propname lists every property, empty."""
        answer = dav.dav("PROPFIND", dav.book, '<propfind xmlns="DAV:"><propname/></propfind>', Depth="0")
        found = properties(answer.xml)[dav.book]
        assert found[f"{DAV}sync-token"].text is None
        assert f"{CARD}max-resource-size" in found

    @pytest.mark.parametrize("depth", [None, "infinity"])
    def test_infinite_depth_is_refused(self, dav: RawDav, depth: str | None) -> None:
        """No depth means infinity, which a server may refuse by name."""
        answer = dav.dav("PROPFIND", dav.book, Depth=depth)
        assert (answer.status, answer.condition()) == (403, f"{DAV}propfind-finite-depth")

    @pytest.mark.parametrize(
        ("body", "content_type", "status"),
        [
            ("<propfind", "application/xml", 400),
            ('<?xml version="1.0" encoding="shift_jis"?><propfind xmlns="DAV:"/>', "application/xml", 400),
            ('<propfind xmlns="DAV:"/>', "application/xml", 400),
            ("<other/>", "application/xml", 400),
            ('<!DOCTYPE a><propfind xmlns="DAV:"><allprop/></propfind>', "application/xml", 400),
            ('<propfind xmlns="DAV:"><allprop/></propfind>', "application/json", 415),
            ('<propfind xmlns="DAV:"><allprop/></propfind>', None, 415),
        ],
    )
    def test_bad_bodies_are_refused(
        self, dav: RawDav, body: str, content_type: str | None, status: int
    ) -> None:
        """What is no XML, no propfind, or of another media type is an error of the client."""
        answer = dav.dav("PROPFIND", dav.book, body, Depth="0", Content_Type=content_type)
        assert answer.status == status


class TestCards:
    def test_bytes_come_back_as_they_were_put(self, dav: RawDav) -> None:
        """Folding, case, order and unknown properties survive; the ETag is the same everywhere."""
        data = card("u1", "item1.email;type=pref:B@X.example", "X-Y:a,b", "NOTE:long\r\n  fold", "TEL:1")
        put = dav.put("a%20b.vcf", data)
        got = dav.dav("GET", dav.book + "a%20b.vcf")
        assert (put.status, got.status, got.body) == (201, 200, data)
        assert put.headers["etag"] == got.headers["etag"] == dav.account.card("a b.vcf").etag
        assert got.headers["content-type"] == "text/vcard; charset=utf-8"

    def test_head_is_get_without_the_body(self, dav: RawDav) -> None:
        """HEAD tells length and tag only."""
        dav.put("a.vcf", card())
        answer = dav.dav("HEAD", dav.book + "a.vcf")
        assert (answer.status, answer.body) == (200, b"")
        assert answer.headers["content-length"] == str(len(card()))
        fresh = dav.dav("GET", dav.book + "a.vcf", If_None_Match=answer.headers["etag"])
        assert fresh.status == 304

    def test_a_rewriting_server_stores_other_bytes_and_tells_no_tag(self) -> None:
        """Like Cyrus: types split, lines folded, no ETag in the answer to PUT (RFC 6352 section 6.3.2.3)."""
        with Sandbox(SandboxAccount(rewrites_cards=True)) as sandbox, closing(RawDav(sandbox)) as dav:
            put = dav.put("a.vcf", card("u1", "EMAIL;TYPE=HOME,PREF:b@x.example", f"NOTE:{'n' * 100}"))
            stored = dav.dav("GET", dav.book + "a.vcf").body
            assert "etag" not in put.headers
            assert b"EMAIL;TYPE=HOME;TYPE=PREF:b@x.example\r\n" in stored
            assert max(map(len, stored.split(b"\r\n"))) == 75

    def test_if_none_match_star_makes_only_new_cards(self, dav: RawDav) -> None:
        """A second creation under one name meets 412 and changes nothing."""
        assert dav.put("a.vcf", card("u1"), If_None_Match="*").status == 201
        assert dav.put("a.vcf", card("u1", "NOTE:2"), If_None_Match="*").status == 412
        assert dav.account.card("a.vcf").data == card("u1")

    def test_if_match_changes_only_what_one_has_seen(self, dav: RawDav) -> None:
        """A stale tag, a weak tag and a card that is not there all meet 412."""
        tag = dav.put("a.vcf", card("u1")).headers["etag"]
        changed = dav.put("a.vcf", card("u1", "NOTE:2"), If_Match=f'"other", {tag}')
        assert changed.status == 204
        current = changed.headers["etag"]
        for name, stale in (("a.vcf", tag), ("a.vcf", f"W/{current}"), ("b.vcf", "*"), ("b.vcf", current)):
            assert dav.put(name, card("u1", "NOTE:3"), If_Match=stale).status == 412
        assert dav.dav("DELETE", dav.book + "a.vcf", If_Match=tag).status == 412
        assert dav.account.card("a.vcf").data == card("u1", "NOTE:2")

    def test_a_tag_without_quotes_is_no_tag(self, dav: RawDav) -> None:
        """Entity tags are quoted strings (RFC 9110 section 8.8.3)."""
        tag = dav.put("a.vcf", card("u1")).headers["etag"]
        assert dav.put("a.vcf", card("u1"), If_Match=tag.strip('"')).status == 400

    def test_a_deleted_card_is_gone(self, dav: RawDav) -> None:
        """After DELETE there is nothing to get and nothing to delete."""
        dav.put("a.vcf", card())
        assert [dav.dav("DELETE", dav.book + "a.vcf").status for _ in range(2)] == [204, 404]
        assert dav.dav("GET", dav.book + "a.vcf").status == 404

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"hello",
            card().replace(b"FN:Bob\r\n", b""),
            card().replace(b"N:Bob;;;;\r\n", b""),
            card().replace(b"UID:u1\r\n", b""),
            card().replace(b"VERSION:3.0\r\n", b""),
            card().replace(b"END:VCARD\r\n", b""),
            card() + card("u2"),
            card("u1", "UID:u2"),
            card("u1", "N:Rob;;;;"),
            card("u1", "a line without a colon"),
            card("u1", "NOTE:\x00"),
            card("u1", "NOTE:x").replace(b"x", b"\xff"),
        ],
    )
    def test_what_is_no_valid_card_is_refused(self, dav: RawDav, data: bytes) -> None:
        """A server stores valid cards only, and names the condition (RFC 6352 section 5.3.2.1)."""
        answer = dav.put("a.vcf", data)
        assert (answer.status, answer.condition()) == (403, f"{CARD}valid-address-data")
        assert dav.account.cards() == []

    def test_a_vcard_4_needs_no_n(self, dav: RawDav) -> None:
        """N is optional in vCard 4.0 (RFC 6350 section 6.2.2), and groups may be of that form."""
        data = card("u1", "KIND:group", "MEMBER:u2", version="4.0").replace(b"N:Bob;;;;\r\n", b"")
        assert dav.put("a.vcf", data).status == 201
        assert dav.account.group_members("Bob") == ["u2"]

    def test_another_media_type_is_refused(self, dav: RawDav) -> None:
        """Only text/vcard is address data."""
        answer = dav.put("a.vcf", card(), Content_Type="text/plain")
        assert (answer.status, answer.condition()) == (403, f"{CARD}supported-address-data")

    def test_no_media_type_is_taken_for_the_only_one(self, dav: RawDav) -> None:
        """As Cyrus, Radicale and Xandikos do."""
        assert dav.put("a.vcf", card(), Content_Type=None).status == 201

    def test_an_old_version_is_refused(self, dav: RawDav) -> None:
        """vCard 2.1 is a format of its own, which the server does not take."""
        answer = dav.put("a.vcf", card(version="2.1"))
        assert (answer.status, answer.condition()) == (403, f"{CARD}supported-address-data")

    def test_a_card_too_large_is_refused(self, dav: RawDav) -> None:
        """max-resource-size is enforced."""
        answer = dav.put("a.vcf", card("u1", f"NOTE:{'x' * 1024 * 1024}"))
        assert (answer.status, answer.condition()) == (403, f"{CARD}max-resource-size")

    def test_a_uid_belongs_to_one_card(self, dav: RawDav) -> None:
        """A UID that another card holds is refused, with that card's href; so is another UID for a card."""
        dav.put("a.vcf", card("u1"))
        for name, uid in (("b.vcf", "u1"), ("a.vcf", "u2")):
            answer = dav.put(name, card(uid))
            assert (answer.status, answer.condition()) == (403, f"{CARD}no-uid-conflict")
            assert answer.xml[0].findtext(f"{DAV}href") == dav.book + "a.vcf"
        dav.dav("DELETE", dav.book + "a.vcf")
        assert dav.put("b.vcf", card("u1")).status == 201

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("PUT", "", 405),
            ("DELETE", "", 405),
            ("GET", "", 405),
            ("MKCOL", "", 405),
            ("REPORT", "a.vcf", 405),
            ("PUT", "../Nowhere/a.vcf", 409),
            ("PUT", "sub/a.vcf", 409),
        ],
    )
    def test_methods_have_their_places(self, dav: RawDav, method: str, path: str, status: int) -> None:
        """Collections are not written; nothing is written outside of them."""
        target = (
            dav.book.replace("Default/", "") + "Nowhere/a.vcf" if path.startswith("..") else dav.book + path
        )
        answer = dav.dav(method, target, card() if method == "PUT" else None, Content_Type="text/vcard")
        assert answer.status == status


class TestSyncCollection:
    def sync(
        self, dav: RawDav, token: str, limit: int | None = None
    ) -> tuple[list[str], dict[str, int], str]:
        """Return changed hrefs, hrefs with a status of their own, and the new token."""
        limited = f"<d:limit><d:nresults>{limit}</d:nresults></d:limit>" if limit else ""
        answer = dav.report(
            "d:sync-collection",
            f"<d:sync-token>{token}</d:sync-token><d:sync-level>1</d:sync-level>{limited}"
            "<d:prop><d:getetag/></d:prop>",
        )
        assert answer.status == 207
        changed = [href for href, props in properties(answer.xml).items() if props]
        return changed, statuses(answer.xml), answer.xml.findtext(f"{DAV}sync-token", "")

    def test_it_tells_what_changed_since_a_token(self, dav: RawDav) -> None:
        """First everything that is there, then only what was added, changed or deleted since."""
        for name in ("a", "b", "c", "gone"):
            dav.account.put_card(f"{name}.vcf", card(name))
        dav.account.delete_card("gone.vcf")
        changed, own, token = self.sync(dav, "")
        assert (changed, own) == ([dav.book + f"{name}.vcf" for name in "abc"], {})
        assert self.sync(dav, token) == ([], {}, token)
        dav.account.put_card("a.vcf", card("a", "NOTE:2"))
        dav.account.delete_card("b.vcf")
        dav.account.put_card("brief.vcf", card("brief"))
        dav.account.delete_card("brief.vcf")
        changed, own, newer = self.sync(dav, token)
        assert changed == [dav.book + "a.vcf"]
        assert own == {dav.book + "b.vcf": 404}
        assert newer == dav.propfind(dav.book, "d:sync-token")[dav.book][f"{DAV}sync-token"].text != token

    def test_a_card_that_came_back_and_went_again_is_told(self, dav: RawDav) -> None:
        """Who knew the card before it was first deleted hears in the end that it is gone."""
        dav.account.put_card("a.vcf", card())
        _, _, token = self.sync(dav, "")
        dav.account.delete_card("a.vcf")
        dav.account.put_card("a.vcf", card())
        dav.account.delete_card("a.vcf")
        changed, own, _ = self.sync(dav, token)
        assert (changed, own) == ([], {dav.book + "a.vcf": 404})

    def test_a_cut_answer_is_resumed_by_its_token(self, dav: RawDav) -> None:
        """A truncated answer carries 507 for the book itself, and a token to go on (RFC 6578 section 3.6)."""
        names = [f"c{number}" for number in range(7)]
        for name in names:
            dav.account.put_card(f"{name}.vcf", card(name))
        seen: list[str] = []
        token, pages = "", 0
        while True:
            changed, own, token = self.sync(dav, token, limit=3)
            seen += changed
            pages += 1
            if not own:
                break
            assert own == {dav.book: 507}
        assert seen == [dav.book + f"{name}.vcf" for name in names]
        assert pages == 3

    def test_the_server_may_cut_by_itself(self) -> None:
        """A server's own limit works as if the client had asked for it."""
        account = SandboxAccount(limits=Limits(max_sync_results=2))
        for number in range(3):
            account.put_card(f"{number}.vcf", card(str(number)))
        with Sandbox(account) as sandbox, closing(RawDav(sandbox)) as dav:
            changed, own, _ = self.sync(dav, "", limit=50)
            assert len(changed) == 2
            assert own == {dav.book: 507}

    @pytest.mark.parametrize("token", ["nonsense", "data:,Default-99", "data:,Other-1", "e1"])
    def test_a_token_nobody_gave_out_is_refused(self, dav: RawDav, token: str) -> None:
        """An invalid token is 403 with DAV:valid-sync-token, so that the client starts over."""
        content = f"<d:sync-token>{token}</d:sync-token><d:sync-level>1</d:sync-level><d:prop/>"
        answer = dav.report("d:sync-collection", content)
        assert (answer.status, answer.condition()) == (403, f"{DAV}valid-sync-token")

    def test_a_forgotten_token_is_refused_and_a_new_start_works(self, dav: RawDav) -> None:
        """When the server lost its history, old tokens are invalid; a paged full sync tells everything."""
        for name in "abc":
            dav.account.put_card(f"{name}.vcf", card(name))
        _, _, old = self.sync(dav, "")
        dav.account.forget_changes()
        content = f"<d:sync-token>{old}</d:sync-token><d:sync-level>1</d:sync-level><d:prop/>"
        assert dav.report("d:sync-collection", content).status == 403
        first, own, token = self.sync(dav, "", limit=2)
        rest, _, _ = self.sync(dav, token)
        assert own == {dav.book: 507}
        assert first + rest == [dav.book + f"{name}.vcf" for name in "abc"]

    @pytest.mark.parametrize(
        ("content", "depth"),
        [
            ("<d:sync-level>1</d:sync-level><d:prop/>", None),
            ("<d:sync-token/><d:prop/>", None),
            ("<d:sync-token/><d:sync-level>2</d:sync-level><d:prop/>", None),
            ("<d:sync-token/><d:sync-level>infinite</d:sync-level><d:prop/>", None),
            ("<d:sync-token/><d:sync-level>1</d:sync-level>", None),
            ("<d:sync-token/><d:sync-level>1</d:sync-level><d:prop/>", "infinity"),
            (
                "<d:sync-token/><d:sync-level>1</d:sync-level><d:prop/>"
                "<d:limit><d:nresults>0</d:nresults></d:limit>",
                None,
            ),
        ],
    )
    def test_an_incomplete_report_is_refused(self, dav: RawDav, content: str, depth: str | None) -> None:
        """Token, level and prop have to be there, and the depth is 0 (RFC 6578 section 3.2)."""
        assert dav.report("d:sync-collection", content, depth=depth).status == 400


class TestMultiget:
    def test_it_gives_cards_and_tells_which_are_missing(self, dav: RawDav) -> None:
        """One response for each href, by path or whole URL, with the exact text of the card."""
        data = card("u1", "NOTE:<b> & \U0001f980 ü", "X-LONG:" + "y" * 70 + "\r\n z")
        dav.account.put_card("a.vcf", data)
        dav.account.put_card("ö.vcf", card("u2"))
        hrefs = (
            dav.book + "a.vcf",
            dav.sandbox.url + dav.book + quote("ö.vcf"),
            dav.book + "lost.vcf",
            "/elsewhere/a.vcf",
        )
        content = "<d:prop><d:getetag/><c:address-data/></d:prop>" + "".join(
            f"<d:href>{href}</d:href>" for href in hrefs
        )
        answer = dav.report("c:addressbook-multiget", content)
        found = properties(answer.xml)
        assert (found[hrefs[0]][DATA].text or "").encode() == data
        assert found[hrefs[0]][f"{DAV}getetag"].text == dav.account.card("a.vcf").etag
        assert (found[dav.book + quote("ö.vcf")][DATA].text or "").encode() == card("u2")
        assert statuses(answer.xml) == {hrefs[2]: 404, hrefs[3]: 404}

    def test_address_data_can_be_cut_down(self, dav: RawDav) -> None:
        """With C:prop only the named properties come, grouped or not (RFC 6352 section 10.4.2)."""
        dav.account.put_card("a.vcf", card("u1", "item1.EMAIL:a@x.example", "NOTE:long"))
        content = (
            '<d:prop><c:address-data><c:prop name="email"/><c:prop name="UID"/></c:address-data></d:prop>'
            f"<d:href>{dav.book}a.vcf</d:href>"
        )
        answer = dav.report("c:addressbook-multiget", content)
        text = properties(answer.xml)[dav.book + "a.vcf"][DATA].text or ""
        assert text.split() == [
            "BEGIN:VCARD",
            "VERSION:3.0",
            "UID:u1",
            "item1.EMAIL:a@x.example",
            "END:VCARD",
        ]

    def test_a_card_that_xml_cannot_carry_is_marked(self, dav: RawDav) -> None:
        """Characters that are not XML come as U+FFFD, and the answer stays well-formed."""
        dav.account.put_card("a.vcf", b"BEGIN:VCARD\r\nNOTE:\x01\xff\r\nEND:VCARD\r\n")
        content = f"<d:prop><c:address-data/></d:prop><d:href>{dav.book}a.vcf</d:href>"
        answer = dav.report("c:addressbook-multiget", content)
        text = properties(answer.xml)[dav.book + "a.vcf"][DATA].text
        assert text == "BEGIN:VCARD\r\nNOTE:��\r\nEND:VCARD\r\n"

    def test_other_formats_are_refused(self, dav: RawDav) -> None:
        """Cards are shown as vCards; an unknown version is answered as none is, by every server seen."""
        data = '<c:address-data content-type="application/vcard+json" version="4.0"/>'
        answer = dav.report("c:addressbook-multiget", f"<d:prop>{data}</d:prop><d:href>/x</d:href>")
        assert (answer.status, answer.condition()) == (403, f"{CARD}supported-address-data")
        data = '<c:address-data version="2.1"/>'
        answer = dav.report("c:addressbook-multiget", f"<d:prop>{data}</d:prop><d:href>/x</d:href>")
        assert answer.status == 207

    def test_a_card_is_shown_in_the_version_asked_for(self, dav: RawDav) -> None:
        """By default in 3.0, as Cyrus does it; 4.0 is written anew. Length and ETag are of what is stored."""
        lines_3 = ("X-ADDRESSBOOKSERVER-KIND:group", "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:u2")
        lines_4 = ("KIND:group", "MEMBER:u2")
        three, four = card("u3", *lines_3), card("u4", *lines_4, version="4.0")
        as_3 = card("u4", *lines_3).replace(b"KIND:group", b"KIND:GROUP")
        four_anew = four.replace(b"UID:", b"UID;VALUE=TEXT:").replace(b"KIND:group", b"KIND:GROUP")
        as_4 = card("u3", *lines_4, version="4.0").replace(b"KIND:group", b"KIND:GROUP")
        dav.account.put_card("3.vcf", three)
        dav.account.put_card("4.vcf", four)
        for asked, expected in (
            ("", (three, as_3)),
            ("3.0", (three, as_3)),
            ("4.0", (as_4.replace(b"UID:", b"UID;VALUE=TEXT:"), four_anew)),
        ):
            for name, stored, shown in zip(("3.vcf", "4.vcf"), (three, four), expected, strict=True):
                accept = {"Accept": f"text/vcard; version={asked}"} if asked else {}
                got = dav.dav("GET", dav.book + name, **accept)
                assert (got.body, got.headers["etag"]) == (shown, dav.account.card(name).etag)
                attribute = f' version="{asked}"' if asked else ""
                content = (
                    f"<d:prop><d:getcontentlength/><c:address-data{attribute}/></d:prop>"
                    f"<d:href>{dav.book}{name}</d:href>"
                )
                props = properties(dav.report("c:addressbook-multiget", content).xml)[dav.book + name]
                assert (props[DATA].text or "").encode() == shown
                assert props[f"{DAV}getcontentlength"].text == str(len(stored))

    @pytest.mark.parametrize(
        ("line", "member"),
        [
            ("MEMBER:u2", "u2"),
            ("MEMBER:urn:uuid:u2", "urn:uuid:u2"),
            ("X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:u2", "u2"),
            ('X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:"urn:uuid:u2"', "urn:uuid:u2"),
            ("X-ADDRESSBOOKSERVER-MEMBER:URN:UUID:u2", None),
            ("X-ADDRESSBOOKSERVER-MEMBER:u2", None),
        ],
    )
    def test_members_are_compared_as_cyrus_compares_them(
        self, dav: RawDav, line: str, member: str | None
    ) -> None:
        """A MEMBER is a UID just as it stands; the other line holds one after urn:uuid:."""
        dav.put("a.vcf", card("u1", "KIND:group", line, version="4.0"))
        assert dav.account.group_members("Bob") == ([member] if member else [])

    def test_without_hrefs_there_is_nothing(self, dav: RawDav) -> None:
        """A multiget of nothing is malformed (RFC 6352 section 10.7), but answered by every server seen."""
        answer = dav.report("c:addressbook-multiget", "<d:prop/>")
        assert (answer.status, len(answer.xml)) == (207, 0)

    def test_an_unknown_report_is_refused(self, dav: RawDav) -> None:
        """A report the book does not support is named as such (RFC 3253 section 3.6)."""
        answer = dav.report("c:free-busy", "")
        assert (answer.status, answer.condition()) == (403, f"{DAV}supported-report")


class TestQuery:
    @pytest.fixture(autouse=True)
    def cards(self, dav: RawDav) -> None:
        dav.account.put_card("plain.vcf", card("u1", "EMAIL:Bob@News.example"))
        dav.account.put_card("grouped.vcf", card("u2", "item1.EMAIL:bob@news.example"))
        dav.account.put_card("other.vcf", card("u3", "EMAIL:eve@x.example", "NICKNAME:Ève"))

    def query(self, dav: RawDav, filters: str, **attributes: str) -> set[str]:
        written = "".join(f' {name}="{value}"' for name, value in attributes.items())
        content = f"<d:prop><d:getetag/></d:prop><c:filter{written}>{filters}</c:filter>"
        answer = dav.report("c:addressbook-query", content, depth="1")
        assert answer.status == 207, answer.body
        return {href.rpartition("/")[2] for href in properties(answer.xml)}

    def text(self, name: str, text: str, **attributes: str) -> str:
        written = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in attributes.items())
        return f'<c:prop-filter name="{name}"><c:text-match{written}>{text}</c:text-match></c:prop-filter>'

    def test_text_matches_without_case(self, dav: RawDav) -> None:
        """The default collation folds case, beyond ASCII too, and looks for a part of the value."""
        assert self.query(dav, self.text("EMAIL", "BOB@news", match_type="starts-with")) == {"plain.vcf"}
        assert self.query(dav, self.text("NICKNAME", "èVE")) == {"other.vcf"}
        assert self.query(dav, self.text("NICKNAME", "èVE", collation="i;ascii-casemap")) == set()

    def test_a_grouped_property_is_not_seen_without_its_group(self, dav: RawDav) -> None:
        """As on Cyrus, a filter on EMAIL misses item1.EMAIL; a client cannot rely on it."""
        assert self.query(dav, self.text("EMAIL", "bob@news.example", match_type="equals")) == {"plain.vcf"}
        assert self.query(dav, self.text("item1.EMAIL", "bob@news.example")) == {"grouped.vcf"}

    def test_tests_combine_as_asked(self, dav: RawDav) -> None:
        """Filters are joined by any, or by all where the test says so; absence can be asked for."""
        two = self.text("UID", "u1") + self.text("EMAIL", "eve")
        absent = '<c:prop-filter name="EMAIL"><c:is-not-defined/></c:prop-filter>'
        assert self.query(dav, two) == {"plain.vcf", "other.vcf"}
        assert self.query(dav, two, test="allof") == set()
        assert self.query(dav, absent) == {"grouped.vcf"}
        assert self.query(dav, self.text("UID", "u1", negate_condition="yes")) == {"grouped.vcf", "other.vcf"}

    def test_unknown_filters_and_collations_are_refused(self, dav: RawDav) -> None:
        """What the server cannot compare, it refuses by name."""
        for one, condition in (
            (self.text("UID", "u", collation="i;klingon"), "supported-collation"),
            ('<c:prop-filter name="A"><c:param-filter name="T"/></c:prop-filter>', "supported-filter"),
        ):
            content = f"<d:prop/><c:filter>{one}</c:filter>".replace('name="A"', 'name="EMAIL"')
            answer = dav.report("c:addressbook-query", content, depth="1")
            assert (answer.status, answer.condition()) == (403, f"{CARD}{condition}")

    def test_a_limit_cuts_and_says_so(self, dav: RawDav) -> None:
        """More matches than asked for end with 507 for the book."""
        content = "<d:prop/><c:filter/><c:limit><c:nresults>2</c:nresults></c:limit>"
        answer = dav.report("c:addressbook-query", content, depth="1")
        assert statuses(answer.xml) == {dav.book: 507}
        assert len(answer.xml.findall(f"{DAV}response")) == 3


class TestContacts:
    def test_contact_groups_are_cards(self) -> None:
        """Members are UIDs in the group's card; a UID with a colon is quoted, and read back whole."""
        account = SandboxAccount()
        group = account.add_group("Paper Trail")
        plain = account.add_contact("Bo, Ltd.", "bo@x.example", groups=["Paper Trail"])
        account.put_card("odd.vcf", card("urn:uuid:77"))
        account.add_member("Paper Trail", "urn:uuid:77")
        data = account.card(f"{group}.vcf").data
        assert b'X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:"urn:uuid:77"' in data.replace(b"\r\n ", b"")
        assert account.group_members("Paper Trail") == [plain, "urn:uuid:77"]
        assert account.group_titles(plain) == ["Paper Trail"]
        assert [each.name for each in account.cards()] == [f"{plain}.vcf", "odd.vcf"]

    def test_its_own_cards_are_valid(self) -> None:
        """What the sandbox writes itself, a strict server would take."""
        for data in (contact_card("Zoë; von, \\ und\nzu", "z@x.example")[1], card()):
            assert vcards.check(data)

    @pytest.mark.parametrize("text", ["x" * 300, "ü" * 100, "😀" * 50, "a" * 75, "a" * 76])
    def test_folding_keeps_lines_short_and_characters_whole(self, text: str) -> None:
        """No line is longer than 75 octets, each decodes by itself, and unfolding gives the text back."""
        data = vcards.fold(f"NOTE:{text}").encode()
        assert all(len(line) <= 75 and line.decode() for line in data.rstrip().split(b"\r\n"))
        assert vcards.unfold(data) == [f"NOTE:{text}"]
