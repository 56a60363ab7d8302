"""What sections of the configuration are made of: frozen, closed to keys that they do not know, words for ranges."""

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def in_words(text: str) -> dict[str, Any]:
    """Say in words what a field takes, where its type alone would say it badly."""
    return {"allowed": text}


def below_home(path: Path) -> Path:
    """Give the path with `~` resolved; raises ValueError for the home of somebody who is not known here."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError(f"{path.parts[0]} is a home that is nobody's here") from None


def expanded(path: Path) -> Path:
    """Give the path with `~` resolved, absolute: a daemon may change its directory. Raises ValueError as that does."""
    return Path(os.path.abspath(below_home(path)))  # noqa: PTH100 - resolve() would follow symbolic links


LocalPath = Annotated[Path, AfterValidator(expanded), Field(json_schema_extra=in_words("a path"))]


class Section(BaseModel):
    """A frozen part of the configuration; a key that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, validate_default=True)
