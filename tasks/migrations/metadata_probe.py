"""Prints which tables and columns an app's SQLAlchemy metadata maps, as JSON: `{"orders": ["id", "note"]}`.

`python metadata_probe.py path/to/file.py:ATTRIBUTE RESULT`, run by an interpreter that has the app's dependencies.
"""

import importlib.util
import json
import sys
from pathlib import Path


def main(place, result):
    path, _, attribute = place.rpartition(":")
    file = Path(path).resolve()
    package, root = [file.stem], file.parent
    while (root / "__init__.py").exists():
        package.insert(0, root.name)
        root = root.parent
    sys.path.insert(0, str(root))
    spec = importlib.util.spec_from_file_location(".".join(package), file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    found = getattr(module, attribute)
    metadata = getattr(found, "metadata", found)  # a declarative base is as good as its metadata
    Path(result).write_text(
        json.dumps({name: [c.name for c in table.columns] for name, table in metadata.tables.items()})
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
