"""Security baseline of Linux machines: rules over the files of a root and over what a host reports of itself."""
