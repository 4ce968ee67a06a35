"""The tool reads a sanitised recording as it reads the router. All values are SYNTHETIC."""

from __future__ import annotations

import pytest

from agent.model.pki.anchor import TrustAnchor
from agent.recording.privacy.places import Kind
from agent.recording.privacy.standins import StandIns
from agent.xr import callhome, destination
from agent.xr.cli import show
from agent.xr.cli.prompts import Prompts
from agent.xr.logs.signature import Signatures

KEY = b"a key of the tests, of 32 bytes.."


def sanitised(text: str) -> tuple[StandIns, str]:
    standins = StandIns(KEY, public=[TrustAnchor.bundled()])
    standins.learn(text)
    return standins, standins.replaced(text)


STATUS = """\
Smart Licensing is ENABLED

Registration:
  Status: REGISTERED
  Smart Account: ACME Networks GmbH
  Virtual Account: Core Frankfurt
  Initial Registration: SUCCEEDED on Jan 10 2022 08:00:00 UTC

License Authorization:
  Status: AUTHORIZED on Feb 22 2022 10:00:07 UTC
  Last Communication Attempt: FAILED on Feb 22 2022 10:00:07 UTC
    Failure reason: Fail to send out Call Home HTTP message
  Next Communication Attempt: Mar 24 2022 10:00:07 UTC
  Communication Deadline: May 23 2022 10:00:07 UTC

Transport:
  Type: Smart
  Registration URL: {url}
  Proxy: proxy.acme.net

License Usage:
  License                 Entitlement tag               Count Status
  -----------------------------------------------------------------------------
  ESS-CA-100G-RTU-2       (ESS-CA-100G-RTU-2)               4 AUTHORIZED
"""
PUBLIC = "https://smartreceiver.cisco.com/licservice/license"


@pytest.mark.parametrize("url", [PUBLIC, "https://ssm.acme.net:8443/SmartTransport", "http://10.1.2.3/SmartTransport"])
def test_licensing_reads_the_same_save_the_names(url: str) -> None:
    text = STATUS.format(url=url)
    _, result = sanitised(text)
    before, after = show.licensing(text), show.licensing(result)
    assert before is not None
    assert after is not None
    names = ("smart_account", "virtual_account", "url", "proxy")
    for field in before.__dataclass_fields__:
        if field not in names:
            assert getattr(after, field) == getattr(before, field), field
    assert after.smart_account not in (None, before.smart_account)
    assert after.virtual_account not in (None, before.virtual_account)
    assert after.proxy not in (None, before.proxy)
    assert (after.url == before.url) is (url == PUBLIC)
    assert len(str(after.url)) == len(url)
    for private in ("acme", "frankfurt", "10.1.2.3"):
        assert private not in result.lower()


CALL_HOME = """\
call-home
 service active
 contact smart-licensing
 contact-email-addr noc@acme.net
 phone-number "+49 69 1234567"
 street-address "Hanauer Landstrasse 1"
 customer-id "ACME-7781"
 profile CiscoTAC-1
  active
  destination address http {}
  destination transport-method http
 !
 profile acme-mail
  active
  destination address email noc@acme.net
 !
!
"""


@pytest.mark.parametrize("url", ["https://tools.cisco.com/its/service/oddce/services/DDCEService", PUBLIC])
def test_call_home_goes_where_it_went(url: str) -> None:
    text = CALL_HOME.format(url)
    _, result = sanitised(text)
    assert callhome.of_text(result) == callhome.of_text(text) == (url,)
    assert len(result) == len(text)
    for private in ("acme", "noc", "1234567", "Hanauer", "7781"):
        assert private.lower() not in result.lower()


def test_a_satellite_of_somebody_stays_one_of_somebody() -> None:
    text = "license smart transport smart\nlicense smart url https://cssm.corp.acme.de/SmartTransport\n"
    _, result = sanitised(text)
    before, after = destination.of_text(text), destination.of_text(result)
    assert before is not None
    assert after is not None
    assert after.kind == before.kind
    assert after.urls != before.urls
    assert after.urls[0].endswith(".de/SmartTransport")


PROMPT = "RP/0/RP0/CPU0:PE1-FRA#"


