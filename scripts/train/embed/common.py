"""Makes the modules of `scripts/train` importable; import this first."""
import sys
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parent.parent))
