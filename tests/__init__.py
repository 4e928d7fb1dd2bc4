"""The tests of Aftermerge; their layout mirrors the modules of the package."""
