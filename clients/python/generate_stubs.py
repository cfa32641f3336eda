"""Generates ``src/hyperswap/v1`` from the protos of the repository: messages, gRPC stubs, and their types.

The result is not committed. A source distribution carries it, because it has no protos to generate it from.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

here = Path(__file__).resolve().parent
protos = here.parent.parent / "proto"
target = here / "src"


def generate() -> bool:
    """Write the stubs; return False where there are no protos, as in a source distribution."""
    files = sorted((protos / "hyperswap" / "v1").glob("*.proto"))
    if not files:
        return False
    import grpc_tools
    from grpc_tools import protoc

    packages = Path(grpc_tools.__file__).parent.parent
    with TemporaryDirectory() as work:
        plugins = [f"--plugin=protoc-gen-{name}={_plugin(name, packages)}" for name in ("mypy", "mypy_grpc")]
        out = [f"--{kind}_out={work}" for kind in ("python", "grpc_python")]
        typed = [f"--mypy_out=quiet:{work}", f"--mypy_grpc_out=quiet:{work}"]
        includes = [f"-I{protos}", f"-I{packages / 'grpc_tools' / '_proto'}"]
        if protoc.main(["protoc", *includes, *plugins, *out, *typed, *map(str, files)]) != 0:
            raise SystemExit("protoc failed; see its message above")
        made = Path(work) / "hyperswap" / "v1"
        (made / "__init__.py").write_text('"""Messages and stubs that protoc generated."""\n')
        _replace(made, target / "hyperswap" / "v1")
    return True


def _plugin(name: str, packages: Path) -> str:
    """Return the path of a plugin: beside the interpreter, beside packages of ``pip --target``, or on the PATH."""
    program = f"protoc-gen-{name}"
    folders = (str(Path(sys.executable).parent), str(packages / "bin"), None)
    found = next(filter(None, (shutil.which(program, path=folder) for folder in folders)), None)
    if found is None:
        raise SystemExit(f"{program} is not installed: run pip install mypy-protobuf")
    return found


def _replace(made: Path, folder: Path) -> None:
    """Put changed files in place, each at once, because another process may be reading them."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {path.name for path in made.iterdir()}
    for old in folder.glob("*_pb2*"):
        if old.name not in names:
            old.unlink()
    for path in made.iterdir():
        place = folder / path.name
        if not place.exists() or place.read_bytes() != path.read_bytes():
            partial = place.with_name(f".{place.name}.{os.getpid()}")
            shutil.copyfile(path, partial)
            partial.replace(place)


if __name__ == "__main__":
    generate()
