"""Run by the slimmed interpreter, this fails unless everything that it loads lies in its own folder."""

import importlib
import locale
import socket
import ssl
import sys
from pathlib import Path

modules = Path(sys.base_prefix).glob("lib/python3.*/lib-dynload/*.so")
for module in modules:
    importlib.import_module(module.name.partition(".")[0])
ssl.create_default_context()
socket.getaddrinfo("localhost", 443)

mapped = {
    fields[5] for line in Path("/proc/self/maps").read_text().splitlines() if len(fields := line.split()) > 5
}
libraries = {path for path in mapped if ".so" in Path(path).name}
strangers = {path for path in libraries if not Path(path).is_relative_to(sys.base_prefix)}
problems = [f"loaded from elsewhere: {path}" for path in sorted(strangers)]
if not libraries:
    problems.append("what is loaded cannot be seen")
if (encoding := locale.getpreferredencoding().lower()) != "utf-8":
    problems.append(f"text is written as {encoding}, not as UTF-8")
sys.exit("\n".join(problems) or 0)
