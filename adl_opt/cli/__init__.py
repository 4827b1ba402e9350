"""The command line `adl-opt`."""

from adl_opt.cli.app import main as main
