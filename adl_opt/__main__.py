"""`python -m adl_opt` is the command `adl-opt`."""

from adl_opt.cli.app import main

if __name__ == "__main__":
    main()
