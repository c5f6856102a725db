"""Go's source, read for keys and constants: what is no code does not count, what is not understood is said."""

from __future__ import annotations

import pytest

from tests.judging import code
from vouchsafe.errors import MalformedError
from vouchsafe.upstream import gosource

STRUCT = """
package signature

/* type wanted struct { X string `json:"commented"` } */
const text = "type wanted struct { Y string `json:\\"quoted\\"` }"

type common struct {
	Type kind `json:"type"`
}

type (
	other struct{ Z string `json:"z"` }
	wanted struct {
		common
		// A says `json:"no"`
		A string `json:"a,omitempty"` // and `json:"neither"`
		B, C []byte `json:"bc"`; D string `yaml:"x" json:"d"`
		E map[string]interface{ F() } `json:"e"`
		In struct {
			X int `json:"x"`
		} `json:"in"`
		Hidden int `json:"-"`
		Named string `json:",omitempty"`
		G string "json:\\"g\\""
		r rune // '`'
	}
)
"""


def test_keys() -> None:
    """In their order, those of an embedded struct among them."""
    source = STRUCT.replace("\t\tr rune // '`'\n", "")
    assert gosource.json_keys(source, "wanted") == ("type", "a", "bc", "d", "e", "in", "Named", "g")


@pytest.mark.parametrize(
    "source, struct",
    [
        (STRUCT, "wanted"),  # a field without a key
        (STRUCT, "absent"),
        ('type wanted struct {\n A string `json:"a"`', "wanted"),  # no end
        ("type wanted struct {}", "wanted"),
        ('type wanted = other\ntype other struct {\n A string `json:"a"`\n}', "wanted"),
        ('type wanted struct {\n elsewhere.T\n A string `json:"a"`\n}', "wanted"),
        ("type wanted struct {\n *T\n}", "wanted"),
        ("type wanted struct {\n wanted\n}", "wanted"),
        ('type wanted struct {\n A string `yaml:"a"`\n}', "wanted"),
        ('type wanted struct {\n A string "json:\\a"\n}', "wanted"),
        ("<html><body>type wanted struct {</body>", "wanted"),
        ("", "wanted"),
    ],
)
def test_what_is_not_understood(source: str, struct: str) -> None:
    """Is an error, never a struct without keys."""
    assert code(lambda: gosource.json_keys(source, struct)) == "upstream-shape"


def test_constants() -> None:
    """In both ways of writing them; another type's do not count."""
    source = (
        'const (\n a kind = "x" // kind = "no"\n b = kind("y")\n c sort = "z"\n d kind = `w`\n)\nvar k kind'
    )
    assert gosource.constants(source, "kind") == {"a": "x", "b": "y", "d": "w"}


@pytest.mark.parametrize("source", ["const a kind = iota", "const a kind = 1", "type kind string", ""])
def test_constants_of_another_kind(source: str) -> None:
    """Are an error."""
    assert code(lambda: gosource.constants(source, "kind")) == "upstream-shape"


def test_what_follows_an_argument() -> None:
    """Over lines, in another quoting, and not in a comment."""
    source = '// f("flag", false)\nf(&x, `flag`,\n\ttrue, "what it does")'
    assert gosource.argument_after(source, "flag") == "true"
    assert gosource.argument_after(source, "other") is None


def test_endless_source() -> None:
    """Has a bound."""
    with pytest.raises(MalformedError, match="tokens"):
        gosource.tokens("a " * (gosource.MOST_TOKENS + 1))
