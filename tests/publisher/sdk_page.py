"""`docs/sdk.md`, the public API of the SDK, from its docstrings: python -m tests.publisher.sdk_page (`make sdk`).

What is public is what `burnline` and `burnline.usage` name in `__all__`; of a class its constructor, its own methods
and its properties, in the order of the source.
"""

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import burnline
from burnline import usage

PAGE = Path(__file__).parents[2] / "docs/sdk.md"
HEAD = """# The SDK

`pip install burnline`, then `import burnline`. Written by `make sdk` from the docstrings; [docs/in.md](in.md) shows
when to take what.
"""
SECTIONS = {
    "Args": "Arguments",
    "Attributes": "Attributes",
    "Returns": "Returns",
    "Raises": "Raises",
    "Yields": "Yields",
}
LONGEST = 100


def page() -> str:
    """The whole page."""
    parts = [HEAD, *_module("burnline", burnline), *_module("burnline.usage", usage, leave=frozenset({"session"}))]
    return "\n".join(parts)


def _module(name: str, module: ModuleType, leave: frozenset[str] = frozenset()) -> Iterator[str]:
    for public in module.__all__:
        found = getattr(module, public)
        if isinstance(found, ModuleType | str) or public in leave:
            continue
        yield from _class(f"{name}.{public}", found) if inspect.isclass(found) else _function(f"{name}.{public}", found)


def _class(name: str, found: type) -> Iterator[str]:
    yield f"## `{name}`\n"
    made_by_callers = "__init__" in vars(found) and not issubclass(found, BaseException)
    if made_by_callers or hasattr(found, "_fields"):
        yield _signature(name.rpartition(".")[2], found)
    yield _text(found)
    if made_by_callers:
        yield _text(found.__init__)  # type: ignore[misc]  # of this very class
    for each, member in vars(found).items():
        if not each.startswith("_") and (doc := inspect.getdoc(member)) and _is_told(member):
            yield f"### `{each}`\n"
            if not isinstance(member, property):
                yield _signature(each, getattr(found, each), of_instance=not isinstance(member, classmethod))
            yield _markdown(doc)


def _is_told(member: Any) -> bool:
    return isinstance(member, property | classmethod | staticmethod) or inspect.isfunction(member)


def _function(name: str, found: Callable[..., Any]) -> Iterator[str]:
    yield f"## `{name}`\n"
    yield _signature(name.rpartition(".")[2], found)
    yield _text(found)


def _signature(name: str, found: Callable[..., Any], *, of_instance: bool = False) -> str:
    """As it is called: without self, and without the modules of its types."""
    signature = inspect.signature(found)
    parameters = list(signature.parameters.values())[int(of_instance) :]
    text = _bare(f"{name}{signature.replace(parameters=parameters)}")
    if len(text) > LONGEST:
        named_alone = [each.kind is each.KEYWORD_ONLY for each in parameters]
        lines = [_bare(str(each)) for each in parameters]
        if any(named_alone):
            lines.insert(named_alone.index(True), "*")
        _, arrow, result = text.rpartition(" -> ")
        text = f"{name}(\n" + "".join(f"    {line},\n" for line in lines) + f"){arrow}{result if arrow else ''}"
    return f"```python\n{text}\n```\n"


def _bare(text: str) -> str:
    """Types without their modules, and without the quotes of those that are loaded late."""
    unquoted = re.sub(r"(: |-> )'([^']+)'", r"\1\2", text).replace("~", "")
    return re.sub(r"\b(?:[a-z_]\w*\.)+(?=[A-Za-z_])", "", unquoted)


def _text(found: object) -> str:
    return _markdown(inspect.getdoc(found) or "")


def _markdown(doc: str) -> str:
    """A docstring, its sections as lists."""
    lines, inside = [], False
    for line in doc.splitlines():
        if (title := line.strip().removesuffix(":")) in SECTIONS and line.endswith(":") and not line.startswith(" "):
            lines += [f"**{SECTIONS[title]}**", ""]
            inside = True
        elif inside and (entry := re.match(r"^    (\*{0,2}[\w.]+): (.*)", line)):
            lines.append(f"- `{entry[1]}`: {entry[2]}")
        elif inside and line.startswith("        "):
            lines.append(f"  {line.strip()}")
        else:
            inside = inside and line.startswith("    ")
            lines.append(line.strip() if inside else line)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE}\n")
