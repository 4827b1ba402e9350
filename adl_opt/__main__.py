"""`python -m adl_opt` is the command `adl-opt`."""

from .cli import main

if __name__ == "__main__":
    main()
