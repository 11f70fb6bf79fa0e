"""Settings for a command that needs brokers: whether there are any is asked first, and told within three seconds."""

import os

from burnline.cli.reference import EXIT_FAILED, failure
from burnline.cli.root import err_console, settings_or_exit
from burnline.settings import Settings
from burnline.topics.errors import BrokerSilent
from burnline.topics.reach import BrokersUnreachable, reach_brokers


def settings_with_brokers(exit_code: int = EXIT_FAILED) -> Settings:
    """As `settings_or_exit`; leaves with the exit code, and the setting to change, where no broker can be reached.

    Brokers that only take their time are said to do so, and waited for as long as the command does.
    """
    settings = settings_beside_demo()
    try:
        reach_brokers(settings)
    except BrokersUnreachable as error:
        raise failure(str(error), exit_code) from None
    except BrokerSilent as error:
        err_console.print(f"{error} Waiting for them.", style="yellow", highlight=False, markup=False)
    return settings


def settings_beside_demo() -> Settings:
    """As `settings_or_exit`; where no broker is named, those of this user's demo, if one runs on this machine."""
    settings = settings_or_exit()
    if "kafka_bootstrap_servers" in settings.model_fields_set or os.name != "posix":
        return settings
    from burnline.demo.beacon import find_demo  # its locks are of POSIX

    demo = find_demo()
    if demo is None:
        return settings
    told = settings.model_fields_set
    servers = demo.settings["kafka_bootstrap_servers"]
    err_console.print(
        f"With the demo of process {demo.pid}: no BURNLINE_KAFKA_BOOTSTRAP_SERVERS is set, and it runs at {servers}.",
        style="dim",
        highlight=False,
        markup=False,
    )
    return settings_or_exit(**{name: value for name, value in demo.settings.items() if name not in told})


def brokers_are_there(settings: Settings, otherwise: str) -> bool:
    """For a command that can do without: whether brokers answer; if not, that is said, and what is done instead."""
    try:
        reach_brokers(settings)
    except BrokerSilent as error:
        err_console.print(f"{error} {otherwise}", style="yellow", highlight=False, markup=False)
        return False
    return True
