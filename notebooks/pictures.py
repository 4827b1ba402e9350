"""The README's picture, drawn from a model: `make notebooks` calls it."""

from pathlib import Path

import adl_opt as adl

TARGET = Path(__file__).resolve().parent / "rendered" / "water_level.png"


def main() -> None:
    """Twelve made-up shorts, a third of them closed by water-filling."""
    adl.water_filling(adl.load("expected_loss").event(12, 1)).plot(TARGET)
    print(f"{TARGET.parent.name}/{TARGET.name}")


if __name__ == "__main__":
    main()
