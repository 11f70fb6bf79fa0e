"""How Burnline's clients reach the brokers: one translation of the settings for everything that uses librdkafka."""

from burnline.settings import Settings

Config = dict[str, str | int | float | bool]


def client_config(settings: Settings) -> Config:
    """The part of a librdkafka configuration that every client shares: brokers, TLS and SASL."""
    secret = settings.kafka_sasl_password
    key_password = settings.kafka_ssl_key_password
    optional = {
        "ssl.ca.location": settings.kafka_ssl_ca_location,
        "ssl.certificate.location": settings.kafka_ssl_certificate_location,
        "ssl.key.location": settings.kafka_ssl_key_location,
        "ssl.key.password": key_password.get_secret_value() if key_password else None,
    }
    config: Config = {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "security.protocol": settings.kafka_security_protocol,
    }
    config.update({name: str(value) for name, value in optional.items() if value is not None})
    if settings.kafka_security_protocol.startswith("SASL"):
        config["sasl.mechanism"] = settings.kafka_sasl_mechanism
        config["sasl.username"] = settings.kafka_sasl_username or ""
        config["sasl.password"] = secret.get_secret_value() if secret else ""
    return config
