"""`closure.py ATTRIBUTES` prints what an image would hold, by name.

Where a name is new, it fails, and says who brought it. ATTRIBUTES is the file of a Nix build with structured
attributes, whose `exportReferencesGraph.closure` names the image's configuration. The graph starts there,
at the one path that no other refers to; it is no part of the image.
"""

import json
import re
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

STORE = PurePosixPath("/nix/store")
WANTED = re.compile(r"(mailroom-runtime|slimmed|nss-cacert)-\d[\d.]*\w*")

Graph = Mapping[str, Sequence[str]]


def name_of(path: str) -> str:
    """A store path's name, without the hash: `/nix/store/HASH-bash-5.3` is bash-5.3."""
    return PurePosixPath(path).name.partition("-")[2]


def chain(graph: Graph, start: str, wanted: str) -> list[str]:
    """The shortest way from one path to another, along references, as `nix why-depends` shows it."""
    came_from, waiting = {start: ""}, deque([start])
    while waiting:
        path = waiting.popleft()
        for reference in sorted(graph[path]):
            if reference not in came_from:
                came_from[reference] = path
                waiting.append(reference)
    way = [wanted]
    while way[0] != start:
        way.insert(0, came_from[way[0]])
    return way


def places(path: str, reference: str) -> Iterator[str]:
    """The files and links of a store path that hold a reference."""
    wanted = PurePosixPath(reference).name.partition("-")[0].encode()
    root = Path(path)
    for file in sorted(root.rglob("*")) if root.is_dir() else [root]:
        if file.is_symlink():
            held = bytes(file.readlink())
        elif file.is_file():
            held = file.read_bytes()
        else:
            continue
        if wanted in held:
            yield str(file.relative_to(root))


def problems(graph: Graph, start: str) -> Iterator[str]:
    """What does not belong into the image, one line each, with who brought it."""
    for path in sorted(graph, key=name_of):
        if path == start or WANTED.fullmatch(name_of(path)):
            continue
        way = chain(graph, start, path)
        first = next(place for place in way[1:] if not WANTED.fullmatch(name_of(place)))
        if first != path:
            yield f"  {name_of(path)}, with {name_of(first)}"
            continue
        *_, bringer, _ = way
        files = list(places(bringer, path))
        brought = (
            " -> ".join(name_of(place) for place in way[1:]) if bringer != start else "the configuration"
        )
        where = f" ({', '.join(files[:3])}{', ...' if len(files) > 3 else ''})" if bringer != start else ""
        yield f"  {name_of(path)}, brought by {brought}{where}"


def main(attributes: str) -> str | None:
    """List the closure, or return what is wrong with it."""
    paths = json.loads(Path(attributes).read_text())["closure"]
    graph = {each["path"]: [path for path in each["references"] if path != each["path"]] for each in paths}
    referred = {path for references in graph.values() for path in references}
    (start,) = graph.keys() - referred
    if found := list(problems(graph, start)):
        return "\n".join(["The image would hold what is not among the names that it may hold:", *found])
    for each in sorted(paths, key=lambda each: name_of(each["path"])):
        if each["path"] != start:
            print(f"{each['narSize'] / 1e6:6.1f} MB unpacked  {name_of(each['path'])}")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
