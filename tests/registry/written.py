"""Usage events as Confluent's own serializers write them, and the schemas that they are written by."""

import base64
import io
import json
from typing import Any, Final

import fastavro
from google.protobuf import timestamp_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from burnline.registry.protoc import descriptor_of

DECIMAL: Final = {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 6}
AVRO: Final = json.dumps(
    {
        "type": "record", "name": "Usage", "namespace": "acme",
        "fields": [
            {"name": "event_id", "type": "string"},
            {"name": "occurred_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
            *({"name": name, "type": "string"} for name in ("org_id", "agent_id", "session_id", "model")),
            {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["llm", "embedding"]}},
            *({"name": name, "type": "long"} for name in ("input_tokens", "output_tokens", "cached_input_tokens")),
            {"name": "team_id", "type": ["null", "string"], "default": None},
            {"name": "reported_cost_usd", "type": ["null", DECIMAL], "default": None},
        ],
    }
)  # fmt: skip
PROTO: Final = """
syntax = "proto3";
package acme;
import "google/protobuf/timestamp.proto";
message Other {}
message Outer {
  message Usage {
    string event_id = 1;
    google.protobuf.Timestamp occurred_at = 2;
    string org_id = 3;
    string agent_id = 4;
    string session_id = 5;
    string model = 6;
    int64 input_tokens = 7;
    int64 output_tokens = 8;
    int64 cached_input_tokens = 9;
    optional string team_id = 10;
    string project_code = 11;
    map<string, string> tags = 12;
  }
}
"""
PROTO_INDEXES: Final = b"\x04\x02\x00"
"""The second message of the file, and the first one in it: two indexes, 1 and 0, each a zigzag varint."""


def framed(schema: int, payload: bytes) -> bytes:
    """In Confluent's wire format."""
    return b"\0" + schema.to_bytes(4, "big") + payload


def avro(event: dict[str, Any], schema: str = AVRO) -> bytes:
    """An event in Avro."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(json.loads(schema)), event)
    return out.getvalue()


def protobuf(event: dict[str, Any]) -> bytes:
    """An event in Protobuf, behind the indexes of its message."""
    event = dict(event)
    pool = DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(FileDescriptorProto.FromString(base64.b64decode(PROTO_DESCRIPTOR)))
    at_ms = event.pop("occurred_at")
    message = GetMessageClass(pool.FindMessageTypeByName("acme.Outer.Usage"))(**event)
    message.occurred_at.FromMilliseconds(at_ms)  # type: ignore[attr-defined]  # its class is made here
    return PROTO_INDEXES + message.SerializeToString()


PROTO_DESCRIPTOR: Final = descriptor_of(PROTO, {})
"""As a registry gives it in the format "serialized"."""
