"""``python -m asyncdbx``."""

from asyncdbx.cli import main

main()
