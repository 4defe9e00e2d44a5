import sys
from pathlib import Path

# The scripts of bench/ are no package: Python finds them beside the one that is run.
sys.path.append(str(Path(__file__).parents[2] / "bench"))
