"""Protobuf's own text into descriptors, for registries that give schemas as they were written: by the real compiler."""

import base64
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

from burnline.registry.formats import Unfit

_ITSELF: Final = "burnline-schema.proto"
_WELL_KNOWN: Final = Path(protoc.__file__).parent / "_proto"


def is_text(schema: str) -> bool:
    """Whether a schema is text; a descriptor in base64 has none of these characters."""
    return any(character in schema for character in " \n;{")


def descriptor_of(schema: str, references: Mapping[str, str]) -> str:
    """A schema's FileDescriptorProto in base64.

    Args:
        schema: A file of Protobuf's language.
        references: The files that it imports, directly or not, by the names under which they are imported.

    Raises:
        Unfit: It is none.
    """
    with TemporaryDirectory(prefix="burnline-protoc-") as folder:
        for name, text in {**references, _ITSELF: schema}.items():
            _write(Path(folder), name, text)
        found = Path(folder) / "descriptors"
        told = ["protoc", f"-I{folder}", f"-I{_WELL_KNOWN}", f"--descriptor_set_out={found}", _ITSELF]
        if protoc.main(told):
            raise Unfit("no schema of Protobuf's: the compiler refuses it")
        [file] = FileDescriptorSet.FromString(found.read_bytes()).file
    return base64.b64encode(file.SerializeToString()).decode()


def _write(folder: Path, name: str, text: str) -> None:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise Unfit(f"a reference is called {name}, which leads out of its folder")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
