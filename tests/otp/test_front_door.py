"""What otp shows stands in its `__init__`; the rest of the daemon comes in by no other way."""

import ast
from pathlib import Path

import naive_daemon
from naive_daemon import otp

PACKAGE = Path(naive_daemon.__file__).parent


def modules_imported(source: str) -> set[str]:
    """List the modules that a text imports from, in functions and for types, too."""
    tree = list(ast.walk(ast.parse(source)))
    plain = {name.name for node in tree if isinstance(node, ast.Import) for name in node.names}
    return plain | {node.module for node in tree if isinstance(node, ast.ImportFrom) and node.module}


def _is_past(module: str) -> bool:
    return module.startswith(f"{otp.__name__}.")


def test_the_daemon_imports_otp_by_its_front_door() -> None:
    files = [file for file in PACKAGE.rglob("*.py") if not file.is_relative_to(PACKAGE / "otp")]
    assert len(files) > 100
    past = [(file.name, name) for file in files for name in modules_imported(file.read_text("utf-8")) if _is_past(name)]
    assert past == []


def test_what_is_said_to_be_there_is_there() -> None:
    assert len(set(otp.__all__)) == len(otp.__all__)
    assert [name for name in otp.__all__ if not hasattr(otp, name)] == []
