"""The parts of `bench/image_scan.py`."""
