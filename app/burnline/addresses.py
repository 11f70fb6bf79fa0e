"""What is said of an address: whether it is this machine's own, and whether an answer from there can be trusted."""

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit


def is_loopback(host: str) -> bool:
    """Whether an IP address, or the name `localhost`, is reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_trusted_url(url: str) -> bool:
    """Whether what is fetched from there can be trusted: over TLS, or from this very machine."""
    parts = _parts(url)
    if parts is None or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))


def is_origin(text: str) -> bool:
    """Whether it is a web origin as browsers send it: scheme, host, port if unusual, and nothing else."""
    parts = _parts(text)
    if parts is None or parts.scheme not in ("http", "https") or not parts.hostname:
        return False
    return text == f"{parts.scheme}://{parts.netloc}".lower() and "@" not in parts.netloc and "*" not in parts.netloc


def _parts(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts
