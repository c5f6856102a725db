"""`python -m vouchsafe.cli`."""

import sys

from vouchsafe.cli import main

sys.exit(main())
