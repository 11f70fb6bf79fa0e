"""The one knob of the learned rules, as a TOML file."""

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from burnline.backtest.files import FileError


class LearnedPolicy(BaseModel):
    """How the learned rules are set. Unknown names are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    sensitivity: Annotated[
        float,
        Field(ge=0.25, le=4, description="1 as tuned; above it more is found and more is told in vain, below it less."),
    ] = 1.0


def read_policy(path: Path) -> LearnedPolicy:
    """A policy from a TOML file.

    Raises:
        FileError: It cannot be read, or a name or value in it is wrong.
    """
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
        for name, value in fields.items():
            if name == "sensitivity" and type(value) is int:
                fields[name] = float(value)
        return LearnedPolicy.model_validate(fields)
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileError(f"{path}: {error}") from error
    except ValidationError as error:
        mistakes = "; ".join(
            f"{'.'.join(map(str, item['loc']))}={item['input']!r:.64}: {item['msg']}" for item in error.errors()
        )
        raise FileError(f"{path}: {mistakes}") from error
