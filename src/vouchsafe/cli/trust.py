"""`vouchsafe trust`: whose signatures are believed and until when, and how that is kept fresh."""

from __future__ import annotations

import argparse
import os
from datetime import datetime
from typing import Any

from vouchsafe import __version__, wiring
from vouchsafe.cli import ACCEPTED, REJECTED, UNDECIDED, options
from vouchsafe.cli.console import Console
from vouchsafe.cli.usage import UsageError
from vouchsafe.errors import MalformedError, Unavailable, VerificationError, printable
from vouchsafe.verification.inventory import NAMES, Believed, Kind, inventory, staleness, warnings
from vouchsafe.verification.trust import LoadedRoot, parse_trusted_root
from vouchsafe.verification.tuf import Refreshed

_SHORT = 16  # hexadecimal digits of a fingerprint that a line shows
_WIDEST = 44  # characters of a name in a line
_STYLES = {"current": "good", "ending": "warn", "ended": "dim", "future": "dim"}
_SHOW = """examples:
  vouchsafe trust show
  vouchsafe trust show --trusted-root /etc/vouchsafe/private-sigstore.json -v
  vouchsafe trust show -o json | jq '.warnings'

Prints what is believed to standard output, and what ends within 30 days to standard error. With -v
it prints whole fingerprints, addresses and anchors.
"""
_REFRESH = """examples:
  vouchsafe trust refresh
  vouchsafe trust refresh --dry-run
  vouchsafe trust refresh --tuf-url https://tuf.corp.example --tuf-root /etc/vouchsafe/tuf-root.json

Without --tuf-root the repository must be Sigstore's public-good one, or a mirror of it. A private
repository's trust root is kept beside; its path, which is printed, goes into --trusted-root or
trustedRootPath. exit status: 0 done, 1 what was served is refused, 2 no answer. The last root stays then.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add `show` and `refresh`."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    show = options.add_action(actions, "show", "print what is believed and until when", _SHOW)
    options.add_value(show, "--trusted-root", "FILE", "look at this trusted_root.json instead")
    refresh = options.add_action(
        actions, "refresh", "ask the TUF repository for the current trust root", _REFRESH
    )
    options.add_value(refresh, "--tuf-url", "URL", "the repository (default: Sigstore's public-good one)")
    options.add_value(refresh, "--tuf-root", "FILE", "the root.json that a private repository starts from")
    refresh.add_argument("--dry-run", action="store_true", help="ask and check, but keep nothing")
    for each in (show, refresh):
        options.add_value(each, "--cache-dir", "DIR", "where refreshed roots are (default: the user's cache)")
        options.add_output(each, "text", "json")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Do what was asked."""
    return _refresh(arguments, console) if arguments.action == "refresh" else _show(arguments, console)


def _show(arguments: argparse.Namespace, console: Console) -> int:
    if arguments.trusted_root:
        loaded = wiring.trust_from_file(arguments.trusted_root)
    else:
        loaded = wiring.trust_in_use(os.environ, uid=os.geteuid(), cache_dir=arguments.cache_dir or "")
    report(loaded, wiring.clock().now(), arguments.output, console)
    return ACCEPTED


def report(loaded: LoadedRoot, at: datetime, output: str, console: Console) -> None:
    """Print a trust root as it stands at a time, and warn of what a person should act on."""
    believed = inventory(loaded.root)
    found = [*staleness(loaded, at), *warnings(believed, at)]
    if output == "json":
        document = {
            "source": _source(loaded),
            "fingerprint": loaded.root.fingerprint,
            "believed": [_as_json(each, at) for each in believed],
            "warnings": found,
        }
        console.document(document)
    else:
        _print_source(loaded, console)
        _print_believed(believed, at, console)
    for warning in found:
        console.note(f"vouchsafe: {console.style('warning', 'warn')}: {printable(warning)}")


def _print_source(loaded: LoadedRoot, console: Console) -> None:
    match loaded.source:
        case "embedded":
            what = f"Sigstore public good, as vouchsafe {__version__} ships it"
        case "tuf":
            what = f"Sigstore public good, refreshed from {loaded.url}"
        case "file":
            what = loaded.place
    console.print(f"{console.style('trust root', 'bold')}  {printable(what)}")
    facts = [f"of {loaded.as_of:%Y-%m-%d}"] if loaded.as_of else []
    facts += [f"fresh until {loaded.fresh_until:%Y-%m-%d}"] if loaded.fresh_until else []
    facts += [f"sha256 {loaded.sha256 if console.verbose else loaded.sha256[:_SHORT]}"]
    console.print(f"            {', '.join(facts)}")


def _print_believed(believed: tuple[Believed, ...], at: datetime, console: Console) -> None:
    width = min(_WIDEST, max(len(printable(each.subject)) for each in believed))
    for kind, name in NAMES.items():
        members = [each for each in believed if each.kind == kind]
        if members:
            console.print(f"\n{console.style(_plural(kind, name), 'bold')}")
        for each in members:
            state = each.state(at)
            mark = console.style(f"{state:<8}", _STYLES[state])
            key = each.fingerprint if console.verbose else each.fingerprint[:_SHORT]
            subject = f"{printable(each.subject, _WIDEST):<{width}}"
            console.print(f"  {mark} {subject}  {_window(each)}  {each.algorithm:<11}  {key}")
            if console.verbose:
                _print_details(each, console)


