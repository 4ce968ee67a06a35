"""The CLI: what is typed is what was meant, only the anchor is accepted, and every way it can go wrong has its name."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import pytest

import agent
from agent.model.errors import ConsoleError, InputError, OutcomeUnknown, PolicyRefused, ReplyTimeout, SessionLost
from agent.model.pki.certificate import Evidence
from agent.xr.cli.console import Console
from tests.xr.routers import ACCEPT, INVALID, OTHER, PRINTED, REQUEST, STAMP, STEM, Cli, Router, Routers, Script

ANCHOR = agent.TrustAnchor.bundled()
AUTHENTICATE = "crypto ca authenticate Trustpool"
LINES = ["crypto ca trustpoint Trustpool", "enrollment terminal"]
OTHERS = (
    "One or more commits have occurred from other configuration sessions since this session started\n"
    "or since the last commit was made from this session. You can use the 'show\n"
    "configuration commit changes' command to browse the changes.\n"
    "Do you wish to proceed with this commit anyway? [no]: "
)
LOG = "RP/0/RP0/CPU0:Aug 20 18:41:28.381 UTC: smartlicserver[266]: %LICENSE-SMART_LIC-3-COMM_FAILED : it cannot\n"


def usable(console: Console, router: Router) -> bool:
    """Whether the console is at the exec prompt, or closed."""
    if not console.alive:
        return True
    router.commands["show clock"] = "21:35:00.123 UTC Mon Nov 23 2026\n"
    return console.show("show clock") == "21:35:00.123 UTC Mon Nov 23 2026"


# --- show ------------------------------------------------------------------------------------------------------------


def test_show_gives_the_output_alone_and_sets_the_terminal_first(routers: Routers) -> None:
    router = routers.add(commands={"show version": "Cisco IOS XR Software, Version 7.3.2\n\nuptime is 1 day\n"})
    with router.ssh() as ssh:
        assert ssh.console().show("show version") == "Cisco IOS XR Software, Version 7.3.2\n\nuptime is 1 day"
        assert ssh.console().show("show version").startswith("Cisco")
    assert router.typed == ["terminal length 0", "terminal width 0", "show version", "show version"]
    assert router.shells == 1


def test_long_output_comes_whole(routers: Routers) -> None:
    text = "\n".join(f"line {number} of the trustpool: [no] {'x' * 60}" for number in range(5000))
    router = routers.add(commands={"show crypto ca trustpool": f"{text}\n"})
    with router.ssh() as ssh:
        assert ssh.console().show("show crypto ca trustpool") == text


def in_pieces(*pieces: str) -> Script:
    async def script(cli: Cli) -> None:
        for piece in pieces:
            cli.say(piece)
            await asyncio.sleep(0.15)

    return script


def test_a_piece_that_ends_like_a_question_or_a_prompt_is_not_the_end(routers: Routers) -> None:
    pieces = ("Node 0/RP0/CPU0 [RP]", "\n  Boot Device:", " disk0:\n", f"{STEM}(config)", f"#\n{STEM}", " is up\n", "é")
    router = routers.add(commands={"show install active": in_pieces(*pieces)})
    with router.ssh() as ssh:
        assert ssh.console().show("show install active") == "".join(pieces).removesuffix("\n")


def test_characters_of_several_bytes_survive_the_pieces(routers: Routers) -> None:
    router = routers.add(commands={"show banner": "é" * 40_000 + "\n"})
    with router.ssh() as ssh:
        assert ssh.console().show("show banner") == "é" * 40_000


def test_a_banner_that_looks_like_a_prompt_is_none(routers: Routers) -> None:
    router = routers.add(banner="\n########\n# keep out #\nWelcome>\n#####", commands={"show clock": "now\n"})
    with router.ssh() as ssh:
        assert ssh.console().show("show clock") == "now"


def test_a_log_line_over_the_prompt_does_not_hide_it(routers: Routers) -> None:
    async def logged(cli: Cli) -> None:
        cli.say(
            f"done\n\n{STEM}#RP/0/RP0/CPU0:Apr 10 00:28:52.324 UTC: cepki[335]: "
            "%SECURITY-CEPKI-6-INFO : certificate database updated\n"
        )
        await cli.hang()

    router = routers.add(commands={"show x": logged})
    with router.ssh() as ssh:
        assert ssh.console().show("show x").strip() == "done"


def test_that_nothing_is_configured_is_an_answer(routers: Routers) -> None:
    command = "show running-config crypto ca trustpoint Trustpool"
    router = routers.add(commands={command: "% No such configuration item(s)\n\n"})
    with router.ssh() as ssh:
        assert ssh.console().show(command).strip() == "% No such configuration item(s)"


@pytest.mark.parametrize(
    "said, unauthorized",
    [
        (INVALID, False),
        ("% Incomplete command.\n", False),
        ("% Ambiguous command:  'show x'\n", False),
        ("% This command is not authorized\n", True),
        ("This command is not authorized\n", True),
        ("Command authorization failed\n", True),
        ("User admin is not authorized to run this\n", True),
        ("root connected from 127.0.0.1 using console on r1\n-----^\nsyntax error: unknown argument\n", False),
        ("-------^\nsyntax error: incomplete path\n", False),
        ("Aborted: permission denied\n", True),
        ("Error: access denied\n", True),
    ],
)
def test_a_refused_command_is_an_error_and_the_session_goes_on(routers: Routers, said: str, unauthorized: bool) -> None:
    router = routers.add(commands={"show x": said})
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(ConsoleError, match="'show x' was refused") as caught:
            console.show("show x")
        assert caught.value.unauthorized is unauthorized
        assert usable(console, router)
        assert console.alive


@pytest.mark.parametrize(
    "said",
    [
        "  Status: REGISTERED\n    Failure reason: the device is not authorized to renew\n",
        "    Failure reason:\n      Authorization failed\n",
        "line 1: authorization failed 0 times\n",
        f"ok\n{LOG.replace('it cannot', 'this command is not authorized')}",
    ],
)
def test_words_of_a_refusal_within_an_answer_refuse_nothing(routers: Routers, said: str) -> None:
    router = routers.add(commands={"show x": said})
    with router.ssh() as ssh:
        assert ssh.console().show("show x") == said.partition("RP/0")[0].strip("\n")


def test_show_logging_keeps_its_lines_and_nothing_else_does(routers: Routers) -> None:
    router = routers.add(commands={"show logging": LOG, "show x": f"a\nb{LOG}c\n{LOG}d\n"})
    with router.ssh() as ssh:
        assert ssh.console().show("show logging") == LOG.strip()
        assert ssh.console().show("show x") == "a\nbc\nd"


def test_a_command_that_asks_is_interrupted(routers: Routers) -> None:
    async def asks(cli: Cli) -> None:
        await cli.ask("Proceed with reload? [confirm]")

    router = routers.add(commands={"show x": asks})
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(ConsoleError, match="asks: Proceed with reload"):
            console.show("show x")
        assert not router.answers
        assert usable(console, router)
        assert console.alive


def test_a_command_without_an_end_times_out_and_what_comes_late_is_not_taken_for_the_next_answer(
    routers: Routers,
) -> None:
    async def late(cli: Cli) -> None:
        await cli.rest(40)
        cli.say("late\n")

    router = routers.add(commands={"show x": late, "show y": "y\n", "show z": Cli.hang})
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(ReplyTimeout):
            console.show("show x", timeout=10)
        assert ssh.console().show("show y") == "y"
        with pytest.raises(ReplyTimeout):
            ssh.console().show("show z", timeout=10)
        assert ssh.console().show("show y") == "y"


@pytest.mark.parametrize("command", ["", "show x\nreload", "show x?", "show \x03", "show ü", "x" * 501])
def test_what_would_not_arrive_as_it_is_meant_is_not_typed(routers: Routers, command: str) -> None:
    router = routers.add()
    with router.ssh() as ssh:
        console = ssh.console()
        typed = list(router.typed)
        for attempt in (lambda: console.show(command), lambda: console.configure([command])):
            with pytest.raises(InputError, match="cannot be typed"):
                attempt()
        assert router.typed == typed


def test_a_session_that_ends_is_lost(routers: Routers) -> None:
    async def ends(cli: Cli) -> None:
        cli.say("some of it")
        cli.hang_up()

    router = routers.add(commands={"show x": ends, "show y": Cli.drop})
    with router.ssh() as ssh:
        for command in ("show x", "show y"):
            console = ssh.console()
            with pytest.raises(SessionLost):
                console.show(command)
            assert not console.alive
    assert router.shells == 2


# --- configure -------------------------------------------------------------------------------------------------------


def test_the_lines_are_committed_and_configuration_mode_is_left(routers: Routers) -> None:
    router = routers.add()
    with router.ssh() as ssh:
        console = ssh.console()
        console.configure(LINES)
        assert router.running == LINES
        assert router.typed[2:] == ["configure terminal", *LINES, "commit", "end"]
        assert usable(console, router)
        assert console.alive


def test_nothing_to_commit_is_success(routers: Routers) -> None:
    router = routers.add(commit="% No configuration changes to commit.\n")
    with router.ssh() as ssh:
        console = ssh.console()
        console.configure(LINES)
        # This router holds the lines back, and asks about them at the end.
        assert router.answers[-1][1] == "no"
        assert not router.running
        assert usable(console, router)


@pytest.mark.parametrize(
    "said, unauthorized", [(INVALID, False), ("% This command is not authorized\n", True), ("% Bad name\n", False)]
)
@pytest.mark.parametrize("refused", ["configure terminal", *LINES])
def test_a_refused_line_aborts_everything(routers: Routers, refused: str, said: str, unauthorized: bool) -> None:
    router = routers.add(commands={refused: said})
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(ConsoleError, match="was refused") as caught:
            console.configure(LINES)
        assert caught.value.unauthorized is unauthorized
        assert "commit" not in router.typed
        assert not router.running
        assert router.typed[-1] == "abort"
        assert usable(console, router)
        assert console.alive


def test_a_refused_commit_says_what_failed_and_is_aborted(routers: Routers) -> None:
    router = routers.add(
        commit="% Failed to commit one or more configuration items during a pseudo-atomic operation.\n",
        commands={
            "show configuration failed": "!! SEMANTIC ERRORS: of some kind\n!!\ncrypto ca trustpoint Trustpool\n"
            "!!% Invalid argument\n!\nend\n"
        },
    )
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(ConsoleError, match=r"refused: crypto ca trustpoint Trustpool !!% Invalid argument$"):
            console.configure(LINES)
        assert router.aborted == 1
        assert not router.running
        assert usable(console, router)
        assert console.alive


def test_a_refused_commit_without_details_says_what_commit_said(routers: Routers) -> None:
    router = routers.add(commit="% Failed to commit .. As an error (Unknown) encountered during commit operation.\n")
    router.commands["show configuration failed"] = INVALID
    with router.ssh() as ssh, pytest.raises(ConsoleError, match=r"refused: % Failed to commit .. As an error"):
        ssh.console().configure(LINES)
    assert not router.running


@pytest.mark.parametrize("lost", [False, True])
def test_other_sessions_commits_are_not_overridden(routers: Routers, lost: bool) -> None:
    async def commit(cli: Cli) -> None:
        await cli.ask(OTHERS)
        if lost:
            cli.drop()

    router = routers.add(commit=commit)
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(ConsoleError, match="other sessions committed meanwhile") as caught:
            console.configure(LINES)
        assert caught.value.hint == "safe to run again"
        assert [answer for _, answer in router.answers] == ["no"]
        assert not router.running
        assert router.aborted == (0 if lost else 1)
        assert usable(console, router)


def committing(*questions: str, before: str = "", behind: str = "", lost: bool = False) -> Script:
    """Commit asks each question in turn, and takes the lines where all get yes; what is not said stays pending."""

    async def commit(cli: Cli) -> None:
        cli.say(before)
        for question in questions:
            cli.router.answers.append((question, ""))
            cli.say(f"{question}{behind}")
            cli.router.answers[-1] = question, await cli.line()
            if cli.router.answers[-1][1] not in ("y", "yes"):
                return
        if lost:
            cli.drop()

    return commit


LARGE = "This could be a few minutes if your config is large. Confirm? [y/n][confirm]"


@pytest.mark.parametrize("behind", ["", LOG, LOG * 2, "LC/0/2/CPU0:Nov 14 04:31:46.191 PST: qos_ma[199]: ", "noise\n"])
@pytest.mark.parametrize("before", ["", LOG, "drbg_instantiate failed\n"])
@pytest.mark.parametrize(
    "question, answer",
    [
        (LARGE, "y"),
        ("This may take a few minutes. Confirm? [y/n][confirm] ", "y"),
        ("Committing can take several minutes.\nDo you want to continue? [yes/no]: ", "yes"),
        ("The commit may take some time, proceed? [confirm]", "y"),
    ],
)
def test_commit_is_confirmed_where_it_only_takes_its_time(
    routers: Routers, question: str, answer: str, before: str, behind: str
) -> None:
    router = routers.add(commit=committing(question, before=before, behind=behind))
    with router.ssh() as ssh:
        console = ssh.console()
        console.configure(LINES)
        assert [said for _, said in router.answers] == [answer]
        assert router.running == LINES
        assert usable(console, router)
        assert console.alive


@pytest.mark.parametrize("behind", ["", LOG])
@pytest.mark.parametrize(
    "question, answer",
    [
        ("This could be a few minutes if your config is large. Confirm [y/n][confirm]", "y"),
        ("Committing may take several minutes. Proceed? (y/n) [y]: ", "y"),
        ("Committing may take several minutes. Continue (yes/no)? ", "yes"),
        ("This could be a few minutes if your config is large. [confirm]", "y"),
    ],
)
def test_commit_is_confirmed_however_it_offers_yes_and_no(
    routers: Routers, question: str, answer: str, behind: str
) -> None:
    router = routers.add(commit=committing(question, behind=behind))
    with router.ssh() as ssh:
        ssh.console().configure(LINES)
        assert [said for _, said in router.answers] == [answer]
        assert router.running == LINES


@pytest.mark.parametrize(
    "question",
    [
        "The commit reloads line card 0/0 and takes a few minutes. Confirm? [y/n][confirm]",
        "This will disrupt traffic for some time. Confirm? [confirm]",
        "It may take a few minutes to replace the configuration. Proceed? [yes/no]: ",
        "Confirm? [y/n][confirm]",
        "Do you agree? [no]: ",
    ],
)
@pytest.mark.parametrize("behind", ["", LOG])
def test_another_question_of_commit_is_answered_no(routers: Routers, question: str, behind: str) -> None:
    router = routers.add(commit=committing(question, behind=behind))
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(ConsoleError, match="answered no: "):
            console.configure(LINES)
        assert [answer for _, answer in router.answers] == ["no"]
        assert not router.running
        assert router.aborted == 1
        assert usable(console, router)


@pytest.mark.parametrize(
    "question",
    ["Which label:", "This takes a few minutes. Confirm by name:", "Reloads in a few minutes. Confirm (y/n):"],
)
def test_what_only_may_be_a_question_of_commit_leaves_the_outcome_open(routers: Routers, question: str) -> None:
    router = routers.add(commit=committing(question))
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(OutcomeUnknown, match="may be a question"):
            console.configure(LINES)
        assert [answer for _, answer in router.answers] == ["no"]
        assert usable(console, router)


@pytest.mark.parametrize("second, error", [(LARGE, OutcomeUnknown), (OTHERS, ConsoleError)])
def test_commit_is_confirmed_once_only(routers: Routers, second: str, error: type[Exception]) -> None:
    router = routers.add(commit=committing(LARGE, second))
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(error):
            console.configure(LINES)
        assert [answer for _, answer in router.answers] == ["y", "no"]
        assert not router.running
        assert usable(console, router)


def test_a_session_lost_after_commit_was_confirmed_leaves_the_outcome_open(routers: Routers) -> None:
    router = routers.add(commit=committing(LARGE, lost=True))
    with router.ssh() as ssh, pytest.raises(OutcomeUnknown, match="answer lost"):
        ssh.console().configure(LINES)


def test_log_lines_around_the_commit_are_no_refusals(routers: Routers) -> None:
    bare = "%MGBL-CONFIG-6-DB_COMMIT : Configuration committed, this user is not authorized to see it.\n"
    router = routers.add(commit=f"{LOG}{bare}", commands={LINES[1]: f"{bare}{LOG}"})
    with router.ssh() as ssh:
        console = ssh.console()
        console.configure(LINES)
        assert router.running == LINES[:1]  # the other line only prints
        assert usable(console, router)
        assert console.alive


@pytest.mark.parametrize("end", [Cli.drop, Cli.hang_up])
@pytest.mark.parametrize("stage", ["configure terminal", LINES[0], LINES[1], "commit", "end"])
def test_a_session_lost_around_the_commit(routers: Routers, stage: str, end: Any) -> None:
    router = routers.add(**({"commit": end} if stage == "commit" else {"commands": {stage: end}}))
    with router.ssh() as ssh:
        console = ssh.console()
        if stage == "end":
            console.configure(LINES)  # it is committed, and that was heard
            assert router.running == LINES
        else:
            with pytest.raises(OutcomeUnknown if stage == "commit" else SessionLost):
                console.configure(LINES)
            assert not router.running
        assert not console.alive


@pytest.mark.parametrize("stage", ["configure terminal", LINES[1], "commit", "end", "abort"])
def test_a_router_that_hangs_around_the_commit(routers: Routers, stage: str) -> None:
    async def deaf(cli: Cli) -> None:
        await cli.rest(math.inf)

    commands: dict[str, Any] = {stage: deaf, **({LINES[1]: INVALID} if stage == "abort" else {})}
    router = routers.add(commands={} if stage == "commit" else commands, commit=deaf if stage == "commit" else "")
    with router.ssh() as ssh:
        console = ssh.console()
        if stage == "end":
            console.configure(LINES)
            assert router.running == LINES
        else:
            kind = {"commit": OutcomeUnknown, "abort": ConsoleError}.get(stage, ReplyTimeout)
            with pytest.raises(kind):
                console.configure(LINES)
            assert not router.running
        assert not console.alive


# --- authenticate ----------------------------------------------------------------------------------------------------


async def plain(cli: Cli) -> None:
    cli.say(REQUEST)
    await cli.paste()
    cli.say(PRINTED)
    await cli.accept()


async def sure_first(cli: Cli) -> None:
    await cli.ask("Are you sure you want to do this? [yes/no]: ")
    await plain(cli)


async def sure_after(cli: Cli) -> None:
    await plain(cli)
    await cli.ask("% Are you sure you want to do this? [yes/no]:")


async def sure_instead(cli: Cli) -> None:
    cli.say(REQUEST)
    await cli.paste()
    cli.say(PRINTED)
    await cli.accept("Are you sure you want to do this? [yes/no]")


async def chatty(cli: Cli) -> None:
    cli.say("% Some remark of no weight\n")
    cli.say(REQUEST.partition("\n")[0] + "\n")
    await asyncio.sleep(0.03)
    cli.say(REQUEST.partition("\n")[2])
    await cli.paste()
    cli.say("Read 1 certificate\n")
    for line in PRINTED.splitlines(keepends=True):
        cli.say(line)
        await asyncio.sleep(0.01)
    await cli.accept("% Do you accept this certificate? [yes/no]: ")
    cli.say("Trustpoint CA certificate accepted.\n% Certificate successfully imported\n")


async def short_request(cli: Cli) -> None:
    cli.say("Enter the base 64 encoded certificate.\n")
    await cli.paste()
    cli.say(PRINTED)
    await cli.accept()


async def fetched(cli: Cli) -> None:
    cli.say(PRINTED)
    await cli.accept()


async def asks_again(cli: Cli) -> None:
    cli.say(REQUEST)
    await cli.paste()
    cli.say(PRINTED)
    await cli.accept()
    cli.router.installed.clear()
    cli.say("% Please answer 'yes' or 'no'.\n")
    await cli.accept()


async def ends_by_itself(cli: Cli) -> None:
    """Takes the PEM up to its last line, and wants no quit."""
    cli.say(REQUEST)
    cli.router.pasted.append("")
    line = ""
    while not line.startswith("-----END"):
        line = await cli.line()
        cli.router.pasted[-1] += f"{line}\n"
    cli.say(PRINTED)
    await cli.accept()


async def logged(cli: Cli) -> None:
    """A log line behind every question, and half of one behind the last; none is asked again."""
    cli.say(f"{REQUEST}{LOG}")
    await cli.paste()
    cli.say(PRINTED.replace("Issued", f"drbg_instantiate failed\nIss{LOG}ued"))
    await cli.accept(f"{ACCEPT}{LOG}")
    cli.say("Trustpoint CA certificate accepted.\n")
    await cli.ask(f"% Are you sure you want to do this? [yes/no]:{LOG[:60]}")


GOOD = [logged, plain, sure_first, sure_after, sure_instead, chatty, short_request, asks_again, ends_by_itself]


@pytest.mark.parametrize("echoes", [True, False])
@pytest.mark.parametrize("dialog", GOOD)
def test_each_variant_of_the_dialog_ends_with_the_anchor_accepted(
    routers: Routers, dialog: Script, echoes: bool
) -> None:
    async def script(cli: Cli) -> None:
        cli.router.echoes = echoes
        try:
            await dialog(cli)
        finally:
            cli.router.echoes = True

    if dialog is ends_by_itself and not echoes:
        return  # unheard, it is told quit where it asks
    router = routers.add(commands={AUTHENTICATE: script})
    with router.ssh() as ssh:
        console = ssh.console()
        shown = console.authenticate("Trustpool", ANCHOR)
        assert shown.proves(ANCHOR) is Evidence.CONSOLE
        assert shown.sha1 == ANCHOR.sha1
        assert router.installed == [ANCHOR.pem]
        assert usable(console, router)
        assert console.alive
    assert {answer for _, answer in router.answers} == {"yes"}
    assert AUTHENTICATE in router.typed
    assert "quit" not in router.typed


def test_a_certificate_that_the_router_fetched_itself_is_compared_as_well(routers: Routers) -> None:
    router = routers.add(commands={AUTHENTICATE: fetched})
    with router.ssh() as ssh:
        assert ssh.console().authenticate("Trustpool", ANCHOR).proves(ANCHOR) is Evidence.CONSOLE
    assert router.installed == ["fetched"]
    assert not router.pasted


def printing(text: str, question: str = ACCEPT) -> Script:
    async def script(cli: Cli) -> None:
        cli.say(REQUEST)
        await cli.paste()
        cli.say(text)
        await cli.accept(question)

    return script


async def second_is_other(cli: Cli) -> None:
    """A chain: the second certificate is not the anchor."""
    await plain(cli)
    cli.router.installed.clear()
    cli.say(OTHER)
    await cli.accept()


@pytest.mark.parametrize(
    "dialog, said",
    [
        (printing(OTHER), "AF717EAA"),
        (printing(OTHER, "Are you sure you want to do this? [yes/no]"), "AF717EAA"),
        (printing(PRINTED.replace("0A:01:42", "0A:01:43")), "IdenTrust"),
        (printing(PRINTED.partition("SHA1")[0]), "too little to tell"),
        (printing("SHA1 Fingerprint: DF717EAA4A\n"), "too little to tell"),
        (printing(""), "too little to tell"),
        (printing(PRINTED + OTHER), "too little to tell"),
        (second_is_other, "AF717EAA"),
    ],
)
def test_anything_but_the_anchor_gets_no_and_is_not_installed(routers: Routers, dialog: Script, said: str) -> None:
    router = routers.add(commands={AUTHENTICATE: dialog})
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(agent.AnchorMismatch, match=said):
            console.authenticate("Trustpool", ANCHOR)
        assert router.answers[-1][1] == "no"
        assert not router.installed
        assert usable(console, router)
        assert console.alive


def test_the_next_question_after_no_is_left_as_well(routers: Routers) -> None:
    async def script(cli: Cli) -> None:
        await printing(OTHER)(cli)
        await cli.accept("Keep it all the same? [yes/no]: ")

    router = routers.add(commands={AUTHENTICATE: script})
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(agent.AnchorMismatch):
            console.authenticate("Trustpool", ANCHOR)
        assert [answer for _, answer in router.answers] == ["no"]
        assert usable(console, router)
        assert console.alive
    assert not router.installed


@pytest.mark.parametrize("before_paste", [True, False])
@pytest.mark.parametrize(
    "text, question",
    [
        ("", "The trustpoint already has a certificate. Do you want to replace it? [yes/no]: "),
        ("% CA certificate already exists.\n", "Are you sure you want to do this? [yes/no]: "),
        ("The certificate will be overwritten.\n", "Do you accept this certificate? [yes/no]: "),
        ("", "Overwrite? [no]: "),
    ],
)
def test_a_certificate_that_is_there_is_never_overwritten(
    routers: Routers, text: str, question: str, before_paste: bool
) -> None:
    async def script(cli: Cli) -> None:
        if not before_paste:
            cli.say(REQUEST)
            await cli.paste()
            cli.say(PRINTED)
        cli.say(text)
        await cli.accept(question)

    router = routers.add(commands={AUTHENTICATE: script})
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(PolicyRefused, match="has a certificate already"):
            console.authenticate("Trustpool", ANCHOR)
        assert [answer for _, answer in router.answers] == ["no"]
        assert not router.installed
        assert usable(console, router)
        assert console.alive


@pytest.mark.parametrize(
    "question", ["Shall the key pair be exported? [yes/no]: ", "Which key?", "Challenge password:", "Name [router]"]
)
def test_an_unknown_question_gets_no_and_is_quoted(routers: Routers, question: str) -> None:
    async def script(cli: Cli) -> None:
        await cli.ask(question)
        await plain(cli)

    router = routers.add(commands={AUTHENTICATE: script})
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(ConsoleError) as caught:
            console.authenticate("Trustpool", ANCHOR)
        assert question.strip() in caught.value.message
        assert [answer for _, answer in router.answers] == ["no"]
        assert not router.pasted
        assert not router.installed
        assert usable(console, router)
        assert console.alive


def test_a_router_that_asks_without_end_is_left(routers: Routers) -> None:
    async def script(cli: Cli) -> None:
        while True:
            await cli.ask("Are you sure you want to do this? [yes/no]: ")

    router = routers.add(commands={AUTHENTICATE: script})
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(ConsoleError, match="Are you sure"):
            console.authenticate("Trustpool", ANCHOR)
        assert usable(console, router)
    assert len(router.answers) < 20


def test_an_unknown_question_after_yes_leaves_the_outcome_open(routers: Routers) -> None:
    async def script(cli: Cli) -> None:
        await plain(cli)
        await cli.ask("Write it to all line cards? [yes/no]: ")

    router = routers.add(commands={AUTHENTICATE: script})
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(OutcomeUnknown, match="line cards"):
            console.authenticate("Trustpool", ANCHOR)
        assert [answer for _, answer in router.answers] == ["yes", "no"]
        assert usable(console, router)


@pytest.mark.parametrize(
    "said, unauthorized",
    [
        ("% This command is not authorized\n", True),
        (INVALID, False),
        ("% Trustpoint Trustpool is not configured\n", False),
        ("", False),
    ],
)
def test_a_dialog_that_never_begins_says_why(routers: Routers, said: str, unauthorized: bool) -> None:
    router = routers.add(commands={AUTHENTICATE: said})
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(ConsoleError) as caught:
            console.authenticate("Trustpool", ANCHOR)
        assert (said.strip().splitlines() or ["without a word"])[-1].strip() in caught.value.message
        assert caught.value.unauthorized is unauthorized
        assert caught.value.hint is not None
        assert ("task group" in caught.value.hint) is unauthorized
        assert usable(console, router)
        assert console.alive


@pytest.mark.parametrize("after", ["-----END CERTIFICATE-----", "quit"])
def test_a_dialog_that_ends_early_gets_no_lines_at_the_prompt(routers: Routers, after: str) -> None:
    async def script(cli: Cli) -> None:
        cli.say(REQUEST)
        while await cli.line() != after:
            pass
        cli.say("% Failed to parse the certificate\n")

    router = routers.add(commands={AUTHENTICATE: script})
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(ConsoleError, match="Failed to parse the certificate"):
            console.authenticate("Trustpool", ANCHOR)
        assert router.typed == ["terminal length 0", "terminal width 0", AUTHENTICATE]
        assert usable(console, router)
        assert console.alive
    assert not router.installed


def test_what_fails_after_yes_is_said(routers: Routers) -> None:
    async def script(cli: Cli) -> None:
        await plain(cli)
        cli.say("% Error in saving certificate: status = FAIL\n")

    router = routers.add(commands={AUTHENTICATE: script})
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(ConsoleError, match="Error in saving certificate"):
            console.authenticate("Trustpool", ANCHOR)
        assert usable(console, router)


STAGES = ["begun", "asked to paste", "pasted", "printed", "accepted"]


def stopping(stage: str, how: Any) -> Script:
    """The plain dialog up to *stage*, and then *how*."""

    async def script(cli: Cli) -> None:
        for now in STAGES:
            if now == "asked to paste":
                cli.say(REQUEST)
            elif now == "pasted":
                await cli.paste()
            elif now == "printed":
                cli.say(PRINTED)
            elif now == "accepted":
                await cli.accept()
            if now == stage:
                result = how(cli)
                if result is not None:
                    await result

    return script


@pytest.mark.parametrize("how", [Cli.drop, Cli.hang_up])
@pytest.mark.parametrize("stage", STAGES)
def test_a_session_that_is_lost_says_whether_anything_can_be_installed(routers: Routers, stage: str, how: Any) -> None:
    router = routers.add(commands={AUTHENTICATE: stopping(stage, how)})
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(OutcomeUnknown if stage == "accepted" else SessionLost):
            console.authenticate("Trustpool", ANCHOR)
        assert not console.alive
    assert bool(router.installed) is (stage == "accepted")


@pytest.mark.parametrize("stage", ["begun", "pasted", "accepted"])
def test_each_prompt_has_its_time_out(routers: Routers, stage: str) -> None:
    router = routers.add(commands={AUTHENTICATE: stopping(stage, Cli.hang)})
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(OutcomeUnknown if stage == "accepted" else ReplyTimeout):
            console.authenticate("Trustpool", ANCHOR)
        assert usable(console, router)
    assert bool(router.installed) is (stage == "accepted")


@pytest.mark.parametrize("name", ["a|b", "a b", "", "a;b", "#a", "a?", "x" * 129])
def test_a_name_that_the_cli_would_not_take_as_one_is_refused(routers: Routers, name: str) -> None:
    router = routers.add()
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(InputError):
            console.authenticate(name, ANCHOR)
    assert router.typed == ["terminal length 0", "terminal width 0"]


# --- import, copy, remove --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "",
        "% PEM files import succeeded.\n",
        "12 certificates imported, 0 failed\n",
        "drbg_instantiate failed\n",
        "rand_pool: error 12\n% PEM files import succeeded.\n",
    ],
)
@pytest.mark.parametrize("clean", [False, True])
def test_a_bundle_is_imported(routers: Routers, clean: bool, said: str) -> None:
    command = f"crypto ca trustpool import url {'clean ' if clean else ''}/tmp/ios.p7b"
    router = routers.add(commands={command: said})
    with router.ssh() as ssh:
        assert ssh.console().import_bundle("/tmp/ios.p7b", clean=clean) == said.strip()
    assert router.typed[-1] == command


@pytest.mark.parametrize(
    "said, unauthorized",
    [
        ("% This command is not authorized\n", True),
        (INVALID, False),
        ("% Error: could not fetch the bundle\n", False),
        ("Trustpool import failed\n", False),
        ("unable to open /tmp/ios.p7b\n", False),
        ("% No such file: /tmp/ios.p7b\n", False),
        ("% Something that no guide mentions\n", False),
        ("drbg_instantiate failed\nTrustpool import failed\n", False),
        ("could not resolve host 192.0.2.1\n", False),
        ("The bundle holds expired certificates, not imported\n", False),
    ],
)
def test_a_failed_import_is_an_error(routers: Routers, said: str, unauthorized: bool) -> None:
    router = routers.add(commands={"crypto ca trustpool import url http://192.0.2.1/ios.p7b": said})
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(ConsoleError) as caught:
            console.import_bundle("http://192.0.2.1/ios.p7b")
        assert caught.value.unauthorized is unauthorized
        assert usable(console, router)


def test_log_lines_and_noise_fail_neither_import_nor_copy(routers: Routers) -> None:
    noise = f"{LOG}drbg_instantiate failed\nsomething cannot be told\n%SECURITY-CEPKI-6-ERR : import failed\n"
    commands = ["crypto ca trustpool import url /tmp/a", "run cp /a /tmp/a", "run rm -f /tmp/a"]
    router = routers.add(commands=dict.fromkeys(commands, noise))
    with router.ssh() as ssh:
        console = ssh.console()
        assert console.import_bundle("/tmp/a").startswith("drbg_instantiate")
        console.copy("/a", "/tmp/a")
        console.remove("/tmp/a")
        assert usable(console, router)
    assert router.typed[2:5] == commands


@pytest.mark.parametrize("how", [Cli.drop, Cli.hang])
def test_an_import_whose_answer_is_lost_leaves_the_outcome_open(routers: Routers, how: Any) -> None:
    router = routers.add(commands={"crypto ca trustpool import url /tmp/a": how})
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(OutcomeUnknown, match="read the trustpool"):
            console.import_bundle("/tmp/a")
        assert not console.alive


def test_copy_and_remove_run_in_the_routers_shell(routers: Routers) -> None:
    copy, remove = "run cp /harddisk:/ios.p7b /tmp/ios.p7b", "run rm -f /tmp/ios.p7b"
    router = routers.add(commands={copy: "", remove: ""})
    with router.ssh() as ssh:
        ssh.console().copy("/harddisk:/ios.p7b", "/tmp/ios.p7b")
        ssh.console().remove("/tmp/ios.p7b")
    assert router.typed[-2:] == [copy, remove]


@pytest.mark.parametrize(
    "said, unauthorized",
    [
        ("% This command is not authorized\n", True),
        ("cp: cannot create regular file '/tmp/b': Permission denied\n", True),
        ("cp: cannot stat '/a': No such file or directory\n", False),
        (INVALID, False),
        ("cp: error writing '/tmp/b': No space left on device\n", False),
        ("drbg_instantiate failed\n/bin/cp: cannot stat '/a': No such file or directory\n", False),
        ("sh: 1: cp: not found\n", False),
        ("could not create /tmp/b: read-only file system\n", False),
        ("Permission denied\n", True),
    ],
)
def test_a_copy_that_fails_is_an_error(routers: Routers, said: str, unauthorized: bool) -> None:
    router = routers.add(commands={"run cp /a /tmp/b": said, "run rm -f /tmp/b": said.replace("cp:", "rm:")})
    with router.ssh() as ssh:
        console = ssh.console()
        with pytest.raises(ConsoleError) as caught:
            console.copy("/a", "/tmp/b")
        assert caught.value.unauthorized is unauthorized
        with pytest.raises(ConsoleError) as caught:
            console.remove("/tmp/b")
        assert caught.value.unauthorized is unauthorized
        assert usable(console, router)


@pytest.mark.parametrize(
    "word", ["", "a b", "a;b", "a&b", "a|b", "$(a)", "`a`", "a\nb", "'a'", '"a"', "a>b", "a*", "-rf", "a?b", "a!", "ä"]
)
def test_nothing_but_one_plain_word_reaches_the_routers_shell(routers: Routers, word: str) -> None:
    router = routers.add()
    with router.ssh() as ssh:
        console = ssh.console()
        for attempt in (
            lambda: console.copy(word, "/tmp/b"),
            lambda: console.copy("/a", word),
            lambda: console.remove(word),
            lambda: console.import_bundle(word),
        ):
            with pytest.raises(InputError):
                attempt()
    assert router.typed == ["terminal length 0", "terminal width 0"]


def test_the_stamp_is_taken_off_only_where_it_stands(routers: Routers) -> None:
    router = routers.add(commands={"show clock": STAMP})
    with router.ssh() as ssh:
        assert ssh.console().show("show clock") == STAMP.strip()
