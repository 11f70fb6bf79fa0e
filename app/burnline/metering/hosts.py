"""Who serves a model, by the address that a client calls: many speak OpenAI's language."""

import re
from urllib.parse import urlsplit

_HOSTS = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "openrouter.ai": "openrouter",
    "api.mistral.ai": "mistral",
    "api.deepseek.com": "deepseek",
    "api.groq.com": "groq",
    "api.x.ai": "x-ai",
    "api.together.xyz": "together",
    "api.together.ai": "together",
    "api.fireworks.ai": "fireworks",
    "api.cerebras.ai": "cerebras",
    "api.perplexity.ai": "perplexity",
    "api.moonshot.ai": "moonshotai",
    "generativelanguage.googleapis.com": "google",
}
_REGIONAL = {"us.api.openai.com": ("openai", "us"), "eu.api.openai.com": ("openai", "eu")}
_AZURE = re.compile(r"[^.]+\.(openai\.azure\.com|services\.ai\.azure\.com|cognitiveservices\.azure\.com)")
_BEDROCK = re.compile(r"bedrock(?:-runtime|-mantle)?\.(?P<region>[a-z0-9-]+)\.(?:amazonaws\.com|api\.aws)")
_VERTEX = re.compile(r"(?:(?P<region>[a-z0-9-]+)-)?aiplatform\.(?:[a-z]+\.rep\.)?googleapis\.com")


def served_by(base_url: str) -> tuple[str, str | None, bool]:
    """Provider, region and whether the host is a known one; an unknown host is its own provider."""
    host = urlsplit(base_url).hostname or base_url
    if host in _HOSTS:
        return _HOSTS[host], None, True
    if host in _REGIONAL:
        return *_REGIONAL[host], True
    if _AZURE.fullmatch(host):
        return "azure", None, True
    for provider, hosts in (("aws", _BEDROCK), ("google", _VERTEX)):
        if found := hosts.fullmatch(host):
            return provider, found["region"], True
    return host, None, False