def _print_details(each: Believed, console: Console) -> None:
    for label, value in (("anchored in", each.issuer), ("at", each.uri)):
        if value:
            console.print(f"           {console.style(f'{label} {printable(value)}', 'dim')}")


def _plural(kind: Kind, name: str) -> str:
    return f"{name.removesuffix('y')}ies" if name.endswith("y") and kind != "key" else f"{name}s"


def _window(each: Believed) -> str:
    start, end = (f"{moment:%Y-%m-%d}" if moment else "open" for moment in (each.start, each.end))
    return f"{start:<10} to {end:<10}"


def _refresh(arguments: argparse.Namespace, console: Console) -> int:
    if arguments.tuf_root and not arguments.tuf_url:
        raise UsageError("expected --tuf-url beside --tuf-root, got none")
    if arguments.tuf_url and not arguments.tuf_url.startswith(("https://", "http://")):
        raise UsageError(f"expected an http or https URL as --tuf-url, got {arguments.tuf_url!r}")
    try:
        done = wiring.refresh_trust(
            os.environ,
            uid=os.geteuid(),
            url=arguments.tuf_url or "",
            root_file=arguments.tuf_root or "",
            cache_dir=arguments.cache_dir or "",
            keep=not arguments.dry_run,
        )
    except (VerificationError, MalformedError) as error:
        console.error(f"refused: {error.message}", hint=error.hint, code=error.code)
        return REJECTED
    except Unavailable as error:
        console.error(
            error.message, hint=f"{error.hint} The trust root stays as it is.".lstrip(), code=error.code
        )
        return UNDECIDED
    before, after = _before(done, private=bool(arguments.tuf_root)), _listed(done.delivery.target)
    added, removed = (
        [each for each in after if each not in before],
        [each for each in before if each not in after],
    )
    if arguments.output == "json":
        console.document(_refreshed(done, added, removed, kept=not arguments.dry_run))
        return ACCEPTED
    _print_refreshed(done, added, removed, arguments, console)
    return ACCEPTED


def _listed(target: bytes) -> tuple[Believed, ...]:
    return inventory(parse_trusted_root(target))


def _before(done: Refreshed, *, private: bool) -> tuple[Believed, ...]:
    """What was believed until now: the last delivery, or what is embedded."""
    if done.before is not None:
        return _listed(done.before.target)
    return () if private else inventory(wiring.embedded_trust().root)


def _print_refreshed(
    done: Refreshed,
    added: list[Believed],
    removed: list[Believed],
    arguments: argparse.Namespace,
    console: Console,
) -> None:
    signed = done.signed
    console.print(f"{console.style('refreshed', 'good')}  from {printable(done.delivery.url)}")
    console.print(
        f"           root {signed.root_version}, timestamp {signed.timestamp_version}, targets"
        f" {signed.targets_version}, fresh until {signed.fresh_until:%Y-%m-%d}"
    )
    for mark, style, changed in (("+", "good", added), ("-", "bad", removed)):
        for each in changed:
            line = f"{mark} {NAMES[each.kind]} {printable(each.subject)}, {_window(each).rstrip()}"
            console.print(f"           {console.style(line, style)}")
    if not (added or removed):
        console.print("           nothing has changed in what is believed")
    if arguments.dry_run:
        console.print("           not kept: this was a dry run")
    elif arguments.tuf_root:
        place = os.path.join(os.path.dirname(done.place), "trusted_root.json")
        console.print(f"           use it with --trusted-root {place}")


def _refreshed(
    done: Refreshed, added: list[Believed], removed: list[Believed], *, kept: bool
) -> dict[str, Any]:
    signed = done.signed
    return {
        "url": done.delivery.url,
        "fetched": _time(done.delivery.fetched),
        "rootVersion": signed.root_version,
        "timestampVersion": signed.timestamp_version,
        "targetsVersion": signed.targets_version,
        "freshUntil": _time(signed.fresh_until),
        "added": [_as_json(each) for each in added],
        "removed": [_as_json(each) for each in removed],
        "kept": done.place if kept else None,
    }


def _source(loaded: LoadedRoot) -> dict[str, Any]:
    return {
        "kind": loaded.source,
        "place": loaded.place,
        "url": loaded.url or None,
        "sha256": loaded.sha256,
        "asOf": _time(loaded.as_of),
        "freshUntil": _time(loaded.fresh_until),
    }


def _as_json(each: Believed, at: datetime | None = None) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "subject": each.subject,
        "issuer": each.issuer or None,
        "uri": each.uri or None,
        "algorithm": each.algorithm,
        "fingerprint": each.fingerprint,
        "start": _time(each.start),
        "end": _time(each.end),
    } | ({"state": each.state(at)} if at else {})


def _time(moment: datetime | None) -> str | None:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}" if moment else None
