"""Exit code 0 when what runs in this container says that it is well, 1 otherwise. Standard library only.

Its argument is the command that runs: worker (also without one), projector, detect or api.
"""

import os
import sys
import urllib.request

TIMEOUT_S = 4
PORTS = {
    "worker": ("BURNLINE_METRICS_PORT", "9464"),
    "projector": ("BURNLINE_PROJECTOR_METRICS_PORT", "9465"),
    "detect": ("BURNLINE_DETECT_METRICS_PORT", "9468"),
    "budgets": ("BURNLINE_BUDGETS_METRICS_PORT", "9469"),
    "api": ("BURNLINE_API_PORT", "8080"),
}
"""For each component, the setting that says where it answers, and its default."""


def main(command: str = "worker") -> int:
    """Ask /healthz; what it answers goes to stdout, where the container engine keeps it."""
    setting, default = PORTS[command]
    port = os.environ.get(setting, default)
    if "://" in port:  # Kubernetes says so where the service called burnline-api is, and the settings pass over it too
        port = default
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=TIMEOUT_S) as answer:
            print(answer.read().decode())
    except OSError as error:  # refused, timed out, or answered with an error status
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
