"""The example of docs/otp.md does what the page says."""

import re
from typing import Any

import pytest

from tests.otp.rule_table import PAGE


def _block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_the_example_prints_what_the_page_says(capsys: pytest.CaptureFixture[str], logs: list[Any]) -> None:
    exec(compile(_block("python"), PAGE, "exec"), {"__name__": "example"})  # noqa: S102 - the page's own example
    assert capsys.readouterr().out == _block("text")
    assert [entry["event"] for entry in logs] == ["actor crashed", "supervisor report"]
