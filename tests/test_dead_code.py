"""Nothing in the package serves tests alone, or nobody."""

from vulture import Vulture

from tests.test_architecture import APP

CALLED_BY_DECORATION = [
    "@router.*",
    "@app.*",
    "@*command*",
    "@*callback*",
    "@*validator*",
    "@*serializer*",
    "@*.exception_handler",
    "@server.tool",
]
LITELLM = (
    "log_pre_api_call", "log_success_event", "async_log_success_event", "log_failure_event",
    "async_log_failure_event",
)  # fmt: skip
LANGCHAIN = (
    "on_chain_start", "on_tool_start", "on_chain_end", "on_chain_error", "on_tool_end", "on_tool_error",
    "on_chat_model_start", "on_llm_start", "on_llm_error", "on_llm_end",
)  # fmt: skip
OPENAI_AGENTS = (
    "on_trace_start", "on_trace_end", "on_span_start", "on_span_end", "force_flush",
)  # fmt: skip
CALLED_BY_LIBRARIES = {
    "__getattr__": "Python",
    "_changelog_topic_name": "Faust",
    "_missing_": "enum",
    "_new_consumer_thread": "Faust",
    "apply_changelog_batch": "Faust",
    "on_rebalance": "Faust",
    "on_recovery_completed": "Faust",
    "persisted_offset": "Faust",
    "capture_signals": "uvicorn",
    "field_title_should_be_set": "pydantic",
    "settings_customise_sources": "pydantic-settings",
    "get_alg": "joserfc",
    "log_message": "http.server",
    "process_request": "socketserver",
    "service_actions": "socketserver",
    **dict.fromkeys(LITELLM, "LiteLLM"),
    **dict.fromkeys(LANGCHAIN, "LangChain"),
    **dict.fromkeys(OPENAI_AGENTS, "OpenAI's agents"),
}
NAMED_IN_TEXT = {
    "ReferenceStore": "a store's address",
    "SessionStore": "a store's address",
    "SessionName": "an annotation",
    "feed_backlog": "a key that Lua writes",
    "lease": "a key that Lua writes",
    "decode_unreadable": "a row that Lua writes",
}
MEASURED = {
    "open_incidents": "what a watch holds",
    "ids_placed": "how often the kernel placed an id, which bounds its work",
    "longest_probe": "the kernel's longest search, which bounds its work",
    "ticks": "how often the live picture was drawn",
}
KNOWN = CALLED_BY_LIBRARIES | NAMED_IN_TEXT | MEASURED
"""Name → who calls it, or what it is for."""


def test_each_function_class_and_import_is_used() -> None:
    scan = Vulture(ignore_decorators=CALLED_BY_DECORATION)
    scan.scavenge([str(APP)])
    dead = scan.unused_funcs + scan.unused_methods + scan.unused_classes + scan.unused_props + scan.unused_imports
    assert {item.name: f"{item.filename}:{item.first_lineno}" for item in dead if item.name not in KNOWN} == {}


def test_what_is_known_is_still_there() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in APP.rglob("*.py"))
    assert [name for name in KNOWN if f" {name}" not in text] == []
