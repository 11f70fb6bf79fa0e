"""Unpacks Kubernetes' strict JSON schemas of one version from a wheel of kubernetes-validate, for kubeconform.

`python schemas.py WHEEL FOLDER`. The schemas call each other by addresses on the web, of which none is to be asked: in
FOLDER they call each other by file name.
"""

import json
import sys
import zipfile
from pathlib import Path, PurePosixPath

VERSION = "v1.37.0-local-strict"
ADDRESS = "/api/_definitions.json"


def main(wheel: str, folder: str) -> None:
    """Write each schema of `VERSION` to `folder`."""
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if PurePosixPath(name).parent.name == VERSION:
                schema = json.loads(archive.read(name).replace(f'"{ADDRESS}'.encode(), b'"_definitions.json'))
                schema.pop("$id", None)
                (target / PurePosixPath(name).name).write_text(json.dumps(schema))


if __name__ == "__main__":
    main(*sys.argv[1:])
