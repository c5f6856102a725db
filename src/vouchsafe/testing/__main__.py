"""`python -m vouchsafe.testing`: run everything on loopback, or look at the right and wrong things by name.

serve                 a Sigstore and a registry, until interrupted
list                  every right and wrong thing, with its reason
write NAME --to DIR   one of them as files, with the trust root to judge it by
lab DIR               images that a host must pull and refuse, until standard input ends
"""

from __future__ import annotations

import argparse
import secrets
import signal
import sys
import threading
from pathlib import Path

from vouchsafe.testing import lab
from vouchsafe.testing.clock import RealClock
from vouchsafe.testing.push import push_image
from vouchsafe.testing.registry_server import RegistryServer
from vouchsafe.testing.services import Services
from vouchsafe.testing.sigstore import VirtualSigstore
from vouchsafe.testing.wrongs import FORMS, RIGHTS, WRONGS, Specimen

_REPOSITORY = "group/project"
_MODES = ("absent", "absent-json", "html", "empty", "api", "api-unfiltered", "api-unannounced")


def main(arguments: list[str] | None = None, *, until: threading.Event | None = None) -> int:
    """Run a command; `until` ends `serve` in place of a signal."""
    options = _parser().parse_args(arguments)
    if options.command == "list":
        return _list()
    if options.command == "lab":
        lab.serve(Path(options.folder), say=lambda line: _say(f"{line}\n"))
        return 0
    if options.command == "write":
        return _write(options.name, options.form, Path(options.to))
    return _serve(options, until)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m vouchsafe.testing", description="A virtual Sigstore.")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="a Sigstore and a registry on loopback, until interrupted")
    serve.add_argument("--delay-ms", type=float, default=0, help="added to every answer")
    serve.add_argument(
        "--referrers", choices=_MODES, default="absent", help="how the registry lists referrers"
    )
    serve.add_argument("--seed", help="makes the same keys each time; by default they are new")
    commands.add_parser("list", help="every right and wrong thing by name")
    write = commands.add_parser("write", help="one of them as files")
    write.add_argument("name", choices=sorted((*RIGHTS, *WRONGS)), metavar="NAME")
    write.add_argument("--form", choices=FORMS, help="by default the first that there is")
    write.add_argument("--to", required=True, metavar="DIR")
    laboratory = commands.add_parser("lab", help="images that a host must pull and refuse")
    laboratory.add_argument("folder", metavar="DIR")
    return parser


def _serve(options: argparse.Namespace, until: threading.Event | None) -> int:
    done = until or threading.Event()
    if until is None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: done.set())
    sigstore = VirtualSigstore(options.seed or secrets.token_hex(16), clock=RealClock())
    registry = RegistryServer(referrers=options.referrers, delay_ms=options.delay_ms)
    with registry, sigstore.serve(delay_ms=options.delay_ms) as services:
        push_image(registry.store, _REPOSITORY)
        _say(_welcome(services, registry.reference(_REPOSITORY)))
        done.wait()
    return 0


def _welcome(services: Services, image: str) -> str:
    """Where everything is, and commands to copy."""
    who, folder = services.sigstore.workload, services.folder
    identity = f"--certificate-identity {who.subject} --certificate-oidc-issuer {who.issuer}"
    urls = "\n".join(f"  {name:8} {url}" for name, url in services.urls.items())
    exports = "\n".join(f"  export {name}={value}" for name, value in services.environment.items())
    trust = f"--trusted-root {folder}/trusted_root.json"
    token = f"{services.urls['oidc']}/token?kind=gitlab&project_path=group/project&ref=refs/heads/main"
    old = f"--fulcio-url {services.urls['fulcio']} --rekor-url {services.urls['rekor1']}"
    return f"""services
{urls}
files
  {folder}
an image nobody has signed yet
  {image}
sign it as a GitLab pipeline
  export SIGSTORE_ID_TOKEN=$(curl -s '{token}')
  vouchsafe sign --tls-verify=false --signing-config {folder}/signing_config_v1_tsa.json {trust} {image}
verify it
  vouchsafe verify --tls-verify=false {trust} {identity} {image}
the same with cosign 3
  cosign sign --yes --signing-config {folder}/signing_config_v2.json {trust} {image}
  cosign verify {trust} {identity} {image}
signed in the old format, with cosign 2
{exports}
  cosign sign --yes {old} {image}
"""


def _list() -> int:
    lines = []
    for title, kinds in (("right", RIGHTS), ("wrong", WRONGS)):
        for name, kind in sorted(kinds.items()):
            advisory = f" [{kind.advisory}]" if kind.advisory else ""
            lines.append(f"{title}  {name:32} {', '.join(kind.forms)}\n       {kind.reason}{advisory}\n")
    _say("".join(lines))
    return 0


def _write(name: str, form: str | None, folder: Path) -> int:
    kind = (RIGHTS | WRONGS)[name]
    chosen = next((one for one in kind.forms if form in (None, one)), None)
    if chosen is None:
        _say(f"expected one of {', '.join(kind.forms)} for {name}, got {form}\n")
        return 64
    specimen = kind.make(chosen)
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in _files(specimen).items():
        (folder / file).write_bytes(content)
    _say(f"{kind.reason}\nimage {specimen.digest}, to be verified for {specimen.workload.subject}\n")
    return 0


def _files(specimen: Specimen) -> dict[str, bytes]:
    made = {"trusted_root.json": specimen.trusted_root}
    if specimen.is_bundle:
        return made | {"bundle.sigstore.json": specimen.blob}
    made["blob.json"] = specimen.blob
    return made | {name.rpartition("/")[2]: text.encode() for name, text in specimen.annotations.items()}


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
