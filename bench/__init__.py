"""What vouchsafe costs, beside cosign: `make bench`, or `.venv/bin/python -m bench.run --help`."""
