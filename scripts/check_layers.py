"""Layer order: a file of src/ includes its own layer and lower ones, by path from src/. Names: unique in the tree."""
from __future__ import annotations

import re
import sys
from collections import defaultdict

from header import ROOT

LAYERS = ["base", "kernels", "storage", "index", "query", "api"]  # docs/architecture.md
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def misplaced_includes() -> list[str]:
    found = []
    for path in sorted((ROOT / "src").rglob("*.[ch]")):
        name = path.relative_to(ROOT)
        if len(name.parts) != 3 or name.parts[1] not in LAYERS:
            found.append(f"{name}: lies in no layer ({', '.join(LAYERS)})")
            continue
        layer = LAYERS.index(name.parts[1])
        for included in INCLUDE.findall(path.read_text(encoding="utf-8")):
            folder = included.split("/")[0]
            if not (ROOT / "src" / included).is_file():
                found.append(f'{name}: "{included}" is not a path from src/')
            elif LAYERS.index(folder) > layer:
                found.append(f'{name}: "{included}" belongs to a higher layer')
    return found


def repeated_names() -> list[str]:
    places = defaultdict(list)
    for folder in ("include", "src", "tests"):
        for path in sorted((ROOT / folder).rglob("*.[ch]")):
            if "node_modules" not in path.parts:
                places[path.name].append(str(path.relative_to(ROOT)))
    return [f"{name}: named alike: {', '.join(paths)}" for name, paths in places.items() if len(paths) > 1]


if __name__ == "__main__":
    faults = {"layers": misplaced_includes, "names": repeated_names}[sys.argv[1]]()
    print("\n".join(faults))
    sys.exit(bool(faults))
