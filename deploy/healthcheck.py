"""Exit code 0 when the worker of this container says that it is well, 1 otherwise. Standard library only."""

import os
import sys
import urllib.request

TIMEOUT_S = 4


def main() -> int:
    """Ask /healthz; what it answers goes to stdout, where the container engine keeps it."""
    port = os.environ.get("BURNLINE_METRICS_PORT", "9464")
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=TIMEOUT_S) as answer:
            print(answer.read().decode())
    except OSError as error:  # refused, timed out, or answered with an error status
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