def test_prompts_messages_and_the_release_read_the_same() -> None:
    text = (
        f"{PROMPT}show version\nCisco IOS XR Software, Version 7.3.2\n Label        : 7.3.2\n"
        "PE1-FRA uptime is 3 weeks\nSystem uptime is 3 weeks\n"
        "RP/0/RP0/CPU0:Feb 22 10:00:07.962 UTC: smartlicserver[127]: %LICENSE-SMART_LIC-3-COMM_FAILED : Communications"
        " failure with the Cisco Smart Software Manager (CSSM) : Unable to resolve server hostname/domain name\n"
        "<187>94307: PE1-FRA LC/0/2/CPU0:Jul  7 20:16:14.834 : ifmgr[214]: %PKT_INFRA-LINK-3-UPDOWN : Gi0/0/0/1 up\n"
        f"xrv9k-os-support-1.0.0.1-r732.CSCvx87275\n{PROMPT}"
    )
    _, result = sanitised(text)
    assert show.version(result) == show.version(text)
    assert show.fixes(result) == show.fixes(text)
    assert "xrv9k-os-support-1.0.0.1-r732.CSCvx87275" in result
    prompt = Prompts().ending(result)
    assert prompt is not None
    assert prompt.head.startswith("RP/0/RP0/CPU0:")
    assert "pe1" not in result.lower()
    assert "\nSystem uptime is 3 weeks" in result
    assert len(result) == len(text)
    signatures = Signatures(
        frozenset(["SMART_LIC-3-COMM_FAILED"]), frozenset(["SMART_LIC-5-COMM_RESTORED"]), frozenset()
    )
    assert list(signatures.messages(result.encode())) == list(signatures.messages(text.encode()))


def test_what_names_nobody_stays() -> None:
    text = (
        '<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="urn:uuid:1"><data><crypto '
        'xmlns="http://cisco.com/ns/yang/Cisco-IOS-XR-um-crypto-cfg"><location>0/RP0/CPU0</location></crypto></data>'
        "<ok/></rpc-reply> 255.255.255.0 0.0.0.255 127.0.0.1 ::1 224.0.0.5 http://www.cisco.com/security/pki/trs/ios.p7b"
        " diffie-hellman-group-exchange-sha256 chacha20-poly1305@openssh.com Cisco-IOS-XR-cli-cfg@2019-04-05.yang"
        " regid.2014-12.com.cisco.ASR-9000,1.0_62f8 <source-host>127.0.0.1</source-host> "
        " vrf default Smart Account: none PID: NCS-5501 Virtual Account: Default\r\n"
        " Location     : /opt/cisco/XR/packages/\r\n"
    )
    standins, result = sanitised(text)
    assert result == text
    assert standins.counts == {}


@pytest.mark.parametrize("name", ["cisco", "router", "license", "admin", "show", "root", "version"])
def test_a_name_that_is_a_word_as_well_is_replaced_in_its_place_alone(name: str) -> None:
    text = (
        f"RP/0/RP0/CPU0:{name}#show version\nCisco IOS XR Software, Version 7.3.2\nhostname {name}\n"
        "admin show license all\ncrypto ca trustpoint Trustpool\n"
    )
    _, result = sanitised(text)
    assert f":{name}#" not in result
    assert f"hostname {name}" not in result
    assert "#show version\nCisco IOS XR Software, Version 7.3.2" in result
    assert "admin show license all\ncrypto ca trustpoint Trustpool\n" in result


def test_what_is_learned_late_is_replaced_in_what_came_early() -> None:
    standins = StandIns(KEY)
    early = standins.replaced("Welcome to fra-core-7")
    assert "fra-core-7" in early
    standins.learn("RP/0/RP0/CPU0:fra-core-7#")
    assert "fra-core-7" not in standins.replaced(early)


def test_one_name_has_one_stand_in_everywhere() -> None:
    standins, result = sanitised(
        "RP/0/RP0/CPU0:pe1-fra#\n description link to pe1-fra\n<host-name>PE1-FRA</host-name> "
        "http://pe1-fra.acme.net/ user@pe1-fra.acme.net\n"
    )
    new = standins.replaced("pe1-fra")
    assert result.count(new) == 4
    assert new.upper() in result


@pytest.mark.parametrize(
    "name, spelled",
    [
        ("zürich-1", "ZÜRICH-1"),
        ("zürich-1", "z%C3%BCrich-1"),
        ("zürich-1", "7ac3bc726963682d31"),
        ("Initech & Sons", "a=Initech+%26+Sons"),
        ("Initech & Sons", "Initech &amp; Sons"),
    ],
)
def test_a_name_is_known_in_other_letters_as_well(name: str, spelled: str) -> None:
    standins = StandIns(KEY)
    standins.know(Kind.ACCOUNT, name)
    result = standins.replaced(f"it is {spelled}.")
    assert result != f"it is {spelled}."
    assert len(result.encode()) == len(f"it is {spelled}.".encode())
    assert standins.replaced(result) == result


