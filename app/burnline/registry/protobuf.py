"""Protobuf, by descriptors that the registry gives: nothing is generated."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from burnline.registry.formats import Fields, Reader, Unfit, plain

_WELL_KNOWN: Final = {
    module.DESCRIPTOR.name: module.DESCRIPTOR.serialized_pb
    for module in (
        any_pb2, descriptor_pb2, duration_pb2, empty_pb2, field_mask_pb2, struct_pb2, timestamp_pb2, wrappers_pb2,
    )
}  # fmt: skip
_WRAPPERS: Final = frozenset(f"google.protobuf.{name}" for name in wrappers_pb2.DESCRIPTOR.message_types_by_name)
_FIRST: Final = (0,)
_MOST_INDEXES: Final = 32


def protobuf_reader(schema: str, references: Mapping[str, str]) -> Reader:
    """A reader by a schema.

    Args:
        schema: A FileDescriptorProto in base64, as a registry gives it in the format "serialized".
        references: The files that it imports, directly or not, by the names under which they are imported.

    Raises:
        Unfit: It is no such descriptor, or one that is imported is missing.
    """
    file = _file(schema)
    imported = {name: _file(text) for name, text in references.items()}
    pool, added = DescriptorPool(), set[str]()
    try:
        _add(pool, file, imported, added)
    except TypeError as error:  # the pool's word for whatever does not fit together
        raise Unfit(f"no schema of Protobuf's: {str(error)[:200]}") from error
    classes: dict[tuple[int, ...], type[Message]] = {}

    def read(payload: bytes) -> Fields:
        path, rest = indexes(payload)
        if path not in classes:
            classes[path] = GetMessageClass(pool.FindMessageTypeByName(_name_at(file, path)))
        try:
            message = classes[path].FromString(rest)
        except DecodeError as error:
            raise Unfit(f"no Protobuf of this schema: {error}") from error
        fields: Fields = plain(fields_of(message))
        return fields

    return read


def indexes(payload: bytes) -> tuple[tuple[int, ...], bytes]:
    """Which message of the file it is: its index, and that within it of the inner one, and so on; and the rest.

    They are zigzag varints after their number; a 0 alone means the first message.

    Raises:
        Unfit: There are none.
    """
    count, rest = _varint(payload)
    if count == 0:
        return _FIRST, rest
    if not 0 < count <= _MOST_INDEXES:
        raise Unfit(f"no Protobuf: {count} indexes of a message")
    path = []
    for _ in range(count):
        index, rest = _varint(rest)
        path.append(index)
    return tuple(path), rest


def fields_of(message: Message) -> Fields:
    """The fields that are set, under the names of the schema.

    Without `optional` a field that is not set cannot be told from one that is 0 or empty: a number is 0 then, and a
    text is none.
    """
    return {
        field.name: _value(field, getattr(message, field.name))
        for field in cast("list[FieldDescriptor]", message.DESCRIPTOR.fields)
        if _is_told(field, message)
    }


def _is_told(field: FieldDescriptor, message: Message) -> bool:
    if field.is_repeated:
        return bool(getattr(message, field.name))
    if field.has_presence:
        return message.HasField(field.name)
    is_count = field.enum_type is None and field.type not in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
    return is_count or bool(getattr(message, field.name))


def _value(field: FieldDescriptor, value: Any) -> Any:
    if field.is_repeated and field.message_type is not None and field.message_type.GetOptions().map_entry:
        of_value = field.message_type.fields_by_name["value"]
        return {str(key): _single(of_value, one) for key, one in value.items()}
    if field.is_repeated:
        return [_single(field, one) for one in value]
    return _single(field, value)


def _single(field: FieldDescriptor, value: Any) -> Any:
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(value)
        return value if named is None else named.name
    if field.message_type is not None and field.message_type.full_name == _TIMESTAMP:
        return value.seconds * 1_000 + value.nanos // 1_000_000
    if field.message_type is not None and field.message_type.full_name in _WRAPPERS:
        return value.value
    return fields_of(value) if isinstance(value, Message) else value


_TIMESTAMP: Final = Timestamp.DESCRIPTOR.full_name


def _file(text: str) -> descriptor_pb2.FileDescriptorProto:
    try:
        file: descriptor_pb2.FileDescriptorProto = descriptor_pb2.FileDescriptorProto.FromString(
            base64.b64decode(text, validate=True)
        )
    except (binascii.Error, DecodeError, ValueError) as error:
        raise Unfit(f"the registry gave no descriptor of Protobuf's: {str(error)[:200]}") from error
    return file


def _add(
    pool: DescriptorPool,
    file: descriptor_pb2.FileDescriptorProto,
    imported: Mapping[str, descriptor_pb2.FileDescriptorProto],
    added: set[str],
) -> None:
    for name in file.dependency:
        if name in added:
            continue
        added.add(name)
        if name in imported:
            inner = imported[name]
            inner.name = name  # registries call files as they like; the import is what it is found by
            _add(pool, inner, imported, added)
        elif name in _WELL_KNOWN:
            _add(pool, descriptor_pb2.FileDescriptorProto.FromString(_WELL_KNOWN[name]), {}, added)
        else:
            raise Unfit(f"the schema imports {name}, which is not among its references")
    pool.Add(file)


def _name_at(file: descriptor_pb2.FileDescriptorProto, path: Iterable[int]) -> str:
    messages, names = file.message_type, [file.package] if file.package else []
    for index in path:
        if not 0 <= index < len(messages):
            raise Unfit(f"the schema has no message {index} at {'.'.join(names) or 'its top'}")
        names.append(messages[index].name)
        messages = messages[index].nested_type
    return ".".join(names)


def _varint(payload: bytes) -> tuple[int, bytes]:
    value = 0
    for place, byte in enumerate(payload[:10]):
        value |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            return value >> 1 ^ -(value & 1), payload[place + 1 :]
    raise Unfit("no Protobuf: the indexes of its message are cut off")
