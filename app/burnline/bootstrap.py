"""Where the brokers are: one reading of every spelling that people use, into the one that all clients understand.

librdkafka, aiokafka and Faust each read a list of brokers in a way of their own, and none says which setting it was.
So what any of them would misread is put right here, or refused.
"""

import re
from ipaddress import AddressValueError, IPv6Address

DEFAULT_PORT = 9092
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_SEPARATORS = re.compile(r"[\s,;]+")
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?")
_LIKE_IPV6 = re.compile(r"[0-9A-Fa-f:.]*(%[^:]*)?(:[0-9]*)?")
_MOST_CHARACTERS = 253
"""Of a name in DNS."""
_QUOTES = "\"'"
_MOST_PORT = 65_535


def canonical_brokers(text: str, protocol: str) -> str:
    """`host:port` of each broker, by commas, in lower case; a broker that stands twice, once.

    Separators are commas, semicolons, blanks and line breaks. Quotes around the list or a broker are left out, and so
    is `kafka://` or the security protocol as a listener has it (`SASL_SSL://…`), if it is `protocol`. The port is 9092
    if there is none. IPv6 addresses stand in brackets.

    Raises:
        ValueError: With a sentence that names the broker at fault.
    """
    brokers = [item.strip(_QUOTES) for item in _SEPARATORS.split(text.strip().strip(_QUOTES))]
    found = dict.fromkeys(_broker(broker, protocol) for broker in brokers if broker)
    if not found:
        raise ValueError("no broker is named; brokers are host:port, by commas")
    return ",".join(found)


def _broker(text: str, protocol: str) -> str:
    scheme, slashes, address = text.rpartition("://")
    if slashes and scheme.lower() != "kafka":
        _check_protocol(scheme, text, protocol)
    host, port = _split(address.removesuffix("/"), text)
    if not port.isascii() or not port.isdigit() or not 0 < int(port) <= _MOST_PORT:
        raise ValueError(f"{text!r}: the port {port!r} is none from 1 to {_MOST_PORT}")
    return f"{host}:{int(port)}"


def _check_protocol(scheme: str, text: str, protocol: str) -> None:
    named = scheme.upper()
    if named not in PROTOCOLS:
        raise ValueError(f"{text!r}: {scheme}:// is no protocol of Kafka; a broker is host:port")
    if named != protocol:
        raise ValueError(
            f"{text!r} asks for {named}, and BURNLINE_KAFKA_SECURITY_PROTOCOL is {protocol}: set that, and leave "
            f"{scheme}:// out"
        )


def _split(address: str, text: str) -> tuple[str, str]:
    if address.startswith("["):
        host, bracket, rest = address[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r}: brackets stand around an IPv6 address, as in [::1]:{DEFAULT_PORT}")
        try:
            IPv6Address(host.partition("%")[0])
        except AddressValueError as error:
            raise ValueError(f"{text!r}: {host!r} is no IPv6 address") from error
        return f"[{host.lower()}]", rest.removeprefix(":") if rest else str(DEFAULT_PORT)
    if "@" in address:
        raise ValueError(
            "a broker holds no user and no password: they belong in BURNLINE_KAFKA_SASL_USERNAME and …_PASSWORD"
        )
    if address.count(":") > 1 and _LIKE_IPV6.fullmatch(address):
        raise ValueError(f"{text!r}: IPv6 addresses stand in brackets, as in [::1]:{DEFAULT_PORT}")
    host, _, port = address.partition(":")
    if not _NAME.fullmatch(host) or ".." in host or len(host) > _MOST_CHARACTERS:
        raise ValueError(f"{text!r}: {host!r} is no name of a host; a broker is host:port")
    return host.lower(), port if ":" in address else str(DEFAULT_PORT)
