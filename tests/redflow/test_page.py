"""The example of docs/redflow.md prints what the page says."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

PAGE = (Path(__file__).parents[2] / "docs" / "redflow.md").read_text(encoding="utf-8")


def test_the_example_prints_what_the_page_says() -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (expected,) = re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    printed = io.StringIO()
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(printed):
        exec(compile(program, "docs/redflow.md", "exec"), names)  # noqa: S102 (the page's own program)
    assert printed.getvalue() == expected
