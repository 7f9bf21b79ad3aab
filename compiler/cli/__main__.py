"""`python -m compiler.cli`: the same as the command `treadle`."""

import sys

from compiler.cli.main import main

sys.exit(main())
