"""For any name that a trustpoint may have, what is sent is valid by the device's models and means that trustpoint."""

from __future__ import annotations

import string
from functools import cache

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent.model.errors import InputError
from agent.model.plan import Intent
from agent.model.state import Access, Enrollment, EnrollmentKind, TrustpointConfig
from agent.netconf.payload import Element, parse, qname, rendered_once, serialize, template
from agent.netconf.yang.capability import Capabilities
from agent.netconf.yang.schema import Schema
from agent.remedy.access import access
from agent.simulator import Persona
from agent.xr import shellutil, trustpoint, trustpool
from tests.properties.conftest import steady

# By cli-cfg, crypto-cepki-cfg below either root, um-crypto-cfg of several revisions.
RELEASES = ("6.7.1", "6.7.2", "7.3.2", "7.4.1", "7.8.1", "24.2.1", "25.2.1", "26.1.2")
LEGAL = string.ascii_letters + string.digits + "_-.:,@#%$+=|;"
NAMES = st.text(LEGAL, min_size=1, max_size=128)
URLS = st.builds(
    "{}://{}/{}".format,
    st.sampled_from(["http", "https", "tftp"]),
    st.text(string.ascii_lowercase + string.digits + ".-", min_size=1, max_size=40),
    st.text(string.ascii_letters + string.digits + "._~%&=+-/", max_size=80),
)
NETCONF = "urn:ietf:params:xml:ns:netconf:base:1.0"


@cache
def device(release: str) -> tuple[Schema, Access]:
    capabilities = Capabilities.from_uris(Persona(release=release).capabilities())
    schema = Schema(capabilities)
    return schema, access(capabilities, schema)


@st.composite
def enrollments(draw: st.DrawFn, release: str) -> Enrollment:
    kind = draw(st.sampled_from(sorted(device(release)[1].enrollments, key=lambda one: one.value)))
    return Enrollment(kind, draw(URLS) if kind is EnrollmentKind.URL else None)


def read_back(release: str, name: str, body: Element) -> TrustpointConfig | None:
    """What our own reader makes of configuration, as if the device had it and answered a get-config."""
    schema, ways = device(release)
    query = trustpoint.config_query(schema, ways.config_model, name)
    data = parse(f'<data xmlns="{NETCONF}"/>')
    data.append(parse(serialize(body)))
    assert query.decode is not None
    return query.decode(data)


@pytest.mark.parametrize("release", RELEASES)
def test_a_trustpoint_is_configured_by_its_name_and_enrollment(release: str) -> None:
    schema, ways = device(release)

    @steady
    @given(NAMES, enrollments(release))
    def configured(name: str, enrollment: Enrollment) -> None:
        assume(enrollment.url is None or Intent(enrollment_url=enrollment.url))
        body = parse(trustpoint.config_edit(schema, ways.config_model, name, enrollment))
        shown = read_back(release, name, body)
        assert shown is not None
        assert (shown.name, shown.enrollment) == (name, enrollment)
        assert read_back(release, f"{name}x"[-128:], body) is None or len(name) == 128

    configured()


@pytest.mark.parametrize("release", RELEASES)
def test_a_change_of_enrollment_and_its_undo_are_valid(release: str) -> None:
    schema, ways = device(release)

    @steady
    @given(NAMES, enrollments(release), enrollments(release))
    def changed(name: str, enrollment: Enrollment, old: Enrollment) -> None:
        edits = [
            trustpoint.config_edit(schema, ways.config_model, name, enrollment, replaces=old),
            trustpoint.config_undo(schema, ways.config_model, name, enrollment, whole=False),
            trustpoint.config_undo(schema, ways.config_model, name, enrollment, whole=True),
        ]
        for edit in edits:
            again = parse(edit)
            assert sum(name in (element.text or "").split() for element in again.iter()) == 1
            # Nothing but an enrollment, or the whole of this one trustpoint, is ever removed.
            removed = [one for one in again.iter() if one.get(qname(NETCONF, "operation")) is not None]
            assert all(one.get(qname(NETCONF, "operation")) == "remove" for one in removed)
            assert all(str(one.tag).endswith(("}trustpoint", "}terminal", "}url", "}local")) for one in removed)

    changed()


@steady
@given(st.sampled_from(RELEASES), NAMES, URLS, st.booleans())
def test_the_actions_are_valid(release: str, name: str, url: str, clean: bool) -> None:
    schema, ways = device(release)
    path = "/misc/disk1/xr-agent-0.pem" if ways.file_path else None
    assert name in parse(trustpoint.authenticate_request(schema, name, path)).itertext()
    assert url in parse(trustpool.import_request(schema, url, clean=clean)).itertext()


def test_what_may_carry_a_password_in_a_url_is_kept_by_nobody() -> None:
    schema, ways = device("25.3.1")
    before = rendered_once.cache_info().misses
    source = ("ftp:", "//noc:s3cr3t@192.0.2.1/root.pem")
    assert "s3cr3t" in shellutil.copy_request(schema, source, ("harddisk:", "root.pem"))
    assert "s3cr3t" in trustpool.import_request(schema, "http://noc:s3cr3t@192.0.2.1/ios.p7b")
    enrollment = Enrollment(EnrollmentKind.URL, "http://noc:s3cr3t@192.0.2.1")
    assert "s3cr3t" in trustpoint.config_edit(schema, ways.config_model, "T", enrollment)
    assert rendered_once.cache_info().misses == before


@steady
@given(NAMES)
def test_a_filter_names_the_trustpoint_and_no_other(name: str) -> None:
    sent = parse(serialize(template("filter-trustpoint-oper", name=name)))
    assert [text for text in sent.itertext() if text.strip()] == [name]
    assert Intent(trustpoint=name).trustpoint == name


@steady
@given(st.text(max_size=200))
def test_a_name_that_is_not_legal_is_refused_before_anything_is_sent(name: str) -> None:
    assume(not name or len(name) > 128 or set(name) - set(LEGAL))
    with pytest.raises(InputError, match="cannot be used"):
        Intent(trustpoint=name)
