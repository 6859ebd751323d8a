"""`python -m mailroom`: the command line; by itself it starts the service, as containers expect."""

import sys

from mailroom.cli import main

sys.exit(main(sys.argv[1:] or ["run"]))