@pytest.mark.parametrize(
    "text, private",
    [
        ("username jdoe\n group root-lr\n", "jdoe"),
        ("Configuration committed by user 'jdoe'. Use 'show configuration commit'", "jdoe"),
        ("<user-name>jdoe</user-name>", "jdoe"),
        ("<banner><![CDATA[Property of Initech]]></banner>", "Initech"),
        ("banner motd ^ Property of Initech ^", "Initech"),
        ("interface Gi0/0/0/1\n description Customer Initech & Söhne, room 12\n!", "Initech"),
        ("<description>Initech &amp; Co</description>", "Initech"),
        ('<router host-name="initech-7"/>', "initech-7"),
        ("snmp-server location Initech Tower\n", "Initech"),
        ("snmp-server contact 'Initech NOC' \n", "Initech"),
        ("call-home\n street-address Initech Tower\n contact-name Initech NOC\n!", "Initech"),
        (" phone-number  +4969 5550123\n", "5550123"),
        ("ipv4 access-list 1\n 10 remark Initech only\n", "Initech"),
        ("  Smart Account  :  Initech Holding  \n", "Initech"),
        ("  Smart Account: L'Initech As of Feb 22 2022\n", "Initech"),
        ("snmp-server location Rue de l'Initech\n", "Initech"),
        (" description 'Initech'\n", "Initech"),
        (" description " + "of Initech " * 90 + "\n", "Initech"),
        ("<description>" + "of Initech " * 900 + "</description>", "Initech"),
        ('<a location="' + "of Initech " * 90 + '"/>', "Initech"),
        ("/home/jdoe/ios.p7b", "jdoe"),
        ("UDI: PID:NCS-5501,SN:FOC2211R0AB", "FOC2211R0AB"),
        ("<serial-number>FOC2211R0AB</serial-number>", "FOC2211R0AB"),
        ("Serial Number: XYZ-99817", "XYZ-99817"),
        ("<vrf>INITECH</vrf>", "INITECH"),
        ("router isis 1\n net 49.0001.1921.6800.1001.00\n", "1921.6800.1001"),
        ("jdoe@initech.de", "initech"),
        ("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7x3k", "B3NzaC1yc2EAAAADAQABAAABgQC7x3k"),
        (
            " SHA1 Fingerprint:\r\n             DA3AFBCF1240364B44B216208880483919937CF8\r\nRP/0/RP0/CPU0:edge7#",
            "DA3AFBCF",
        ),
        ("ntp server ntp.core.initech\n", "initech"),
        ("System Id 1921.6800.1001 up", "1921.6800.1001"),
        ("Issuer: CN=Initech Root,OU=Security,O=Initech,C=DE", "Initech"),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["as of NETCONF", "as of a terminal"])
def test_what_stands_where_private_values_stand_is_replaced(text: str, private: str, line_end: str) -> None:
    text = text.replace("\r\n", "\n").replace("\n", line_end)
    standins, result = sanitised(text)
    assert private.lower() not in result.lower()
    assert len(result.encode()) == len(text.encode())
    assert standins.replaced(result) == result
    assert standins.counts


@pytest.mark.parametrize(
    "before", ["location", "street-address", "contact-name", "phone", " description", "Description:", "Smart Account"]
)
def test_long_runs_of_blanks_are_looked_through_once(before: str) -> None:
    blanks = " " * 5_000
    text = f"{before}{blanks}Initech{blanks}'{'z' * 300}\n"
    assert len(sanitised(text)[1]) == len(text)


@pytest.mark.parametrize("release", ["26.1.2", "7.4.1", "24.2.11"])
def test_a_router_that_is_called_by_its_release_keeps_it(release: str) -> None:
    standins = StandIns(KEY)
    standins.know(Kind.HOST, release)
    text = f"Cisco IOS XR Software, Version {release}\nRP/0/RP0/CPU0:{release}#show run\nhostname {release}\n"
    standins.learn(text)
    assert standins.replaced(text) == text
    assert standins.counts == {}
    address = "RP/0/RP0/CPU0:ios#show run\ndomain name-server 10.1.2.3\n"
    assert "10.1.2.3" not in standins.replaced(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://web.example.net/~jsmith/root.pem",
        "//10.1.2.3/~jsmith/a/root.pem",
        "https://web/~jsmith?x",
        "http://10.1.2.3/home/jsmith/root.pem",
        "ftp://jsmith:***@10.1.2.3/root.pem",
        "sftp://jsmith@10.1.2.3/root.pem",
    ],
)
def test_the_user_in_a_url_is_replaced_and_the_rest_of_its_path_stays(url: str) -> None:
    standins, result = sanitised(f"<sourcename>{url}</sourcename>\ncopied for jsmith\n")
    assert "jsmith" not in result
    assert ("root.pem" in url) is ("root.pem" in result)
    assert standins.counts["user"] == 1


@pytest.mark.parametrize("path", ["/its/service/oddce/services/DDCEService", "/Transportgateway/services/~x"])
def test_the_path_of_a_service_stays(path: str) -> None:
    assert sanitised(f"<url>https://ssm.acme.net{path}</url>")[1].endswith(f"{path}</url>")
