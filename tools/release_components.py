"""Writes a release's own facts into the components: `python -m tools.release_components --version 1.2.3 …`.

Decides that a released component runs one image by its digest and says of itself which version it is; `--check`
refuses a release of components that do not. docs/gitlab.md tells when which number moves.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
VERSION = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")
CATALOG = re.compile(r"[a-z0-9.-]+(:\d+)?(/[A-Za-z0-9_.-]+)+")
IMAGE = re.compile(r"[^@\s\"]+@sha256:[0-9a-f]{64}")
_INPUT = re.compile(
    r"^(    tool-image:\n(?:      (?!default:).*\n)*?      type: string\n)(      default: .*\n)?",
    re.MULTILINE,
)
_SELF = re.compile(r'CI_COMPONENT_NAME="[^"]*/([a-z-]+)" CI_COMPONENT_VERSION="[^"]*"')
UNRELEASED = "unreleased"


def released(text: str, *, catalog: str, version: str, image: str) -> str:
    """A template with the image as default, and its name and version in the provenance that it attests."""
    with_image, found = _INPUT.subn(lambda match: f'{match[1]}      default: "{image}"\n', text)
    if found != 1:
        raise ValueError(f"expected one input tool-image, got {found}")
    return _SELF.sub(
        lambda match: f'CI_COMPONENT_NAME="{catalog}/{match[1]}" CI_COMPONENT_VERSION="{version}"', with_image
    )


def unreleased(text: str) -> list[str]:
    """What is missing for a release."""
    problems = []
    image = _INPUT.search(text)
    if image is None or image[2] is None or not IMAGE.search(image[2]):
        problems.append("expected tool-image to have an image by digest as default, got none")
    if any(UNRELEASED in match[0] for match in _SELF.finditer(text)):
        problems.append("expected the component's version in its provenance, got none")
    return problems


def main(arguments: Sequence[str] | None = None, *, folder: Path = TEMPLATES) -> int:
    """0 done or released, 1 not released, 64 usage."""
    options = _parser().parse_args(arguments)
    files = sorted(folder.glob("*.yml"))
    if options.check:
        problems = [
            f"{file.name}: {problem}"
            for file in files
            for problem in unreleased(file.read_text(encoding="utf-8"))
        ]
        print("\n".join(problems) or "released")
        return 1 if problems else 0
    facts = {"catalog": options.catalog, "version": options.version, "image": options.image}
    for (name, value), pattern in zip(facts.items(), (CATALOG, VERSION, IMAGE), strict=True):
        if not pattern.fullmatch(value or ""):
            print(f"expected --{name} like {pattern.pattern}, got {value!r}", file=sys.stderr)
            return 64
    for file in files:
        file.write_text(released(file.read_text(encoding="utf-8"), **facts), encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--catalog", help="the project of the components, such as gitlab.com/acme/vouchsafe")
    parser.add_argument("--version", help="such as 1.2.3")
    parser.add_argument("--image", help="what the jobs run in, by digest")
    parser.add_argument("--check", action="store_true", help="say what is missing for a release")
    return parser


if __name__ == "__main__":
    sys.exit(main())
