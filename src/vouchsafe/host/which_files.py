"""Which policy.json a client really reads, by placing one that decides otherwise where it might look.

The system's own folders are not touched: a folder of ours stands in for them, in a mount namespace that only the
client sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

from vouchsafe.errors import Unavailable
from vouchsafe.host.clients import last_words
from vouchsafe.host.places import PUBLIC_MODE
from vouchsafe.host.pullers import ETC, SHARE, Puller, Rules, Tools, standing_in

Answer = Literal["yes", "no", "unknown"]
Placed = Callable[[dict[str, Any]], Rules]  # rules of one requirement, as one place would hold them
ACCEPT, REJECT = {"type": "insecureAcceptAnything"}, {"type": "reject"}
_NOBODY = "/nobody"  # below the scratch root: a home, and a folder, without files
_REFUSES = "it was pulled although that policy refuses"


def answers(puller: Puller, image: str, tools: Tools, rules: Placed) -> Iterator[tuple[str, Answer, str]]:
    """(question, answer, evidence)."""
    scratch = tools.scratch
    scratch.put(f"{_NOBODY}/.empty", b"", mode=PUBLIC_MODE)
    nobody = f"{scratch.root}{_NOBODY}"
    alone = Rules(policy="", registries="", home=nobody, etc=nobody)

    def reads(placed: Placed) -> tuple[Answer, str]:
        """Whether what is placed there decides, both ways."""
        allowed, refused = (puller.pull(image, placed(requirement)) for requirement in (ACCEPT, REJECT))
        if allowed.pulled and not refused.pulled:
            return "yes", refused.said
        return "no", allowed.said or refused.said or _REFUSES

    def stands(folder: str, placed: Placed) -> tuple[Answer, str]:
        """The same, where we can stand in for a folder of the system."""
        why = _cannot_stand_in(folder, alone, tools)
        return ("unknown", why) if why else reads(placed)

    def home(requirement: dict[str, Any]) -> Rules:
        return rules(requirement).replace(policy="", registries="")

    yield "etc-policy", *stands(ETC, lambda each: alone.replace(etc=_folder(rules(each))))
    yield "usr-policy", *stands(SHARE, lambda each: alone.replace(share=_folder(rules(each))))
    answer, evidence = reads(home)
    yield "home-outranks", answer, evidence
    for name in ("XDG_CONFIG_HOME", "CONTAINERS_POLICY_JSON"):
        if answer != "yes":  # then a refusal says nothing about the variable
            yield name, "unknown", f"it does not read a user's policy: {evidence}"
            continue
        there = rules(REJECT)
        value = there.policy if name == "CONTAINERS_POLICY_JSON" else there.home.rpartition("/")[0]
        refused = puller.pull(image, home(ACCEPT).replace(variables={name: value}))
        yield name, "no" if refused.pulled else "yes", refused.said or _REFUSES


def _folder(rules: Rules) -> str:
    return rules.policy.rpartition("/")[0]


def _cannot_stand_in(folder: str, alone: Rules, tools: Tools) -> str:
    """Why not; empty when a folder of ours can take its place."""
    if not tools.is_root:
        return "only root can let a folder stand in for the system's"
    test = tools.runner.find("test")
    if test is None:
        return "expected the program test, got none"
    looks = (test, "-d", folder)
    try:
        if tools.runner.run(looks, environment=alone.seen_by(tools)).status != 0:
            return f"there is no folder {folder} that one could stand in for"
        ended = tools.runner.run(standing_in(tools, looks, alone), environment=alone.seen_by(tools))
    except Unavailable as error:
        return error.message
    return "" if ended.status == 0 else f"expected to stand in for {folder}, got: {last_words(ended)}"
